// Package mirror copies documents into a directory: what is there is skipped, what
// is not is put there whole or not at all, what somebody changed is left alone.
package mirror

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"ccsfs/apiclient"
	"ccsfs/internal/billing"
	"ccsfs/internal/content"
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
