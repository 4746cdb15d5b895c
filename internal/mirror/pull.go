// Package mirror copies documents into a directory: what is there is skipped, what
// is not is put there whole or not at all, what somebody changed is left alone.
package mirror

import (
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"path"
	"path/filepath"
	"sync"
	"time"

	"ccsfs/apiclient"
	"ccsfs/internal/billing"
	"ccsfs/internal/content"
	"ccsfs/internal/folder"
)

// ErrDiffers says that a file is not the document, and not an older version of it
// that pull left there.
var ErrDiffers = errors.New("the file there differs and is kept: it is not what an earlier pull left; --force replaces it")

// Item is a document and where it goes, below the destination.
type Item struct {
	Path string
	Doc  *billing.Document
	Ref  content.Ref // of its content
}

// Options say how documents are copied.
type Options struct {
	Verify   bool  // compare contents, not only sizes and times
	Force    bool  // replace files that differ
	Again    bool  // ask the API for each document again
	Workers  int   // documents at a time
	Prefetch int64 // bytes up to which a document comes along when its size is asked for
	Listed   *Listed
	// Placing hears of each document just before its file gets its place, from several
	// goroutines; settled, which it returns, of whether it has got it. An error fails the
	// document. nil: nobody does.
	Placing func(Copy) (settled func(placed bool), err error)
	// Copied hears of each document as its file is in place, one after the other; nil:
	// nobody does. Of a Dest of Look it hears of what would be copied, or may be.
	Copied func(Copy)
}

// Copy is a document whose file is in place.
type Copy struct {
	Item
	Bytes   int64 // its size; after Look -1 where that is not known
	Updated bool  // it took the place of a file
	Unsure  bool  // after Look: only the API can tell whether the file has to be replaced
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
	Moved            []Move // within their directories, or by another layout
	Failed           []Failure
	Left             int // not looked at any more, after Stopped

	// Of a Dest of Look, which counts in Copied and Bytes what would be copied: of those
	// the documents whose size is not known, those whose bytes the API would be asked
	// for, and, not counted elsewhere, those of which only the API can tell whether they
	// are to be copied.
	Sizeless, Fetched, Unsure int
	// Stopped is why the rest was given up: the destination takes no more
	// (ErrDestination), or the context ended.
	Stopped error
}

// Run copies items into d, or, if d is of Look, finds out what would be done.
func Run(ctx context.Context, d *Dest, store *content.Store, items []Item, o Options, progress Progress) Result {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	d.listed, d.coming = o.Listed, map[version]bool{}
	for _, item := range items {
		addVersions(d.coming, item.Doc)
	}
	d.compare(items)
	d.force = o.Force
	if o.Listed != nil {
		o.Listed.share(d.journal.all())
	}
	refs := make([]content.Ref, 0, len(items))
	for _, item := range items {
		refs = append(refs, item.Ref)
	}
	store.Listed(refs)
	p := &puller{dest: d, store: store, options: o, progress: progress, stop: cancel, result: Result{Left: len(items)}, fetched: store.Stats().Downloads}
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
	if d.dry {
		p.options.Workers = 1 // nothing is waited for, and what would be moved is no shared map
	}
	each(ctx, p.options.Workers, items, func(item Item) {
		p.settle(ctx, item)
		if ctx.Err() == nil {
			progress.Done()
		}
	})
	if ctx.Err() == nil && !d.dry {
		p.again(ctx)
	}
	p.result.Moved = append(p.result.Moved, d.aside...)
	d.aside = nil
	if ctx.Err() != nil {
		p.result.Stopped = context.Cause(ctx)
		return p.result
	}
	if !d.dry {
		d.tidy()
	}
	return p.result
}

type puller struct {
	dest     *Dest
	store    *content.Store
	options  Options
	progress Progress
	stop     context.CancelCauseFunc

	mu      sync.Mutex
	result  Result
	passing []attempt // that failed
	fetched int64     // documents before
}

// each does the same with each of some, by as many workers as there are to be, until ctx
// ends.
func each[T any](ctx context.Context, workers int, all []T, do func(T)) {
	var g sync.WaitGroup
	queue := make(chan T)
	for range max(min(workers, len(all)), 1) {
		g.Go(func() {
			for one := range queue {
				do(one)
			}
		})
	}
	defer g.Wait()
	defer close(queue)
	for _, one := range all {
		select {
		case queue <- one:
		case <-ctx.Done():
			return
		}
	}
}

