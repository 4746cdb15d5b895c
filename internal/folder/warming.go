package folder

import (
	"cmp"
	"context"
	"slices"
	"sync"
	"time"

	"ccsfs/internal/content"
)

const (
	// mostWarmed is how many documents are to be fetched behind at most, at one time.
	mostWarmed = 1000
	// warmedFor is for how long a directory that was looked at is not looked through again.
	warmedFor = 5 * time.Minute
	// failuresOfWarming is after how many in a row nothing more is fetched behind: the API is
	// away, or refuses. The next look tries again.
	failuresOfWarming = 3
)

// Warming finds out the sizes of the documents that somebody will probably want next, behind
// those who ask: of a contract that was looked at those of this year and the year before,
// the newest first. What is fetched meanwhile, up to the size that the store keeps of what is
// met so, is in the cache. It stands back behind everybody who waits, and keeps well within
// the cache. Its methods may be called concurrently.
type Warming struct {
	content *content.Store
	workers int
	most    int // documents that wait to be fetched
	now     func() time.Time

	ctx    context.Context //nolint:containedctx // of all that runs behind
	cancel context.CancelFunc
	wg     sync.WaitGroup

	mu      sync.Mutex
	closed  bool
	waiting []Node               // documents, the most wanted first
	looked  map[string]time.Time // by the name of what was looked at
	running int
	failed  int // in a row
}

// NewWarming makes a Warming with so many calls at once at most, and a clock (nil: time.Now); nil where the store fetches
// nothing ahead of anybody, see content.Store.Foresees. Close it.
func (f *Folder) NewWarming(workers int, now func() time.Time) *Warming {
	if f.content == nil || f.content.Foresees() == 0 {
		return nil
	}
	if now == nil {
		now = time.Now
	}
	w := &Warming{content: f.content, workers: max(workers, 1), most: min(mostWarmed, f.content.Foresees()), now: now, looked: map[string]time.Time{}}
	w.ctx, w.cancel = context.WithCancel(context.Background())
	return w
}

// Close ends what runs, and returns when nothing does any more.
func (w *Warming) Close() {
	if w == nil {
		return
	}
	w.mu.Lock()
	w.closed, w.waiting = true, nil
	w.mu.Unlock()
	w.cancel()
	w.wg.Wait()
}

// Looked says that somebody looked at something that has a name of the caller's: contracts
// tells which are in it, with their listings where they are known. What is in them is fetched
// before what those need who looked earlier. It never waits: contracts is called behind, and
// not again for the same name for a while.
func (w *Warming) Looked(name string, contracts func() []Node) {
	if w == nil || !w.turn(name) {
		return
	}
	go func() {
		defer w.wg.Done()
		w.want(contracts())
	}()
}

// want has fetched what is not known of some contracts.
func (w *Warming) want(contracts []Node) {
	var wanted []Node
	now := w.now()
	for _, c := range contracts {
		if c.Listing == nil || w.ctx.Err() != nil {
			continue
		}
		whole := Node{Path: c.Contract.Name, Contract: c.Contract, Listing: c.Listing, Dir: c.Listing.Tree}
		whole.Documents(func(n Node) {
			year, _, ok := n.Doc.Month()
			if !ok || year < now.Year()-1 {
				return
			}
			if _, known := w.content.Peek(n.Ref()); !known {
				wanted = append(wanted, n)
			}
		})
	}
	slices.SortStableFunc(wanted, func(a, b Node) int {
		ay, am, _ := a.Doc.Month()
		by, bm, _ := b.Doc.Month()
		return cmp.Or(cmp.Compare(by, ay), cmp.Compare(bm, am))
	})
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.closed {
		return
	}
	w.failed = 0
	w.waiting = append(wanted, w.waiting...)
	w.waiting = w.waiting[:min(len(w.waiting), w.most)]
	for w.running < min(w.workers, len(w.waiting)) {
		w.running++
		w.wg.Go(w.work)
	}
}

// turn reports whether it is time to look through something, and if so, that it is looked
// through: w.wg waits for that.
func (w *Warming) turn(name string) bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	now := w.now()
	if at, ok := w.looked[name]; w.closed || ok && now.Sub(at) < warmedFor && !now.Before(at) {
		return false
	}
	w.looked[name] = now
	w.wg.Add(1)
	return true
}

// work fetches until nothing waits.
func (w *Warming) work() {
	for {
		w.mu.Lock()
		if len(w.waiting) == 0 {
			w.running--
			w.mu.Unlock()
			return
		}
		n := w.waiting[0]
		w.waiting = w.waiting[1:]
		w.mu.Unlock()
		err := w.content.Foresee(w.ctx, n.Ref())
		w.mu.Lock()
		if err == nil {
			w.failed = 0
		} else if w.failed++; w.failed >= failuresOfWarming {
			w.waiting = nil
		}
		w.mu.Unlock()
	}
}
