package directory

import (
	"bytes"
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"
	"slices"
	"strings"
	"syscall"
	"time"

	"ccsfs/internal/osfile"
	"ccsfs/internal/pool"
)

// walk is a list that is being made.
type walk struct {
	store  *Store
	ctx    context.Context
	prefix string
	yield  func(pool.ObjectInfo, error) bool
}

// entry is what lies in a directory.
type entry struct {
	name string // from the top, with a / behind that of a directory
	info fs.FileInfo
}

// directory yields the objects below a directory, by name, and tells whether to go on.
func (l walk) directory(dir string) bool {
	var entries []entry
	err := l.store.do(l.ctx, "list", "list", func(w *work, root *os.Root) (err error) {
		entries, err = l.read(w, root, dir)
		return err
	}, nil)
	if errors.Is(err, fs.ErrNotExist) && dir != "." {
		return true // it was removed meanwhile
	}
	if err != nil {
		l.yield(pool.ObjectInfo{}, err)
		return false
	}
	// A directory sorts as what its files are called: a-b, a/c, a0.
	slices.SortFunc(entries, func(a, b entry) int { return strings.Compare(a.name, b.name) })
	for _, e := range entries {
		if l.ctx.Err() != nil {
			l.yield(pool.ObjectInfo{}, fmt.Errorf("list %s…: %w", l.prefix, context.Cause(l.ctx)))
			return false
		}
		if below, is := strings.CutSuffix(e.name, "/"); is {
			if !l.directory(below) {
				return false
			}
		} else if !l.yield(pool.ObjectInfo{Name: e.name, Size: e.info.Size(), Modified: e.info.ModTime()}, nil) {
			return false
		}
	}
	return true
}

// read tells what lies in a directory, and may be on the way to what is listed.
func (l walk) read(w *work, root *os.Root, dir string) ([]entry, error) {
	all, err := readDir(w, root, dir)
	if err != nil {
		return nil, err
	}
	var entries []entry
	for _, e := range all {
		name := path.Join(dir, e.Name())
		switch {
		case e.IsDir():
			name += "/"
			if within := strings.HasPrefix(name, l.prefix) || strings.HasPrefix(l.prefix, name); within && name != unfinished+"/" {
				entries = append(entries, entry{name: name})
			}
			continue
		case !e.Type().IsRegular() || !strings.HasPrefix(name, l.prefix) || pool.CheckName(name) != nil:
			continue
		}
		if err := w.goOn("stat", patience); err != nil {
			return nil, err
		}
		info, err := e.Info()
		switch {
		case errors.Is(err, fs.ErrNotExist):
		case err != nil:
			return nil, err
		default:
			entries = append(entries, entry{name, info})
		}
	}
	return entries, nil
}

// readDir reads a directory to its end, a part after the other.
func readDir(w *work, root *os.Root, dir string) (all []fs.DirEntry, err error) {
	if err := w.goOn("list", patience); err != nil {
		return nil, err
	}
	f, err := root.Open(dir)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	for {
		if err := w.goOn("list", patience); err != nil {
			return nil, err
		}
		some, err := f.ReadDir(listPart)
		all = append(all, some...)
		if errors.Is(err, io.EOF) {
			return all, nil
		}
		if err != nil {
			return nil, err
		}
	}
}

// listPart is how many entries of a directory are read at once.
const listPart = 256

// bodyError is of what was to be put, not of the directory.
type bodyError struct{ error }

// Unwrap is the error itself.
func (e *bodyError) Unwrap() error { return e.error }

// whole reads a file to its end.
func whole(w *work, f *os.File, size int64) (pool.Object, error) {
	if err := w.goOn("read", stall); err != nil {
		return pool.Object{}, err
	}
	p := make([]byte, size)
	if _, err := io.ReadFull(f, p); errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
		return pool.Object{}, errShorter
	} else if err != nil {
		return pool.Object{}, err
	}
	return pool.Object{Body: io.NopCloser(bytes.NewReader(p)), Size: size}, nil
}

var errShorter = fmt.Errorf("%w: a file became shorter while it was read: %w", pool.ErrAway, io.ErrUnexpectedEOF)

// inMemory is the body of an object that was read already.
type inMemory struct {
	io.ReadCloser
	ctx context.Context
}

