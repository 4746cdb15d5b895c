// Package directory keeps the objects of a pool in a directory that all members have mounted,
// by NFS or SMB: each object is a file. It knows files, and not what the objects are.
//
// A mount whose server is away may hold whoever touches it for as long as it likes, and no
// context ends that (nfs(5), hard): so that is done behind, and given up ([patience]). Only the
// end of the process waits for it, where the kernel has it so. Names are told apart by upper
// and lower case only where the server does so.
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
	slots chan struct{}           // of those who touch the mount
	steps atomic.Int64            // that they took
	touch func(step string) error // in tests: what a mount does to them

	mu     sync.Mutex  // nobody touches the mount under it
	dir    *os.Root    // nil: it is opened when it is needed
	is     fs.FileInfo // dir, when it was opened
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
func Open(path string) *Store { return &Store{path: path, slots: make(chan struct{}, atOnce)} }

// Close ends the use. Bodies that are open can be read on, and what stands still is not waited
// for.
func (s *Store) Close() error {
	s.mu.Lock()
	dir := s.dir
	s.closed, s.dir = true, nil
	s.mu.Unlock()
	if dir == nil {
		return nil
	}
	if err := s.closeBehind(dir); !errors.Is(err, errStill) {
		return err
	}
	return nil
}

// open is the directory as it is now: what was mounted over it, or went, since it was last
// opened is noticed. The error Is [pool.ErrAway] or [pool.ErrRefused].
func (s *Store) open(w *work) (*os.Root, error) {
	s.mu.Lock()
	was, is, closed := s.dir, s.is, s.closed
	s.mu.Unlock()
	if closed {
		return nil, fs.ErrClosed
	}
	if err := w.goOn("find", patience); err != nil {
		return nil, err
	}
	now, err := os.Stat(s.path)
	switch {
	case errors.Is(err, fs.ErrNotExist): // not that an object is not there
		return nil, s.absent()
	case err != nil:
		return nil, failure("open", err)
	case was != nil && os.SameFile(is, now): // was itself is not asked: its server may be away for good
		return was, nil
	}
	dir, err := os.OpenRoot(s.path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, s.absent()
	}
	if err != nil {
		return nil, failure("open", err)
	}
	if now, err = dir.Stat("."); err != nil {
		return nil, failure("open", errors.Join(err, dir.Close()))
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		return nil, errors.Join(fs.ErrClosed, dir.Close())
	}
	// One that was opened before may be in use; it is closed when nothing refers to it
	// (os.Root has a finalizer).
	s.dir, s.is = dir, now
	return dir, nil
}

func (s *Store) absent() error {
	return fmt.Errorf("%w: there is no directory %s; mount it, or make it", pool.ErrAway, s.path)
}

// forget has the directory be opened anew.
func (s *Store) forget() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.dir, s.is = nil, nil
}

// do does something with an object, twice if a server says that it does not know a file any
// more which it named before (ESTALE): behind, see there.
func (s *Store) do(ctx context.Context, doing, name string, op func(w *work, dir *os.Root) error, undo func()) error {
	doing += " " + name
	if ctx.Err() != nil {
		return fmt.Errorf("%s: %w", doing, context.Cause(ctx))
	}
	if err := pool.CheckName(name); err != nil {
		return err
	}
	return failure(doing, s.behind(ctx, func(w *work) error {
		for again := false; ; again = true {
			dir, err := s.open(w)
			if err == nil {
				err = op(w, dir)
			}
			if again || !errors.Is(err, syscall.ESTALE) {
				return err
			}
			s.forget()
		}
	}, undo))
}

// small is the size, in bytes, up to which an object is read when it is opened: NFS forgets a
// file under its readers when another machine replaces it (ESTALE), and it is opened anew.
const small = 1 << 20