// settle sees to one document, notes what came of it, and reports whether it is there now.
func (p *puller) settle(ctx context.Context, item Item) bool {
	c, err := p.see(ctx, item)
	if err != nil && ctx.Err() != nil {
		return false // it is not the document that failed
	}
	if fatal(err) {
		p.stop(fmt.Errorf("%w: %w", ErrDestination, err))
		return false
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	r := &p.result
	r.Left--
	switch {
	case err != nil:
		f := Failure{item.Path, err}
		r.Failed = append(r.Failed, f)
		if apiclient.Temporary(err) {
			p.passing = append(p.passing, attempt{item, f, time.Now()})
		}
		return false
	case c == nil:
		r.UpToDate++
		return true
	default:
		r.Add(*c, !p.dest.dry || p.store.Has(c.Ref))
		if p.options.Copied != nil {
			p.options.Copied(*c)
		}
		return true
	}
}

// Add counts a document that was, or would be, copied; here says that its bytes are in the
// cache.
func (r *Result) Add(c Copy, here bool) {
	switch {
	case c.Unsure:
		r.Unsure++
		return
	case c.Bytes < 0:
		r.Sizeless++
	default:
		r.Bytes += c.Bytes
	}
	r.Copied++
	if !here {
		r.Fetched++
	}
}

// see copies a document if it is not there, or changed since it was copied; nil if it is
// up to date.
func (p *puller) see(ctx context.Context, item Item) (*Copy, error) {
	local, err := p.dest.local(item.Path)
	if err != nil {
		return nil, err
	}
	if local != nil {
		ok, err := p.compared(ctx, item, local)
		if errors.Is(err, errUnsure) {
			return &Copy{Item: item, Bytes: -1, Updated: true, Unsure: true}, nil
		}
		if ok || err != nil {
			return nil, err
		}
	}
	return p.copy(ctx, item, local)
}

// compared tells whether a file that is there is the document. If it is not, and is not to
// be replaced, that is the error.
func (p *puller) compared(ctx context.Context, item Item, local fs.FileInfo) (ok bool, err error) {
	if err := p.dest.claim(item.Path, local); err != nil {
		return false, err
	}
	if ok, err := p.settled(item, local); ok {
		return true, err
	}
	noted, _ := p.dest.noted(item.Path)
	if l := p.options.Listed; l != nil && noted.Account != "" && noted.ID != item.Doc.ID && !l.judges(noted) && !p.options.Force {
		return false, ErrOthersPlace
	}
	info, err := p.know(ctx, item)
	if errors.Is(err, errUnsure) && noted.SHA256 != "" && !noted.of(item.Doc) {
		if left, _ := p.left(item.Path, local, noted); left {
			return false, nil // there is another version
		}
	}
	if err != nil {
		return false, err
	}
	sameSize, at := local.Size() == info.Size, folder.ModTime(item.Doc, info)
	same := sameSize && sameTime(local.ModTime(), at)
	renewed := !noted.of(item.Doc) || noted.SHA256 != "" && info.SHA256 != "" && noted.SHA256 != info.SHA256
	if same && !p.options.Verify && noted.Path == "" && info.SHA256 != "" {
		sum, err := p.dest.hash(item.Path) // nothing says whose it is
		if err != nil {
			return false, err
		}
		same = sum == info.SHA256
	}
	switch {
	case same && !p.options.Verify && !renewed:
		return true, p.dest.note(item, local, cmp.Or(noted.SHA256, info.SHA256))
	case !p.options.Verify && noted.SHA256 != "" && noted.SHA256 == info.SHA256 && p.dest.untouched(item.Path, local):
		if err := p.dest.date(item, at, noted.SHA256); !errors.Is(err, fs.ErrPermission) {
			return true, err // only the date is another one
		}
		// The file is another user's: it is replaced.
	case sameSize && (same || !p.dest.untouched(item.Path, local)):
		equal, sum, err := p.equal(ctx, item, info, at)
		if equal && errors.Is(err, fs.ErrPermission) {
			break // as above
		}
		if equal || err != nil {
			return true, err
		}
		if noted.SHA256 != sum && !p.options.Force {
			return false, ErrDiffers
		}
	case !p.options.Force:
		if left, err := p.left(item.Path, local, noted); err != nil || !left {
			return false, cmp.Or(err, ErrDiffers)
		}
	}
	return false, nil
}

// errUnsure says that only the API could tell, which Look does not ask for documents.
var errUnsure = errors.New("not known without asking the API")

// know finds out size, and maybe hash, of a document.
func (p *puller) know(ctx context.Context, item Item) (content.Info, error) {
	if !p.dest.dry {
		return p.store.Settle(ctx, item.Ref, p.options.Prefetch)
	}
	if info, ok := p.store.Peek(item.Ref); ok {
		return info, nil
	}
	return content.Info{}, errUnsure
}

// settled tells whether a file is the document by what is noted of it, where the cache
// knows nothing: who throws it away, as containers do, would ask for each document at
// every run.
func (p *puller) settled(item Item, local fs.FileInfo) (bool, error) {
	if p.options.Verify || p.options.Again || item.Doc.Volatile() {
		return false, nil
	}
	if _, known := p.store.Peek(item.Ref); known {
		return false, nil
	}
	noted, ok := p.dest.journal.get(item.Path)
	if !ok || noted.SHA256 == "" || noted.ID == "" || !noted.of(item.Doc) || !noted.sameAs(item.Doc) || !p.dest.intact(noted) {
		return false, nil
	}
	if at := item.Doc.ModTime(); !at.IsZero() && !sameTime(local.ModTime(), at) {
		err := p.dest.date(item, at, noted.SHA256)
		return !errors.Is(err, fs.ErrPermission), err
	}
	return true, p.dest.note(item, local, noted.SHA256)
}

// left tells whether a file that is to be replaced is what an earlier pull left there.
func (p *puller) left(name string, local fs.FileInfo, noted entry) (bool, error) {
	if noted.SHA256 == "" {
		return p.dest.untouched(name, local), nil
	}
	if local.Size() != noted.Size {
		return false, nil
	}
	sum, err := p.dest.hash(name)
	return sum == noted.SHA256, err
}

// equal tells whether a file has the bytes of the document, and the hash of those it
// has; if so it gets its time.
func (p *puller) equal(ctx context.Context, item Item, info content.Info, at time.Time) (yes bool, sum string, err error) {
	sum, err = p.dest.hash(item.Path)
	if err != nil {
		return false, "", err
	}
	if sum == info.SHA256 && !p.options.Verify {
		return true, sum, p.dest.date(item, at, sum)
	}
	if p.dest.dry {
		if info.SHA256 == "" {
			err = errUnsure
		}
		return sum == info.SHA256, sum, err
	}
	_, want, _, err := p.transfer(ctx, item, io.Discard)
	if err != nil || sum != want {
		return false, sum, err
	}
	return true, sum, p.dest.date(item, at, want)
}

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
