// Package directory keeps the objects of a pool in a directory that all members have mounted,
// by NFS or SMB: each object is a file. It knows files, and not what the objects are.
//
// A mount whose server is away may hold whoever touches it for as long as it likes, and no
// context ends that (nfs(5), hard). Names are told apart by upper and lower case only where the
// server does so.
package directory

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"iter"
	"net/url"
	"os"
	"path"
	"path/filepath"
	"strings"
	"sync/atomic"
	"syscall"
	"time"

	"ccsfs/internal/osfile"
	"ccsfs/internal/pool"
)

// unfinished is the directory of what is being written. No object has a ~ in its name.
const unfinished = "~unfinished"

// leftAfter is the age at which an unfinished file is taken for left behind, by the clock of
// the server.
const leftAfter = 24 * time.Hour

// Store is a [pool.Objects] in a directory.
type Store struct {
	path   string
	root   *os.Root
	swept  atomic.Bool
	closed atomic.Bool
}

var _ pool.Objects = (*Store)(nil)

// Scheme begins an address.
const Scheme = "file://"

// ParseAddress reads file:///PATH, in which what has a meaning in URLs is written with %.
func ParseAddress(text string) (string, error) {
	u, err := url.Parse(text)
	if err != nil || u.Scheme != "file" || u.Host != "" || u.User != nil || u.RawQuery != "" || u.ForceQuery ||
		u.Fragment != "" || !strings.HasPrefix(u.Path, "/") || strings.ContainsRune(u.Path, 0) {
		return "", errors.New("the address of a directory is file:///PATH, with % before what is special in a URL")
	}
	p := u.Path
	if len(p) > 2 && p[2] == ':' && filepath.VolumeName(p[1:]) != "" { // /C:/PATH, where there are such
		p = p[1:]
	}
	if path.Clean(p) == "/" {
		return "", errors.New("the address of a directory cannot be the root of all files")
	}
	return filepath.Clean(filepath.FromSlash(p)), nil
}

// Open begins the use of a directory, which must be there. The error Is [pool.ErrAway] or
// [pool.ErrRefused].
func Open(path string) (*Store, error) {
	root, err := os.OpenRoot(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("%w: %w: mount it, or make it", pool.ErrRefused, err)
	}
	if err != nil {
		return nil, failure("open", err)
	}
	return &Store{path: path, root: root}, nil
}

// Close ends the use. Bodies that are open can be read on.
func (s *Store) Close() error {
	if s.closed.Swap(true) {
		return nil
	}
	return s.root.Close()
}

// do does something with an object, twice if a server says that it does not know a file any
// more which it named before (ESTALE).
func (s *Store) do(ctx context.Context, doing, name string, op func() error) error {
	doing += " " + name
	switch {
	case s.closed.Load():
		return fmt.Errorf("%s: %w", doing, fs.ErrClosed)
	case ctx.Err() != nil:
		return fmt.Errorf("%s: %w", doing, context.Cause(ctx))
	}
	if err := pool.CheckName(name); err != nil {
		return err
	}
	err := op()
	if errors.Is(err, syscall.ESTALE) {
		err = op()
	}
	return failure(doing, err)
}

// Get implements [pool.Objects].
func (s *Store) Get(ctx context.Context, name string) (o pool.Object, err error) {
	err = s.do(ctx, "read", name, func() error {
		if err := s.plain(name); err != nil {
			return err
		}
		f, err := s.root.Open(name)
		if err != nil {
			return err
		}
		info, err := f.Stat()
		if err == nil && !info.Mode().IsRegular() {
			err = errOdd
		}
		if err != nil {
			f.Close()
			return err
		}
		o = pool.Object{Body: &body{f: f, ctx: ctx, left: info.Size()}, Size: info.Size()}
		return nil
	})
	return o, err
}

// errOdd is of what nobody puts into a pool.
var errOdd = fmt.Errorf("%w: there is something that is neither a file nor a directory; remove it", pool.ErrRefused)

// plain tells whether a name leads to a file without a symbolic link on the way.
func (s *Store) plain(name string) error {
	for i, c := range name + "/" {
		if c != '/' {
			continue
		}
		info, err := s.root.Lstat(name[:i])
		switch {
		case errors.Is(err, syscall.ENOTDIR), err == nil && i < len(name) && info.Mode().IsRegular(), err == nil && i == len(name) && info.IsDir():
			return fs.ErrNotExist
		case err != nil:
			return err
		case i < len(name) && !info.IsDir() || i == len(name) && !info.Mode().IsRegular():
			return errOdd
		}
	}
	return nil
}

// Put implements [pool.Objects].
func (s *Store) Put(ctx context.Context, name string, from io.ReaderAt, size int64) error {
	return s.do(ctx, "write", name, func() error {
		if err := s.plain(name); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return err
		}
		if err := errors.Join(s.root.MkdirAll(path.Dir(name), 0o700), s.root.MkdirAll(unfinished, 0o700)); err != nil {
			return err
		}
		temporary := path.Join(unfinished, rand.Text())
		err := s.write(temporary, &reader{ctx: ctx, r: io.NewSectionReader(from, 0, size)}, size)
		if err == nil {
			err = s.root.Rename(temporary, name)
		}
		if err != nil {
			return errors.Join(err, ignoreAbsent(s.root.Remove(temporary)))
		}
		return osfile.SyncDir(filepath.Join(s.path, filepath.FromSlash(path.Dir(name))))
	})
}

func (s *Store) write(name string, from io.Reader, size int64) error {
	f, err := s.root.OpenFile(name, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return err
	}
	if info, err := f.Stat(); err == nil && !s.swept.Swap(true) {
		s.sweep(info.ModTime())
	}
	n, err := io.Copy(f, from)
	if err == nil && n < size {
		err = io.ErrUnexpectedEOF
	}
	if err == nil {
		err = f.Sync()
	}
	return errors.Join(err, f.Close())
}

// sweep removes what members that died were writing a day before now.
func (s *Store) sweep(now time.Time) {
	entries, err := fs.ReadDir(s.root.FS(), unfinished)
	if err != nil {
		return
	}
	for _, entry := range entries {
		if info, err := entry.Info(); err == nil && now.Sub(info.ModTime()) > leftAfter {
			_ = s.root.Remove(path.Join(unfinished, entry.Name())) // the next member tries it, too
		}
	}
}

// Remove implements [pool.Objects].
func (s *Store) Remove(ctx context.Context, name string) error {
	return s.do(ctx, "remove", name, func() error {
		err := s.plain(name)
		if err == nil {
			err = s.root.Remove(name)
		}
		return ignoreAbsent(err)
	})
}

// List implements [pool.Objects]. What cannot be an object is left out.
func (s *Store) List(ctx context.Context, prefix string) iter.Seq2[pool.ObjectInfo, error] {
	return func(yield func(pool.ObjectInfo, error) bool) {
		if err := s.do(ctx, "list", "list", func() error { return nil }); err != nil {
			yield(pool.ObjectInfo{}, err)
			return
		}
		s.walk(ctx, ".", prefix, yield)
	}
}
