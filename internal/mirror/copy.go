package mirror

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"path"
	"path/filepath"
	"time"

	"ccsfs/internal/content"
	"ccsfs/internal/folder"
)

// How the bytes of a document come to its place.

// copy puts a document into its place, where was is the file that it replaces, nil if
// there is none. One that changes while it is read is read again, once.
func (p *puller) copy(ctx context.Context, item Item, was fs.FileInfo) (*Copy, error) {
	if p.dest.dry {
		return p.foresee(item, was)
	}
	c, err := &Copy{Item: item, Updated: was != nil}, error(nil)
	unchanged := func(is fs.FileInfo) bool { return p.options.Force || sameFile(was, is) }
	for range 2 {
		var placed bool
		settled := func(bool) {}
		placed, err = p.dest.put(item, unchanged, func(w io.Writer) (time.Time, string, error) {
			count, sum, info, err := p.transfer(ctx, item, counted{w, p.progress})
			c.Bytes = count
			if err == nil && p.options.Placing != nil {
				var told func(bool)
				if told, err = p.options.Placing(*c); err == nil {
					settled = told
				}
			}
			return folder.ModTime(item.Doc, info), sum, err
		})
		settled(placed)
		if !errors.Is(err, content.ErrChanged) {
			break
		}
	}
	return c, err
}

// foresee is what copy would come to.
func (p *puller) foresee(item Item, was fs.FileInfo) (*Copy, error) {
	d := p.dest
	d.mu.Lock()
	defer d.mu.Unlock()
	if was != nil {
		if err := d.distinct(item.Path); err != nil {
			return nil, err
		}
	}
	if err := d.setAside(item.Path, item.Doc, false); err != nil {
		return nil, cause(err)
	}
	if d.root != nil && !d.vacated(item.Path) { // that the destination itself can be written to was seen
		if err := writable(filepath.Join(d.root.Name(), filepath.FromSlash(path.Dir(item.Path)))); err != nil {
			return nil, err
		}
	}
	c := &Copy{Item: item, Bytes: -1, Updated: was != nil}
	if info, ok := p.store.Peek(item.Ref); ok {
		c.Bytes = info.Size
	}
	return c, nil
}

// transfer reads a document to its end.
func (p *puller) transfer(ctx context.Context, item Item, w io.Writer) (n int64, sum string, info content.Info, err error) {
	f, err := p.store.Open(ctx, item.Ref)
	if err != nil {
		return 0, "", info, err
	}
	defer f.Close()
	h := sha256.New()
	buf := make([]byte, bufferLen)
	for {
		k, err := f.ReadAt(ctx, buf, n)
		if err != nil && !errors.Is(err, io.EOF) {
			return n, "", info, err
		}
		h.Write(buf[:k]) // never fails
		if _, err := w.Write(buf[:k]); err != nil {
			return n, "", info, err
		}
		if n += int64(k); err != nil {
			break
		}
	}
	if info = f.Info(); n != info.Size {
		return n, "", info, fmt.Errorf("%d bytes of %d arrived", n, info.Size)
	}
	return n, hex.EncodeToString(h.Sum(nil)), info, nil
}

// bufferLen is how much is copied at once, in bytes.
const bufferLen = 256 << 10

// counted tells the progress of what is written.
type counted struct {
	io.Writer
	progress Progress
}

// Write implements io.Writer.
func (c counted) Write(p []byte) (int, error) {
	n, err := c.Writer.Write(p)
	c.progress.Bytes(n)
	return n, err
}
