package pool

import (
	"context"
	cryptorand "crypto/rand"
	"errors"
	"math/rand/v2"
	"sync"
	"time"
)

const (
	leaseFor   = 15 * time.Second // that a lease is given for
	leaseRenew = 5 * time.Second  // how often it is renewed
	// leaseLost is for how long a lease may go without being renewed, by its holder's own
	// clock, until what it does under it is ended. It ends for the others after leaseFor,
	// at the earliest: durations on one clock each, so that clocks need not agree.
	leaseLost = 10 * time.Second

	// How often a lease that another member has is tried again. Nobody is told when one is
	// given back: such messages get lost, and each would go to all members.
	pollFirst = 10 * time.Millisecond
	// pollEvery is how often a member tries again at the least, whichever leases it waits
	// for: each of several is tried less often. So it is where there are more members than
	// pollMembers, so that all of them make some 10,000 calls a second, and a coordinator
	// has 50,000 in it. No lease is tried less often than after pollMost.
	pollEvery   = 250 * time.Millisecond
	pollMembers = 2500
	pollMost    = 4 * time.Second
	pollSteps   = 16 // the first pause is this part of the longest, at least

	// releaseMost is how long giving back a lease may take; then it ends by itself.
	releaseMost = time.Second
)

// errLeaseLost ends what was done under a lease that could not be renewed.
var errLeaseLost = errors.New("another member of the pool may do this by now: the lease could not be renewed")

// Lease is the right to do something that only one member should do at a time, until
// Release or until it is lost, which ends Context.
type Lease struct {
	pool         *Pool // nil: it is the right of nobody in particular
	name, holder string
	ctx          context.Context
	cancel       context.CancelCauseFunc
	once         sync.Once
}

// Context is ended when the lease is lost, or given back.
func (l *Lease) Context() context.Context { return l.ctx }

// Under is a context that ends with the lease, too, until done is called. That of no lease
// (nil) is ctx.
func (l *Lease) Under(ctx context.Context) (_ context.Context, done func()) {
	if l == nil {
		return ctx, func() {}
	}
	ctx, cancel := context.WithCancelCause(ctx)
	stop := context.AfterFunc(l.ctx, func() { cancel(context.Cause(l.ctx)) })
	return ctx, func() {
		stop()
		cancel(context.Canceled)
	}
}

// Shared tells whether other members honour the lease. False where there is no coordinator
// and this member may go on alone.
func (l *Lease) Shared() bool { return l.pool != nil }

// Release gives the lease back. Only the first call does anything.
func (l *Lease) Release() {
	l.once.Do(func() {
		l.cancel(context.Canceled)
		if l.pool == nil {
			return
		}
		l.giveBack()
		l.pool.running.Done()
	})
}

// giveBack tells the coordinator that the lease is free: at most twice, since a connection may
// just have been cut, and everybody else would wait until the lease ends by itself.
func (l *Lease) giveBack() {
	ctx, cancel := context.WithTimeout(context.Background(), releaseMost)
	defer cancel()
	for again := range 2 {
		err := l.pool.coordinator.once(ctx, func(ctx context.Context) error {
			return l.pool.cfg.Coordinator.Release(ctx, l.name, l.holder)
		})
		if again > 0 || !errors.Is(err, ErrAway) {
			return
		}
		select {
		case <-time.After(holdPause):
		case <-ctx.Done():
			return
		}
	}
}

// Try acquires the lease of a name if nobody has it: else it is nil.
func (p *Pool) Try(ctx context.Context, name string) (*Lease, error) {
	l, _, err := p.try(ctx, name)
	return l, err
}

// try is Try. Where there is neither a lease nor an error it tells who has it.
func (p *Pool) try(ctx context.Context, name string) (l *Lease, by string, err error) {
	if err := p.begin(); err != nil {
		return nil, "", err
	}
	l, by, err = p.ask(ctx, name)
	if l == nil || !l.Shared() {
		p.running.Done()
	}
	return l, by, err
}

