package view

import (
	"context"
	"errors"
	"slices"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"

	"ccsfs/internal/catalog"
)

// What is done while nobody waits.

const (
	// workers bounds the contracts that are listed at once: each takes seven calls, which
	// the rate limit orders.
	workers = 4
	// failedFor is after how long a listing that could not be had is asked for again.
	failedFor = 10 * time.Second
	// refreshedFor is for how long a refresh is as good as another.
	refreshedFor = 10 * time.Second
	// readAgain is after how long documents are looked for in the cache again of which
	// amounts could be read: somebody may have opened them meanwhile.
	readAgain = 5 * time.Minute
)

// behind works off what is needed.
type behind struct {
	view   *View
	ctx    context.Context //nolint:containedctx // of all that runs behind
	cancel context.CancelFunc
	wg     sync.WaitGroup

	mu         sync.Mutex
	closed     bool
	lists      []string // contracts to list, the most needed first
	reads      []toRead
	tried      map[string]time.Time // by contract, when its documents were last read
	busy       map[string]bool      // contracts that are being listed
	running    int
	failed     map[string]failed
	refreshing bool
	refreshed  time.Time // when the last refresh ended
	reading    bool      // see View.Fetch
}

// toRead is a contract whose documents in the cache are to be read.
type toRead struct {
	entry   catalog.ContractEntry
	listing *catalog.Listing
}

type failed struct {
	err error
	at  time.Time
}

func newBehind(v *View) *behind {
	b := &behind{view: v, busy: map[string]bool{}, failed: map[string]failed{}, tried: map[string]time.Time{}}
	b.ctx, b.cancel = context.WithCancel(context.Background())
	return b
}

func (b *behind) close() {
	b.mu.Lock()
	b.closed = true
	b.mu.Unlock()
	b.cancel()
	b.wg.Wait()
}

// failure is why the contract could not be listed, when that was last tried; nil if it was
// not, or is about to be tried again.
func (b *behind) failure(id string) error {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.failed[id].err
}

// need has contracts listed, before all others.
func (b *behind) need(ids []string) {
	b.mu.Lock()
	defer b.mu.Unlock()
	now := b.view.Now()
	ids = slices.DeleteFunc(slices.Clone(ids), func(id string) bool {
		f, ok := b.failed[id]
		return b.busy[id] || ok && now.Sub(f.at) < failedFor
	})
	rest := slices.DeleteFunc(b.lists, func(id string) bool { return slices.Contains(ids, id) })
	b.lists = append(ids, rest...)
	b.start()
}

// read has the documents of a contract read that lie in the cache, unless that was done a
// while ago.
func (b *behind) read(e catalog.ContractEntry, l *catalog.Listing) {
	b.mu.Lock()
	defer b.mu.Unlock()
	now := b.view.Now()
	if at, ok := b.tried[e.ID]; ok && now.Sub(at) < readAgain {
		return
	}
	b.tried[e.ID] = now
	b.reads = append(b.reads, toRead{e, l})
	b.start()
}

// start starts as many workers as there is work for. b.mu is held.
func (b *behind) start() {
	for !b.closed && b.running < min(workers, len(b.lists)+len(b.reads)) {
		b.running++
		b.wg.Go(b.work)
	}
}

// work does what is needed until nothing is.
func (b *behind) work() {
	for {
		id, read, ok := b.next()
		switch {
		case !ok:
			return
		case id != "":
			b.list(id)
		default:
			b.view.readKept(b.ctx, read.entry, read.listing)
		}
	}
}

// next takes a piece of work; without any the worker has ended.
func (b *behind) next() (id string, read toRead, ok bool) {
	b.mu.Lock()
	defer b.mu.Unlock()
	switch {
	case b.closed || len(b.lists)+len(b.reads) == 0:
		b.running--
		return "", toRead{}, false
	case len(b.lists) > 0:
		id, b.lists = b.lists[0], b.lists[1:]
		b.busy[id] = true
	default:
		read, b.reads = b.reads[0], b.reads[1:]
	}
	return id, read, true
}

// list lists a contract, and digests the listing, so that who looks next need not.
func (b *behind) list(id string) {
	l, err := b.view.Account.Catalog.Listing(b.ctx, id)
	if err == nil {
		if list, err := b.view.Account.Catalog.KnownContracts(); err == nil && list != nil {
			for _, e := range list.Entries {
				if e.ID == id {
					b.view.digest(e, l, b.view.Now())
				}
			}
		}
	}
	b.came(id, err)
	b.mu.Lock()
	defer b.mu.Unlock()
	delete(b.busy, id)
}

// came notes what came of listing a contract.
func (b *behind) came(id string, err error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	delete(b.failed, id)
	if err != nil && !errors.Is(err, context.Canceled) {
		b.failed[id] = failed{err, b.view.Now()}
	}
}

func (b *behind) isReading() bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.reading
}

func (b *behind) isRefreshing() bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.refreshing
}

// refresh asks for everything now that may be seen.
func (b *behind) refresh(only []string) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.closed || b.refreshing || b.view.Now().Sub(b.refreshed) < refreshedFor && !b.refreshed.IsZero() {
		return
	}
	b.refreshing = true
	clear(b.failed)
	b.wg.Go(func() {
		b.view.Account.Client.Renew()
		if err := b.refreshNow(only); err != nil && !errors.Is(err, context.Canceled) {
			b.view.Account.Logger.Warn("not all was refreshed", "error", err)
		}
		b.mu.Lock()
		defer b.mu.Unlock()
		b.refreshing, b.refreshed = false, b.view.Now()
	})
}

func (b *behind) refreshNow(only []string) error {
	c := b.view.Account.Catalog
	if only == nil {
		return c.Refresh(b.ctx, "")
	}
	var g errgroup.Group
	g.SetLimit(workers)
	g.Go(func() error { return c.RefreshContracts(b.ctx) })
	for _, id := range only {
		g.Go(func() error { return c.Refresh(b.ctx, id) })
	}
	return g.Wait()
}