// Read implements io.Reader.
func (b *inMemory) Read(p []byte) (int, error) {
	if b.ctx.Err() != nil {
		return 0, context.Cause(b.ctx)
	}
	return b.ReadCloser.Read(p)
}

// piece is how much of a body is read at once.
const piece = 128 << 10

// body is an object that is open.
type body struct {
	s    *Store
	f    *os.File
	ctx  context.Context
	left int64
	buf  []byte // what is read goes here first: who was given up may write to it later
	bad  error  // it was given up
}

// Read implements io.Reader.
func (b *body) Read(p []byte) (int, error) {
	switch {
	case b.ctx.Err() != nil:
		return 0, context.Cause(b.ctx)
	case b.bad != nil:
		return 0, b.bad
	case len(p) == 0:
		return 0, nil
	case b.buf == nil:
		b.buf = make([]byte, min(max(b.left, 512), piece))
	}
	buf, n := b.buf[:min(len(p), len(b.buf))], 0
	err := b.s.behind(b.ctx, func(w *work) (err error) {
		if err := w.goOn("read", stall); err != nil {
			return err
		}
		n, err = b.f.Read(buf)
		return err
	}, nil)
	switch {
	case err == nil:
		b.left -= int64(n)
		return copy(p, buf[:n]), nil
	case errors.Is(err, io.EOF) && b.left > 0:
		return 0, errShorter
	case errors.Is(err, io.EOF):
		return 0, err
	}
	b.bad, b.buf = failure("read", err), nil
	return 0, b.bad
}

// Close implements io.Closer.
func (b *body) Close() error { return b.s.closeBehind(b.f) }

func ignoreAbsent(err error) error {
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	return err
}

// failure is an error of files as the pool knows them.
func failure(doing string, err error) error {
	var body *bodyError
	switch {
	case err == nil:
		return nil
	case errors.As(err, &body), errors.Is(err, io.ErrUnexpectedEOF), errors.Is(err, fs.ErrNotExist), errors.Is(err, fs.ErrClosed),
		errors.Is(err, context.Canceled), errors.Is(err, context.DeadlineExceeded), errors.Is(err, pool.ErrAway), errors.Is(err, pool.ErrRefused):
		return fmt.Errorf("%s: %w", doing, err)
	case osfile.IsFull(err):
		return fmt.Errorf("%s: %w: %w; make room", doing, pool.ErrRefused, err)
	case osfile.IsReadOnly(err), errors.Is(err, fs.ErrPermission):
		return fmt.Errorf("%s: %w: %w; let this user write there", doing, pool.ErrRefused, err)
	case errors.Is(err, syscall.ENOTDIR), errors.Is(err, syscall.EISDIR), errors.Is(err, fs.ErrExist):
		return fmt.Errorf("%s: %w: %w; something else has its place", doing, pool.ErrRefused, err)
	}
	return fmt.Errorf("%s: %w: %w", doing, pool.ErrAway, err)
}

// Check finds out whether everything that a pool does can be done, with an object that it puts
// and removes again.
func (s *Store) Check(ctx context.Context) []pool.Finding {
	name := "check-" + strings.ToLower(rand.Text())
	findings := pool.Probe(ctx, s, name)
	if ahead, err := s.ahead(ctx); err == nil {
		findings = append(findings, pool.ClockFinding(ahead))
	}
	return findings
}

// ahead is how far the clock of the server is ahead of ours, by what it says of a new file.
func (s *Store) ahead(ctx context.Context) (time.Duration, error) {
	var ahead time.Duration
	err := s.behind(ctx, func(w *work) error {
		dir, err := s.open(w)
		if err != nil {
			return err
		}
		if err := w.goOn("make", stall); err != nil {
			return err
		}
		if err := dir.MkdirAll(unfinished, 0o700); err != nil {
			return err
		}
		name := path.Join(unfinished, rand.Text())
		begun := time.Now()
		f, err := dir.OpenFile(name, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
		if err != nil {
			return err
		}
		info, err := f.Stat()
		if err := errors.Join(err, f.Close(), dir.Remove(name)); err != nil {
			return err
		}
		ahead = info.ModTime().Sub(begun)
		return nil
	}, nil)
	if err != nil {
		return 0, err
	}
	return ahead, nil
}
