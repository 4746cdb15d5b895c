package content

import (
	"cmp"
	"context"
	"math"
	"slices"
	"sync"

	"ccsfs/apiclient"
)

const (
	// aheadPerConnection bounds the documents on their way ahead of any reader,
	// for each connection of the client.
	aheadPerConnection = 4
	// stride is how far a step of a sequence may go without ending it: tools skip what
	// they filter out, and a locale sorts a little differently.
	stride = 8
	// firstWindow is how many documents are fetched ahead when a sequence is first seen.
	firstWindow = 4
	// largeWindow is how many are while what is read is too large to be fetched whole
	// ahead of its reader: the next ones wait for theirs half begun, and few can.
	largeWindow = 2
)

// AccessPattern follows how the documents of one directory are asked for, and fetches the
// next ones ahead when they are asked for one after the other: in the order of
// names (ls, find, tar, shell globs, rsync) or of inode numbers (cp -r, and fts
// in large directories, sort by them). Somebody who picks at random gets nothing.
type AccessPattern struct {
	store *Store
	n     int // documents
	ref   func(i int) Ref
	size  int // largest window, in documents

	mu        sync.Mutex
	sequences [2]sequence
}

// sequence is documents asked for one after the other, in one order.
type sequence struct {
	order    []uint32 // documents by position; nil: as they are
	position []uint32 // the reverse
	last     int      // position last asked for, -1 at first
	next     int      // first position not fetched ahead yet
	window   int      // how many ahead; 0 until there is one
	opened   bool     // the last one was, too, not only asked for its size
	large    bool     // and is too large to be fetched whole ahead of its reader
}

// NewAccessPattern makes an AccessPattern over n documents of one contract in name order,
// with their inode numbers. What ref gives of one is not kept.
func (s *Store) NewAccessPattern(n int, ref func(i int) Ref, inos []uint64) *AccessPattern {
	s.Listed(some(n, ref))
	w := &AccessPattern{store: s, n: n, ref: ref, size: s.largestWindow()}
	byIno := make([]uint32, n)
	for i := range byIno {
		byIno[i] = uint32(i)
	}
	slices.SortFunc(byIno, func(a, b uint32) int { return cmp.Compare(inos[a], inos[b]) })
	position := make([]uint32, n)
	for p, i := range byIno {
		position[i] = uint32(p)
	}
	w.sequences[0].last, w.sequences[1] = -1, sequence{order: byIno, position: position, last: -1}
	return w
}

// largestWindow keeps what is fetched ahead well within the cache: it must still
// be there when its reader comes.
func (s *Store) largestWindow() int {
	if s.cfg.Offline {
		return 0
	}
	return min(aheadPerConnection*s.cfg.Connections, int(min(s.cfg.CacheSize/(2*max(s.cfg.PrefetchLimit, 1)), 1<<20)))
}

// Touch says that somebody asked for document i: its size, or (opened) its bytes.
// It never waits.
func (a *AccessPattern) Touch(i int, opened bool) {
	if a.size == 0 || i < 0 || i >= a.n {
		return
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	for c := range a.sequences {
		a.step(&a.sequences[c], i, opened)
	}
}

// step moves a sequence on to document i, and fetches ahead if it leads somewhere.
func (a *AccessPattern) step(c *sequence, i int, opened bool) {
	p := i
	if c.position != nil {
		p = int(c.position[i])
	}
	// cp, tar and rsync stat each document before they open it: what was done with the
	// one before tells what is to be expected here.
	reads, large := c.opened || opened, c.large
	switch by := p - c.last; {
	case by == 0: // a stat, and then the open
	case c.last >= 0 && (by == 1 || c.window > 0 && by > 0 && by <= stride):
		c.window = min(max(2*c.window, firstWindow), a.size)
	default:
		c.window, c.next = 0, 0
	}
	if p != c.last || opened {
		c.opened, c.large = opened, opened && a.store.large(a.ref(i))
	}
	c.last = p
	if c.window == 0 {
		return
	}
	if reads && (large || c.large) {
		c.window = min(c.window, largeWindow)
	}
	c.next = max(c.next, p+1)
	for end := min(p+c.window, a.n-1); c.next <= end; c.next++ {
		j := c.next
		if c.order != nil {
			j = int(c.order[j])
		}
		if !a.store.fetchAhead(a.ref(j), reads) {
			return
		}
	}
}

// fetchAhead starts to fetch a document that nobody has asked for yet, unless it
// is there already. False: enough is under way, try again later.
func (s *Store) fetchAhead(r Ref, content bool) bool {
	if s.enough(r, content) {
		return true
	}
	s.mu.Lock()
	active := s.active[r.key()] != nil
	s.mu.Unlock()
	if active {
		return true
	}
	select {
	case s.ahead <- struct{}{}:
	default:
		return false
	}
	ctx, cancel, err := s.begin()
	if err != nil {
		<-s.ahead
		return false
	}
	s.counters.ahead.Add(1)
	go func() {
		defer func() { cancel(); <-s.ahead; s.end() }()
		_ = s.fetchQuietly(ctx, r, content)
	}()
	return true
}

// large says whether a document is known to be one that is not fetched whole unless
// somebody reads it.
func (s *Store) large(r Ref) bool {
	rec := s.record(r)
	return rec != nil && rec.Size > s.cfg.PrefetchLimit
}

// enough says whether what reading ahead is after is there already: the size, or
// the bytes where reading ahead gets them at all.
func (s *Store) enough(r Ref, content bool) bool {
	rec := s.record(r)
	return rec != nil && s.fresh(r, rec) &&
		(!content || rec.Size > s.cfg.PrefetchLimit || s.hasBlob(r.blob(), rec) || rec.SHA256 != "" && s.keepsNothing())
}

// fetchQuietly brings a document into the cache, at a low priority until somebody
// asks for it. Its failure is the next reader's to hear of.
func (s *Store) fetchQuietly(ctx context.Context, r Ref, content bool) error {
	d := s.acquire(r, false, apiclient.LowPriority())
	defer d.unref(false)
	d.mu.Lock()
	defer d.mu.Unlock()
	// Somebody may have come and gone since fetchAhead looked.
	if d.state != idle || d.err != nil || s.enough(r, content) {
		return d.err
	}
	d.expected = content
	if err := d.start(); err != nil {
		return err
	}
	for d.state == running {
		if err := d.wait(ctx, waiter{until: math.MaxInt64}); err != nil {
			return err
		}
	}
	return d.err
}

// Foresees is how many documents may be asked for before anybody wants them, so that they stay
// well within the cache; 0 where none is: offline, without a cache, and where nothing is kept
// that is met while finding out its size (PrefetchLimit 0), for that would cost a second call.
func (s *Store) Foresees() int {
	if s.cfg.PrefetchLimit <= 0 || s.largestWindow() == 0 {
		return 0
	}
	return int(min(s.cfg.CacheSize/(2*s.cfg.PrefetchLimit), 1<<20))
}

// Foresee finds out the size of a document that somebody may want next, unless it is known,
// and keeps the document if it is no larger than PrefetchLimit. It stands back behind those
// who wait: its request is of low priority until somebody asks for the document. What comes
// of it is nobody's to hear of; the error says whether to go on.
func (s *Store) Foresee(ctx context.Context, r Ref) error {
	if s.enough(r, false) {
		return nil
	}
	own, cancel, err := s.begin()
	if err != nil {
		return err
	}
	stop := context.AfterFunc(ctx, cancel)
	defer func() { stop(); cancel(); s.end() }()
	s.counters.ahead.Add(1)
	return s.fetchQuietly(own, r, false)
}
