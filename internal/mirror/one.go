package mirror

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"time"

	"ccsfs/internal/content"
	"ccsfs/internal/folder"
	"ccsfs/internal/osfile"
)

// onePrefix begins the names of the temporary files of One. Runs into a directory take
// them for nothing of theirs.
const onePrefix = temporaryPrefix + "one-"

// ErrOccupied says that another file is where a document was to go.
var ErrOccupied = errors.New("the file there is another one and is kept; --force replaces it")

// One copies a document to a file, whole or not at all; nil if the file holds it already.
// There is no journal beside a single file, so that whatever else it holds is taken for
// somebody's, and kept unless o.Force is set: that is ErrOccupied. What is no regular file
// is never replaced. Of o it heeds Force and Prefetch; dry finds out what it would do,
// without asking for the document. An error that Is ErrDestination is that of the place.
func One(ctx context.Context, store *content.Store, item Item, file string, o Options, dry bool, progress Progress) (*Copy, error) {
	was, err := standing(file)
	if err != nil {
		return nil, err
	}
	p := &puller{dest: &Dest{dry: dry}, store: store, options: o, progress: progress}
	c := &Copy{Item: item, Bytes: -1, Updated: was != nil}
	if was != nil {
		info, err := p.know(ctx, item)
		if errors.Is(err, errUnsure) {
			c.Unsure = true
			return c, nil
		}
		if err != nil {
			return nil, err
		}
		switch same, err := p.holds(ctx, item, file, was, info); {
		case errors.Is(err, errUnsure):
			c.Unsure = true
			return c, nil
		case err != nil || same:
			return nil, err
		case !o.Force:
			return nil, ErrOccupied
		}
	}
	if dry {
		if err := osfile.Writable(filepath.Dir(file)); err != nil {
			return nil, fmt.Errorf("%w: %s: %w", ErrDestination, filepath.Dir(file), err)
		}
		if info, ok := store.Peek(item.Ref); ok {
			c.Bytes = info.Size
		}
		return c, nil
	}
	for range 2 { // one that changes while it is read is read again, once
		if c.Bytes, err = p.putOne(ctx, item, file, was != nil); !errors.Is(err, content.ErrChanged) {
			break
		}
	}
	switch {
	case was == nil && errors.Is(err, ErrOccupied): // somebody was faster, maybe with the same
		if _, gone := os.Lstat(file); gone == nil {
			return One(ctx, store, item, file, o, dry, progress)
		}
		return nil, err
	case err != nil:
		return nil, err
	}
	return c, nil
}

// standing looks at the file that is in the place; nil if there is none.
func standing(file string) (fs.FileInfo, error) {
	info, err := os.Lstat(file)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return nil, nil
	case err != nil:
		return nil, fmt.Errorf("%w: %w", ErrDestination, cause(err))
	case info.Mode()&fs.ModeSymlink != 0:
		return nil, errors.New("a symbolic link is in its place; it is left alone")
	case !info.Mode().IsRegular():
		return nil, errors.New("something that is no file is in its place; it is left alone")
	}
	return info, nil
}

// holds tells whether a file has the bytes of the document; its time is no matter.
func (p *puller) holds(ctx context.Context, item Item, file string, was fs.FileInfo, info content.Info) (bool, error) {
	if was.Size() != info.Size {
		return false, nil
	}
	f, err := os.Open(file)
	if err != nil {
		return false, err
	}
	defer f.Close()
	sum, err := hashOf(f)
	if err != nil {
		return false, err
	}
	want := info.SHA256
	if want == "" && p.dest.dry {
		return false, errUnsure
	}
	if want == "" {
		if _, want, _, err = p.transfer(ctx, item, io.Discard); err != nil {
			return false, err
		}
	}
	return sum == want, nil
}

// putOne puts a document into the place of a file. replace says that one may be there.
func (p *puller) putOne(ctx context.Context, item Item, file string, replace bool) (n int64, err error) {
	dir := filepath.Dir(file)
	sweepOnes(dir)
	temp := filepath.Join(dir, onePrefix+rand.Text())
	f, err := osfile.Open(temp, os.O_RDWR|os.O_CREATE|os.O_EXCL, osfile.Copied)
	if err != nil {
		return 0, fmt.Errorf("%w: %s: %w", ErrDestination, dir, cause(err))
	}
	defer func() {
		f.Close()
		_ = osfile.Remove(temp) // fails if it is in its place
	}()
	_ = osfile.TryLock(f) // nobody has it: see sweepOnes
	out := &placed{f: f}
	n, _, info, err := p.transfer(ctx, item, counted{out, p.progress})
	if err == nil {
		out.err = f.Sync() // without it a power cut could leave the name with nothing behind it
	}
	if err == nil && out.err == nil {
		at := folder.ModTime(item.Doc, info)
		out.err = os.Chtimes(temp, at, at)
	}
	switch {
	case out.err != nil:
		return n, fmt.Errorf("%w: %s: %w", ErrDestination, dir, cause(out.err))
	case err != nil:
		return n, err
	}
	return n, into(temp, file, replace)
}

// into gives a finished file its name. Where none may be there, none is replaced that came
// meanwhile.
func into(temp, file string, replace bool) error {
	if !replace {
		err := os.Link(temp, file)
		if err == nil || errors.Is(err, fs.ErrExist) {
			if err != nil {
				err = ErrOccupied
			}
			return err
		}
		// A file system without links.
		if _, err := os.Lstat(file); err == nil {
			return ErrOccupied
		}
	}
	if err := osfile.Rename(temp, file); err != nil {
		return fmt.Errorf("%w: %w", ErrDestination, cause(err))
	}
	return nil
}

// placed remembers that the disk, and not the API, has failed.
type placed struct {
	f   *os.File
	err error
}

// Write implements io.Writer.
func (w *placed) Write(p []byte) (int, error) {
	n, err := w.f.Write(p)
	if err != nil {
		w.err = err
	}
	return n, err
}

// sweepOnes removes what killed runs of One left in a directory: nobody has it locked. One
// that was made this minute may be about to be.
func sweepOnes(dir string) {
	all, err := os.ReadDir(dir)
	if err != nil {
		return // what cannot be seen to, the next run sees to
	}
	for _, e := range all {
		random, ok := strings.CutPrefix(e.Name(), onePrefix)
		if !ok || strings.Trim(random, "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567") != "" || !e.Type().IsRegular() {
			continue
		}
		if info, err := e.Info(); err != nil || time.Since(info.ModTime()) < time.Minute {
			continue
		}
		at := filepath.Join(dir, e.Name())
		f, err := osfile.Open(at, os.O_RDONLY, 0)
		if err != nil {
			continue
		}
		if osfile.TryLock(f) == nil {
			_ = osfile.Remove(at)
		}
		f.Close()
	}
}