// Get implements [pool.Objects].
func (s *Store) Get(ctx context.Context, name string) (pool.Object, error) {
	var o pool.Object
	err := s.do(ctx, "read", name, func(w *work, dir *os.Root) error {
		if err := plain(w, dir, name); err != nil {
			return err
		}
		if err := w.goOn("open", patience); err != nil {
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
		if err == nil && info.Size() <= small {
			if o, err = whole(w, f, info.Size()); err == nil {
				o.Body = &inMemory{o.Body, ctx}
				return f.Close()
			}
		}
		if err != nil {
			return errors.Join(err, f.Close())
		}
		o = pool.Object{Body: &body{s: s, f: f, ctx: ctx, left: info.Size()}, Size: info.Size()}
		return nil
	}, func() { o.Body.Close() })
	if err != nil {
		return pool.Object{}, err
	}
	return o, nil
}

// errOdd is of what nobody puts into a pool.
var errOdd = fmt.Errorf("%w: there is something that is neither a file nor a directory; remove it", pool.ErrRefused)

// plain tells whether a name leads to a file without a symbolic link on the way.
func plain(w *work, dir *os.Root, name string) error {
	for i, c := range name + "/" {
		if c != '/' {
			continue
		}
		if err := w.goOn("look", patience); err != nil {
			return err
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

// Put implements [pool.Objects]. One that was given up puts nothing later, unless only the
// last step was missing.
func (s *Store) Put(ctx context.Context, name string, from io.ReaderAt, size int64) error {
	return s.do(ctx, "write", name, func(w *work, dir *os.Root) error {
		if err := plain(w, dir, name); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return err
		}
		if err := w.goOn("mkdir", stall); err != nil {
			return err
		}
		if err := errors.Join(dir.MkdirAll(path.Dir(name), 0o700), dir.MkdirAll(unfinished, 0o700)); err != nil {
			return err
		}
		temporary := path.Join(unfinished, rand.Text())
		err := s.write(w, dir, temporary, &upload{ctx, w, io.NewSectionReader(from, 0, size)}, size)
		if err == nil {
			err = w.goOn("rename", stall)
		}
		if err == nil {
			err = dir.Rename(temporary, name)
		}
		if errors.Is(err, fs.ErrNotExist) { // by what this machine remembers of the directories, they are there
			err = fmt.Errorf("%w: another machine removed the directory: %s", pool.ErrAway, err.Error()) // not that it is not there
		}
		if err != nil {
			return errors.Join(err, ignoreAbsent(dir.Remove(temporary)))
		}
		if err := w.goOn("sync", finish*stall); err != nil {
			return err
		}
		return osfile.SyncDir(filepath.Join(s.path, filepath.FromSlash(path.Dir(name))))
	}, nil)
}

func (s *Store) write(w *work, dir *os.Root, name string, from io.Reader, size int64) error {
	if err := w.goOn("make", stall); err != nil {
		return err
	}
	f, err := dir.OpenFile(name, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return err
	}
	if info, err := f.Stat(); err == nil && !s.swept.Swap(true) {
		sweep(w, dir, info.ModTime())
	}
	return errors.Join(fill(w, f, from, size), f.Close())
}

// fill writes what is put into its file, and makes it durable, a part after the other: the kernel
// takes all of it at once, and would have the server take all of it in one step.
func fill(w *work, f *os.File, from io.Reader, size int64) error {
	for left, first := size, true; left > 0 || first; first = false {
		if err := w.goOn("write", stall); err != nil {
			return err
		}
		n, err := io.CopyN(f, from, min(left, part))
		if errors.Is(err, io.EOF) {
			err = io.ErrUnexpectedEOF
		}
		if err != nil {
			return err
		}
		left -= n
		if err := w.goOn("sync", finish*stall); err != nil {
			return err
		}
		if err := f.Sync(); err != nil {
			return err
		}
	}
	return nil
}

// sweep removes what members that died were writing a day before now.
func sweep(w *work, dir *os.Root, now time.Time) {
	entries, err := readDir(w, dir, unfinished)
	if err != nil {
		return
	}
	for _, entry := range entries {
		if w.goOn("sweep", patience) != nil {
			return
		}
		if info, err := entry.Info(); err == nil && now.Sub(info.ModTime()) > leftAfter {
			_ = dir.Remove(path.Join(unfinished, entry.Name())) // the next member tries it, too
		}
	}
}

// Remove implements [pool.Objects].
func (s *Store) Remove(ctx context.Context, name string) error {
	return s.do(ctx, "remove", name, func(w *work, dir *os.Root) error {
		err := plain(w, dir, name)
		if err == nil {
			err = w.goOn("remove", stall)
		}
		if err == nil {
			err = dir.Remove(name)
		}
		return ignoreAbsent(err)
	}, nil)
}

// List implements [pool.Objects]. What cannot be an object is left out.
func (s *Store) List(ctx context.Context, prefix string) iter.Seq2[pool.ObjectInfo, error] {
	return func(yield func(pool.ObjectInfo, error) bool) {
		l := walk{s, ctx, prefix, yield}
		l.directory(".")
	}
}
