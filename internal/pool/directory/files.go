package directory

import (
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
	ctx    context.Context
	root   *os.Root
	prefix string
	yield  func(pool.ObjectInfo, error) bool
}

// directory yields the objects below a directory, by name, and tells whether to go on.
func (w walk) directory(dir string) bool {
	ctx, prefix, yield := w.ctx, w.prefix, w.yield
	if ctx.Err() != nil {
		yield(pool.ObjectInfo{}, fmt.Errorf("list %s…: %w", prefix, context.Cause(ctx)))
		return false
	}
	entries, err := fs.ReadDir(w.root.FS(), dir)
	if errors.Is(err, syscall.ESTALE) {
		entries, err = fs.ReadDir(w.root.FS(), dir)
	}
	if errors.Is(err, fs.ErrNotExist) && dir != "." {
		return true // it was removed meanwhile
	}
	if err != nil {
		yield(pool.ObjectInfo{}, failure("list "+prefix+"…", err))
		return false
	}
	// A directory sorts as what its files are called: a-b, a/c, a0.
	key := func(e fs.DirEntry) string {
		if e.IsDir() {
			return e.Name() + "/"
		}
		return e.Name()
	}
	slices.SortFunc(entries, func(a, b fs.DirEntry) int { return strings.Compare(key(a), key(b)) })
	for _, entry := range entries {
		name := path.Join(dir, key(entry))
		if entry.IsDir() {
			name += "/"
		}
		if !w.visit(entry, name) {
			return false
		}
	}
	return true
}

func (w walk) visit(entry fs.DirEntry, name string) bool {
	ctx, prefix, yield := w.ctx, w.prefix, w.yield
	switch {
	case entry.IsDir():
		if within := strings.HasPrefix(name, prefix) || strings.HasPrefix(prefix, name); within && name != unfinished+"/" {
			return w.directory(strings.TrimSuffix(name, "/"))
		}
		return true
	case !entry.Type().IsRegular() || !strings.HasPrefix(name, prefix) || pool.CheckName(name) != nil:
		return true
	case ctx.Err() != nil:
		yield(pool.ObjectInfo{}, fmt.Errorf("list %s…: %w", prefix, context.Cause(ctx)))
		return false
	}
	info, err := entry.Info()
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return true
	case err != nil:
		yield(pool.ObjectInfo{}, failure("list "+name, err))
		return false
	}
	return yield(pool.ObjectInfo{Name: name, Size: info.Size(), Modified: info.ModTime()}, nil)
}

// reader ends with a context.
type reader struct {
	ctx context.Context
	r   io.Reader
}

// Read implements io.Reader.
func (r *reader) Read(p []byte) (int, error) {
	if r.ctx.Err() != nil {
		return 0, context.Cause(r.ctx)
	}
	n, err := r.r.Read(p)
	if err != nil && !errors.Is(err, io.EOF) {
		err = &bodyError{err}
	}
	return n, err
}

// bodyError is of what was to be put, not of the directory.
type bodyError struct{ error }

// Unwrap is the error itself.
func (e *bodyError) Unwrap() error { return e.error }

// body is an object that is open.
type body struct {
	f    *os.File
	ctx  context.Context
	left int64
}

// Read implements io.Reader.
func (b *body) Read(p []byte) (int, error) {
	if b.ctx.Err() != nil {
		return 0, context.Cause(b.ctx)
	}
	n, err := b.f.Read(p)
	b.left -= int64(n)
	switch {
	case errors.Is(err, io.EOF) && b.left > 0:
		return n, fmt.Errorf("%w: a file became shorter while it was read: %w", pool.ErrAway, io.ErrUnexpectedEOF)
	case err != nil && !errors.Is(err, io.EOF):
		return n, failure("read", err)
	}
	return n, err
}

// Close implements io.Closer.
func (b *body) Close() error { return b.f.Close() }

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
	if ahead, err := s.ahead(); err == nil {
		findings = append(findings, pool.ClockFinding(ahead))
	}
	return findings
}

// ahead is how far the clock of the server is ahead of ours, by what it says of a new file.
func (s *Store) ahead() (time.Duration, error) {
	dir, err := s.open()
	if err != nil {
		return 0, err
	}
	if err := dir.MkdirAll(unfinished, 0o700); err != nil {
		return 0, err
	}
	name := path.Join(unfinished, rand.Text())
	begun := time.Now()
	f, err := dir.OpenFile(name, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return 0, err
	}
	info, err := f.Stat()
	if err := errors.Join(err, f.Close(), dir.Remove(name)); err != nil {
		return 0, err
	}
	return info.ModTime().Sub(begun), nil
}