func (p *Pool) ask(ctx context.Context, name string) (*Lease, string, error) {
	holder, by := p.cfg.Member+":"+cryptorand.Text(), ""
	before := time.Now() // of the first try, whose answer may be all that was lost
	err := p.coordinator.do(ctx, func(ctx context.Context) (err error) {
		by, err = p.cfg.Coordinator.Acquire(ctx, name, holder, leaseFor)
		return err
	})
	switch {
	case isAway(err) && p.cfg.Alone:
		p.counters.alone.Add(1)
		return p.nobodys(), "", nil
	case err != nil:
		return nil, "", err
	case by != holder:
		return nil, by, nil
	}
	l := &Lease{pool: p, name: name, holder: holder}
	l.ctx, l.cancel = context.WithCancelCause(context.Background())
	go p.keep(l, before)
	return l, by, nil
}

// nobodys is the lease of a member that goes on alone.
func (p *Pool) nobodys() *Lease {
	l := &Lease{}
	l.ctx, l.cancel = context.WithCancelCause(context.Background())
	return l
}

// Acquire waits for the lease of a name, or returns ctx's error, or that there is no
// coordinator. waiting, if not nil, is asked between tries whether there is still need to
// wait, once somebody else has it; the lease is nil where there is not. waited: somebody
// else had it.
func (p *Pool) Acquire(ctx context.Context, name string, waiting func() bool) (l *Lease, waited bool, err error) {
	return p.acquire(ctx, name, func(string) bool { return waiting == nil || waiting() })
}

// acquire is Acquire, and tells waiting who has the lease.
func (p *Pool) acquire(ctx context.Context, name string, waiting func(by string) bool) (l *Lease, waited bool, err error) {
	for pause := pollFirst; ; pause = min(2*pause, p.pollMost()) {
		pause = max(pause, p.pollMost()/pollSteps)
		var by string
		if l, by, err = p.try(ctx, name); l != nil || err != nil {
			return l, waited, err
		}
		if !waited {
			waited = true
			p.counters.waited.Add(1)
			p.waiting.Add(1)
			defer p.waiting.Add(-1)
		}
		if !waiting(by) {
			return nil, waited, nil
		}
		select {
		case <-time.After(pause*3/4 + rand.N(pause/2)): // not all at the same moment
		case <-ctx.Done():
			return nil, waited, context.Cause(ctx)
		}
	}
}

// pollMost is the longest pause between tries of one lease now.
func (p *Pool) pollMost() time.Duration {
	many := max(float64(p.others.Load())/pollMembers, 1) * float64(max(p.waiting.Load(), 1))
	return time.Duration(min(many*float64(pollEvery), float64(pollMost)))
}

// keep renews a lease until it is given back or lost. It was asked for at a time.
func (p *Pool) keep(l *Lease, renewed time.Time) {
	tick := time.NewTicker(leaseRenew)
	defer tick.Stop()
	for again := tick.C; ; {
		select {
		case <-l.ctx.Done():
			return
		case <-again:
		}
		before, held := time.Now(), false
		ctx, cancel := context.WithDeadline(l.ctx, renewed.Add(leaseLost))
		err := p.coordinator.once(ctx, func(ctx context.Context) (err error) {
			held, err = p.cfg.Coordinator.Renew(ctx, l.name, l.holder, leaseFor)
			return err
		})
		cancel()
		switch {
		case l.ctx.Err() != nil:
			return
		case err == nil && held:
			renewed, again = before, tick.C
		case err == nil, time.Since(renewed) >= leaseLost:
			p.counters.lost.Add(1)
			p.log.Warn("a lease was lost; what was done under it is ended", "lease", l.name, "error", err)
			l.cancel(errLeaseLost)
			return
		default: // again soon, but not after it is lost
			again = time.After(min(probeEvery, time.Until(renewed.Add(leaseLost))))
		}
	}
}
