package content

import (
	"context"
	"fmt"
	"time"

	"ccsfs/apiclient"
)

const (
	// silentGrace is how long readers of something that is in the cache, but due
	// to be asked about, wait for the API to say anything. Every so often: within
	// staleRetry after one has waited in vain the others wait for silentMoment.
	silentGrace  = 5 * time.Second
	silentMoment = 100 * time.Millisecond
)

// errSilent is why something is served that is due to be asked about.
var errSilent = fmt.Errorf("%w: the API has not answered so far", apiclient.ErrTimeout)

// impatient returns a context that ends if the API does not answer soon. done
// must be called after the last request.
func (b *body) impatient(ctx context.Context) (asking context.Context, done func()) {
	asking, cancel := context.WithCancelCause(ctx)
	grace := silentGrace
	until := b.store.silence.Load()
	if left := time.Duration(until - b.store.now().UnixNano()); left > 0 && left <= staleRetry {
		grace = silentMoment
	} else {
		b.store.silence.CompareAndSwap(until, 0)
	}
	timer := time.AfterFunc(grace, func() {
		b.store.silence.CompareAndSwap(0, b.store.now().Add(staleRetry).UnixNano())
		cancel(errSilent)
	})
	b.t.answered = func() {
		if timer.Stop() {
			b.store.silence.Store(0)
		}
	}
	return asking, func() {
		timer.Stop()
		b.t.answered = nil
		cancel(nil)
	}
}

// keepSizes writes down the sizes of documents that are still on their way, or
// stopped half-way, when the store closes: the API has told them already, and
// must not be asked again by the next process.
func (s *Store) keepSizes(left []*body) {
	for _, b := range left {
		b.mu.Lock()
		tell := b.known && b.state != complete
		b.mu.Unlock()
		if !tell {
			continue
		}
		// In memory since the size was announced, see publish; without a hash
		// nothing takes it for more than a size.
		if r := s.record(b.ref); r != nil && r.SHA256 == "" && r.version().is(b.ref.version()) {
			s.remember(b.ref, r)
		}
	}
}
