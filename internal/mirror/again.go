package mirror

import (
	"context"
	"slices"
	"sync/atomic"
	"time"
)

// Documents that could not be had are asked for once more before a run ends, if others
// could be had: most likely what was wrong has passed. A run that nobody watches must not
// leave an invoice out for one bad moment.

const (
	// againAfter is how long after the latest failure that is at the earliest: for a
	// second content takes what has just failed as failed.
	againAfter = 2 * time.Second
	// againMost is how many may fail in a row before the rest is left as it is: what is
	// broken for good costs up to four calls each.
	againMost = 3
)

// attempt is a document that could not be had, for a reason that may pass.
type attempt struct {
	item    Item
	failure Failure
	at      time.Time
}

// again tries what failed once more.
func (p *puller) again(ctx context.Context) {
	failed := p.takeBack()
	if len(failed) == 0 {
		return
	}
	select {
	case <-time.After(againAfter - time.Since(failed[len(failed)-1].at)):
	case <-ctx.Done():
		return
	}
	var inRow atomic.Int32
	each(ctx, p.options.Workers, failed, func(a attempt) {
		switch {
		case inRow.Load() >= againMost:
			p.fail(a.failure)
		case p.settle(ctx, a.item):
			inRow.Store(0)
		default:
			inRow.Add(1)
		}
	})
}

// takeBack makes of the failures that are worth another attempt documents that are left,
// and returns them in the order in which they failed.
func (p *puller) takeBack() []attempt {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.store.Stats().Downloads == p.fetched {
		return nil
	}
	worth := map[string]bool{}
	for _, a := range p.passing {
		worth[a.item.Path] = true
	}
	r := &p.result
	r.Left += len(p.passing)
	r.Failed = slices.DeleteFunc(r.Failed, func(f Failure) bool { return worth[f.Path] })
	return p.passing
}

// fail notes a document that was not copied.
func (p *puller) fail(f Failure) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.result.Left--
	p.result.Failed = append(p.result.Failed, f)
}
