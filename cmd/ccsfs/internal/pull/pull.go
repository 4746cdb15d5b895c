// Package pull copies documents into a directory: what is there is skipped, what
// is not is put there whole or not at all, what somebody changed is left alone.
package pull

import (
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"sync"
	"time"

	"ccsfs/cmd/ccsfs/internal/tree"
	"ccsfs/internal/catalog"
	"ccsfs/internal/content"
)

// ErrDiffers says that a file is not the document, and not an older version of it
// that pull left there.
var ErrDiffers = errors.New("the file there differs and is kept: it is not what an earlier pull left; --force replaces it")

// Item is a document and where it goes, below the destination.
type Item struct {
	Path string
	Doc  *catalog.Document
	Ref  content.Ref // of its content
}

// Options say how documents are copied.
type Options struct {
	Verify   bool  // compare contents, not only sizes and times
	Force    bool  // replace files that differ
	Workers  int   // documents at a time
	Prefetch int64 // bytes up to which a document comes along when its size is asked for
	Listed   *Listed
}

// Progress hears how it goes. Its methods are called by several goroutines.
type Progress interface {
	Bytes(n int) // written
	Done()       // one more document is settled
}

// Failure is a document that was not copied, and why.
type Failure struct {
	Path string
	Err  error
}

// Result is what was done.
type Result struct {
	Copied, UpToDate int
	Bytes            int64  // of the documents copied
	Moved            []Move // within their directories
	Failed           []Failure
	Left             int // not looked at any more, after Stopped
	// Stopped is why the rest was given up: the destination takes no more
	// (ErrDestination), or the context ended.
	Stopped error
}

// Run copies items into d.
func Run(ctx context.Context, d *Dest, store *content.Store, items []Item, o Options, progress Progress) Result {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	d.listed, d.coming = o.Listed, map[version]bool{}
	for _, item := range items {
		addVersions(d.coming, item.Doc)
	}
	d.compare(items)
	p := &puller{dest: d, store: store, options: o, progress: progress, stop: cancel, result: Result{Left: len(items)}}
	if o.Listed != nil {
		moves, err := d.follow(ctx, o.Listed)
		if p.result.Moved = moves; err != nil {
			cancel(fmt.Errorf("%w: %w", ErrDestination, err))
		}
	}
	for _, item := range items { // of two names of one place, the one that has it keeps it
		if e, ok := d.journal.get(item.Path); ok && e.sameAs(item.Doc) {
			if local, err := d.local(item.Path); err == nil && local != nil {
				_ = d.claim(item.Path, local) // said when it is seen
			}
		}
	}
	queue := make(chan Item)
	var workers sync.WaitGroup
	for range max(min(o.Workers, len(items)), 1) {
		workers.Go(func() {
			for item := range queue {
				p.settle(ctx, item)
			}
		})
	}
	for _, item := range items {
		select {
		case queue <- item:
			continue
		case <-ctx.Done():
		}
		break
	}
	close(queue)
	workers.Wait()
	p.result.Moved = append(p.result.Moved, d.aside...)
	d.aside = nil
	if ctx.Err() != nil {
		p.result.Stopped = context.Cause(ctx)
	}
	return p.result
}

type puller struct {
	dest     *Dest
	store    *content.Store
	options  Options
	progress Progress
	stop     context.CancelCauseFunc

	mu     sync.Mutex
	result Result
}

// settle sees to one document, and notes what came of it.
func (p *puller) settle(ctx context.Context, item Item) {
	n, copied, err := p.see(ctx, item)
	if err != nil && ctx.Err() != nil {
		return // it is not the document that failed
	}
	if fatal(err) {
		p.stop(fmt.Errorf("%w: %w", ErrDestination, err))
		return
	}
	p.progress.Done()
	p.mu.Lock()
	defer p.mu.Unlock()
	r := &p.result
	r.Left--
	switch {
	case err != nil:
		r.Failed = append(r.Failed, Failure{item.Path, err})
	case copied:
		r.Copied++
		r.Bytes += n
	default:
		r.UpToDate++
	}
}

