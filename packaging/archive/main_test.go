package main

import (
	"archive/tar"
	"archive/zip"
	"bytes"
	"compress/gzip"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"testing"
	"time"

	"ccsfs/internal/osfile/osfiletest"
)

// Whenever, and by whomever, the files were made, the bytes are the same.
func TestArchivesAreReproducible(t *testing.T) {
	osfiletest.NeedsUnix(t, "modes")
	at := time.Unix(1_760_000_000, 0)
	pack := func(ext string, umask os.FileMode, when time.Time) []byte {
		dir := filepath.Join(t.TempDir(), "ccsfs-1.0")
		for name, mode := range map[string]os.FileMode{"ccsfs": 0o777, "man/ccsfs.1": 0o666, "LICENSE": 0o666} {
			path := filepath.Join(dir, name)
			if err := errors.Join(os.MkdirAll(filepath.Dir(path), 0o755), os.WriteFile(path, []byte(name), 0o600), os.Chmod(path, mode&^umask), os.Chtimes(path, when, when)); err != nil {
				t.Fatal(err)
			}
		}
		out := filepath.Join(t.TempDir(), "out"+ext)
		if err := run([]string{out, dir}, fmt.Sprint(at.Unix())); err != nil {
			t.Fatal(err)
		}
		data, err := os.ReadFile(out)
		if err != nil {
			t.Fatal(err)
		}
		return data
	}
	for _, ext := range []string{".zip", ".tar.gz"} {
		first := pack(ext, 0o022, time.Now())
		if !bytes.Equal(first, pack(ext, 0o077, at.Add(time.Hour))) {
			t.Errorf("%s: not the same again", ext)
		}
	}

	var got []string
	r, err := zip.NewReader(bytes.NewReader(pack(".zip", 0o022, at)), int64(len(pack(".zip", 0o022, at))))
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range r.File {
		got = append(got, fmt.Sprintf("%s %v %d", f.Name, f.Mode(), f.Modified.Unix()))
	}
	z, err := gzip.NewReader(bytes.NewReader(pack(".tar.gz", 0o022, at)))
	if err != nil {
		t.Fatal(err)
	}
	tr := tar.NewReader(z)
	for {
		h, err := tr.Next()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			t.Fatal(err)
		}
		got = append(got, fmt.Sprintf("%s %v %d", h.Name, h.FileInfo().Mode(), h.ModTime.Unix()))
	}
	one := []string{"ccsfs-1.0/LICENSE -rw-r--r-- 1760000000", "ccsfs-1.0/ccsfs -rwxr-xr-x 1760000000", "ccsfs-1.0/man/ccsfs.1 -rw-r--r-- 1760000000"}
	if want := fmt.Sprint(append(one, one...)); fmt.Sprint(got) != want {
		t.Errorf("%v, want %v", got, want)
	}
}

func TestWhatCannotBePacked(t *testing.T) {
	for _, args := range [][]string{nil, {filepath.Join(t.TempDir(), "x.rar"), t.TempDir()}, {filepath.Join(t.TempDir(), "x.zip"), "/does/not/exist"}} {
		if err := run(args, "0"); err == nil {
			t.Errorf("%v: no error", args)
		}
	}
	if err := run([]string{filepath.Join(t.TempDir(), "x.zip"), t.TempDir()}, ""); err == nil {
		t.Error("without a time")
	}
}
