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
func (d *download) impatient(ctx context.Context) (asking context.Context, done func()) {
	asking, cancel := context.WithCancelCause(ctx)
	grace := silentGrace
	until := d.store.silence.Load()
	if left := time.Duration(until - d.store.now().UnixNano()); left > 0 && left <= staleRetry {
		grace = silentMoment
	} else {
		d.store.silence.CompareAndSwap(until, 0)
	}
	timer := time.AfterFunc(grace, func() {
		d.store.silence.CompareAndSwap(0, d.store.now().Add(staleRetry).UnixNano())
		cancel(errSilent)
	})
	d.w.answered = func() {
		if timer.Stop() {
			d.store.silence.Store(0)
		}
	}
	return asking, func() {
		timer.Stop()
		d.w.answered = nil
		cancel(nil)
	}
}