// see copies a document if it is not there, or changed since it was copied.
func (p *puller) see(ctx context.Context, item Item) (n int64, copied bool, err error) {
	local, err := p.dest.local(item.Path)
	if err != nil {
		return 0, false, err
	}
	if local != nil {
		if err := p.dest.claim(item.Path, local); err != nil {
			return 0, false, err
		}
		info, err := tree.Settled(ctx, p.store, item.Ref, p.options.Prefetch)
		if err != nil {
			return 0, false, err
		}
		sameSize, at := local.Size() == info.Size, tree.ModTime(item.Doc, info)
		same := sameSize && sameTime(local.ModTime(), at)
		noted, _ := p.dest.journal.get(item.Path)
		if l := p.options.Listed; l != nil && noted.Account != "" && noted.ID != item.Doc.ID && !l.judges(noted) && !p.options.Force {
			return 0, false, ErrOthersPlace
		}
		renewed := !noted.of(item.Doc) || noted.SHA256 != "" && info.SHA256 != "" && noted.SHA256 != info.SHA256
		if same && !p.options.Verify && noted.Path == "" && info.SHA256 != "" {
			sum, err := p.dest.hash(item.Path) // nothing says whose it is
			if err != nil {
				return 0, false, err
			}
			same = sum == info.SHA256
		}
		switch {
		case same && !p.options.Verify && !renewed:
			return 0, false, p.dest.note(item, local, cmp.Or(noted.SHA256, info.SHA256))
		case !p.options.Verify && noted.SHA256 != "" && noted.SHA256 == info.SHA256 && p.dest.untouched(item.Path, local):
			return 0, false, p.dest.date(item, at, noted.SHA256) // only the date is another one
		case sameSize && (same || !p.dest.untouched(item.Path, local)):
			equal, sum, err := p.equal(ctx, item, at)
			if equal || err != nil {
				return 0, false, err
			}
			if noted.SHA256 != sum && !p.options.Force {
				return 0, false, ErrDiffers
			}
		case !p.options.Force:
			if left, err := p.left(item.Path, local, noted); err != nil || !left {
				return 0, false, cmp.Or(err, ErrDiffers)
			}
		}
	}
	n, err = p.copy(ctx, item, local)
	return n, err == nil, err
}

// left tells whether a file that is to be replaced is what an earlier pull left there.
func (p *puller) left(name string, local fs.FileInfo, noted entry) (bool, error) {
	if !p.dest.untouched(name, local) {
		return false, nil
	}
	if noted.SHA256 == "" {
		return true, nil
	}
	sum, err := p.dest.hash(name)
	return sum == noted.SHA256, err
}

// equal tells whether a file has the bytes of the document, and the hash of those it
// has; if so it gets its time.
func (p *puller) equal(ctx context.Context, item Item, at time.Time) (yes bool, sum string, err error) {
	sum, err = p.dest.hash(item.Path)
	if err != nil {
		return false, "", err
	}
	_, want, _, err := p.transfer(ctx, item, io.Discard)
	if err != nil || sum != want {
		return false, sum, err
	}
	return true, sum, p.dest.date(item, at, want)
}

// copy puts a document into its place, where was is the file that it replaces, nil if
// there is none. One that changes while it is read is read again, once.
func (p *puller) copy(ctx context.Context, item Item, was fs.FileInfo) (n int64, err error) {
	unchanged := func(is fs.FileInfo) bool { return p.options.Force || sameFile(was, is) }
	for range 2 {
		err = p.dest.put(item, unchanged, func(w io.Writer) (time.Time, string, error) {
			count, sum, info, err := p.transfer(ctx, item, counted{w, p.progress})
			n = count
			return tree.ModTime(item.Doc, info), sum, err
		})
		if !errors.Is(err, content.ErrChanged) {
			break
		}
	}
	return n, err
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
