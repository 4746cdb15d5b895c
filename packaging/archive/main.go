// Command archive packs a directory, for releases: the same files give the same bytes.
//
//	archive OUT.zip|OUT.tar.gz DIRECTORY
//
// Names in it begin with that of the directory. Their time is SOURCE_DATE_EPOCH
// (reproducible-builds.org), which must be set; their owner is nobody in particular.
package main

import (
	"archive/tar"
	"archive/zip"
	"compress/gzip"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"strconv"
	"strings"
	"time"
)

func main() {
	if err := run(os.Args[1:], os.Getenv("SOURCE_DATE_EPOCH")); err != nil {
		fmt.Fprintln(os.Stderr, "archive:", err)
		os.Exit(1)
	}
}

func run(args []string, epoch string) error {
	if len(args) != 2 {
		return errors.New("usage: archive OUT.zip|OUT.tar.gz DIRECTORY")
	}
	seconds, err := strconv.ParseInt(epoch, 10, 64)
	if err != nil {
		return fmt.Errorf("SOURCE_DATE_EPOCH: %w", err)
	}
	out, err := os.Create(args[0])
	if err != nil {
		return err
	}
	return errors.Join(write(out, args[0], args[1], time.Unix(seconds, 0).UTC()), out.Close())
}

// packer takes files, in order, and is closed after the last one.
type packer interface {
	add(name string, mode fs.FileMode, data []byte) error
	io.Closer
}

func write(w io.Writer, name, dir string, at time.Time) error {
	var p packer
	switch {
	case strings.HasSuffix(name, ".zip"):
		p = zipped{zip.NewWriter(w), at}
	case strings.HasSuffix(name, ".tar.gz"):
		z, err := gzip.NewWriterLevel(w, gzip.BestCompression)
		if err != nil {
			return err
		}
		p = tarred{tar.NewWriter(z), z, at}
	default:
		return fmt.Errorf("%s ends neither in .zip nor in .tar.gz", name)
	}
	top := os.DirFS(dir)
	err := fs.WalkDir(top, ".", func(at string, d fs.DirEntry, err error) error { // in the order of names
		if err != nil || d.IsDir() {
			return err
		}
		data, err := fs.ReadFile(top, at)
		if err != nil {
			return err
		}
		info, err := d.Info()
		if err != nil {
			return err
		}
		mode := fs.FileMode(0o644)
		if info.Mode()&0o100 != 0 {
			mode = 0o755
		}
		return p.add(path.Join(filepath.Base(dir), at), mode, data)
	})
	return errors.Join(err, p.Close())
}

type zipped struct {
	*zip.Writer
	at time.Time
}

func (z zipped) add(name string, mode fs.FileMode, data []byte) error {
	h := &zip.FileHeader{Name: name, Method: zip.Deflate, Modified: z.at}
	h.SetMode(mode)
	w, err := z.CreateHeader(h)
	if err == nil {
		_, err = w.Write(data)
	}
	return err
}

type tarred struct {
	*tar.Writer
	outer io.Closer
	at    time.Time
}

func (t tarred) add(name string, mode fs.FileMode, data []byte) error {
	err := t.WriteHeader(&tar.Header{Typeflag: tar.TypeReg, Name: name, Mode: int64(mode), Size: int64(len(data)), ModTime: t.at, Format: tar.FormatPAX})
	if err == nil {
		_, err = t.Write(data)
	}
	return err
}

// Close implements io.Closer.
func (t tarred) Close() error { return errors.Join(t.Writer.Close(), t.outer.Close()) }
