package content

import (
	"context"
	"slices"
	"sync"
	"time"
)

const (
	// lingerTime is how long a download whose size alone was asked for waits for a
	// reader: cp, tar and rsync stat a file just before they open it.
	lingerTime = 2 * time.Second
	// lingerAhead is the same for one that was begun ahead of somebody who reads one
	// document after the other: until the ones before it are read.
	lingerAhead = 10 * time.Second
	// idleKeep is how long a download that stopped half-way can be taken up again.
	idleKeep = time.Minute
	// staleRetry is how long volatile content that could not be revalidated is
	// served before the API is asked again.
	staleRetry = 30 * time.Second
)

// lingering holds the downloads that wait for a reader with their connection open.
// There are few places: a newcomer that somebody has asked for sends the oldest away,
// one that is fetched ahead finds none, since those before it are read before it. Whoever
// opens as many documents at once as there are places, or fewer, pays no second call.
type lingering struct {
	limit  int
	ahead  int // of those, for what is fetched ahead: with few connections it would stand in the way
	mu     sync.Mutex
	places []chan struct{} // oldest first; closed to send away
}

// stay takes a place; nil: there is none. The channel is closed when another download
// needs it; leave gives it back.
func (l *lingering) stay(asked bool) (evicted <-chan struct{}, leave func()) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if !asked && len(l.places) >= l.ahead {
		return nil, nil
	}
	if len(l.places) >= l.limit {
		close(l.places[0])
		l.places = l.places[1:]
	}
	place := make(chan struct{})
	l.places = append(l.places, place)
	return place, func() {
		l.mu.Lock()
		defer l.mu.Unlock()
		if i := slices.Index(l.places, place); i >= 0 {
			l.places = slices.Delete(l.places, i, i+1)
		}
	}
}

// mayGoOn stops a download that nobody wants: a large one whose size alone was
// asked for, or whose readers have left. It first waits a moment for a reader,
// since most tools stat a file just before they open it, and longer for one who is
// on the way to it.
func (d *download) mayGoOn(ctx context.Context) error {
	if !d.unwanted() {
		return nil
	}
	d.mu.Lock()
	asked, expected := d.asked, d.expected
	d.mu.Unlock()
	if !asked && !expected {
		return d.stop()
	}
	evicted, leave := d.store.lingering.stay(asked)
	if evicted == nil {
		return d.stop()
	}
	defer leave()
	most := lingerTime
	if !asked {
		most = lingerAhead
	}
	timer := time.NewTimer(most)
	defer timer.Stop()
	for d.unwanted() {
		select {
		case <-d.wanted:
		case <-timer.C:
			return d.stop()
		case <-evicted:
			return d.stop()
		case <-ctx.Done():
			return context.Cause(ctx)
		}
	}
	return nil
}

// unwanted says whether the rest of the document is large and nobody reads it.
func (d *download) unwanted() bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	return (d.known || d.w.withheld) && d.readers == 0 && d.w.announced-d.w.have > d.store.cfg.PrefetchLimit
}

// stop remembers the size and ends the run, to be taken up again.
func (d *download) stop() error {
	if d.w.withheld { // the size is that of before, or will be known when all is here
		return errStopped
	}
	d.mu.Lock()
	r := d.record(d.size, "", "")
	d.mu.Unlock()
	if prev := d.w.prev; prev == nil || d.w.replaces || prev.Size != r.Size {
		d.store.remember(d.ref, r)
	}
	return errStopped
}
