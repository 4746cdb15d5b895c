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
	"sync"
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
	path  string
	swept atomic.Bool

	mu     sync.Mutex
	dir    *os.Root // nil: it is opened when it is needed
	closed bool
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

// Open prepares the use of a directory, which need not be there yet: a mount may come after
// this process has begun, go, and come again.
func Open(path string) *Store { return &Store{path: path} }

// Close ends the use. Bodies that are open can be read on.
func (s *Store) Close() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		return nil
	}
	s.closed = true
	if s.dir == nil {
		return nil
	}
	return s.dir.Close()
}

// open is the directory as it is now: what was mounted over it, or went, since it was last
// opened is noticed. The error Is [pool.ErrAway] or [pool.ErrRefused].
func (s *Store) open() (*os.Root, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		return nil, fs.ErrClosed
	}
	now, err := os.Stat(s.path)
	switch {
	case errors.Is(err, fs.ErrNotExist): // not that an object is not there
		return nil, fmt.Errorf("%w: there is no directory %s; mount it, or make it", pool.ErrAway, s.path)
	case err != nil:
		return nil, failure("open", err)
	}
	if s.dir != nil {
		was, err := s.dir.Stat(".")
		if err == nil && os.SameFile(was, now) {
			return s.dir, nil
		}
	}
	dir, err := os.OpenRoot(s.path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("%w: there is no directory %s; mount it, or make it", pool.ErrAway, s.path)
	}
	if err != nil {
		return nil, failure("open", err)
	}
	// One that was opened before may be in use; it is closed when nothing refers to it
	// (os.Root has a finalizer).
	s.dir = dir
	return dir, nil
}

// do does something with an object, twice if a server says that it does not know a file any
// more which it named before (ESTALE).
func (s *Store) do(ctx context.Context, doing, name string, op func(dir *os.Root) error) error {
	doing += " " + name
	if ctx.Err() != nil {
		return fmt.Errorf("%s: %w", doing, context.Cause(ctx))
	}
	if err := pool.CheckName(name); err != nil {
		return err
	}
	for again := false; ; again = true {
		dir, err := s.open()
		if err == nil {
			err = op(dir)
		}
		if again || !errors.Is(err, syscall.ESTALE) {
			return failure(doing, err)
		}
	}
}

// Get implements [pool.Objects].
func (s *Store) Get(ctx context.Context, name string) (o pool.Object, err error) {
	err = s.do(ctx, "read", name, func(dir *os.Root) error {
		if err := plain(dir, name); err != nil {
			return err
		}
		f, err := dir.Open(name)
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
func plain(dir *os.Root, name string) error {
	for i, c := range name + "/" {
		if c != '/' {
			continue
		}
		info, err := dir.Lstat(name[:i])
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
	return s.do(ctx, "write", name, func(dir *os.Root) error {
		if err := plain(dir, name); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return err
		}
		if err := errors.Join(dir.MkdirAll(path.Dir(name), 0o700), dir.MkdirAll(unfinished, 0o700)); err != nil {
			return err
		}
		temporary := path.Join(unfinished, rand.Text())
		err := s.write(dir, temporary, &reader{ctx: ctx, r: io.NewSectionReader(from, 0, size)}, size)
		if err == nil {
			err = dir.Rename(temporary, name)
		}
		if err != nil {
			return errors.Join(err, ignoreAbsent(dir.Remove(temporary)))
		}
		return osfile.SyncDir(filepath.Join(s.path, filepath.FromSlash(path.Dir(name))))
	})
}

func (s *Store) write(dir *os.Root, name string, from io.Reader, size int64) error {
	f, err := dir.OpenFile(name, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return err
	}
	if info, err := f.Stat(); err == nil && !s.swept.Swap(true) {
		sweep(dir, info.ModTime())
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
func sweep(dir *os.Root, now time.Time) {
	entries, err := fs.ReadDir(dir.FS(), unfinished)
	if err != nil {
		return
	}
	for _, entry := range entries {
		if info, err := entry.Info(); err == nil && now.Sub(info.ModTime()) > leftAfter {
			_ = dir.Remove(path.Join(unfinished, entry.Name())) // the next member tries it, too
		}
	}
}

// Remove implements [pool.Objects].
func (s *Store) Remove(ctx context.Context, name string) error {
	return s.do(ctx, "remove", name, func(dir *os.Root) error {
		err := plain(dir, name)
		if err == nil {
			err = dir.Remove(name)
		}
		return ignoreAbsent(err)
	})
}

// List implements [pool.Objects]. What cannot be an object is left out.
func (s *Store) List(ctx context.Context, prefix string) iter.Seq2[pool.ObjectInfo, error] {
	return func(yield func(pool.ObjectInfo, error) bool) {
		var root *os.Root
		if err := s.do(ctx, "list", "list", func(dir *os.Root) error { root = dir; return nil }); err != nil {
			yield(pool.ObjectInfo{}, err)
			return
		}
		w := walk{ctx, root, prefix, yield}
		w.directory(".")
	}
}
