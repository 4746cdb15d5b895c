package pool

import (
	"context"
	"time"
)

// What the members share of the application that they all ask by: its rate, and, as notes,
// its token and what is known of its credentials. A client takes it as an interface of its
// own (apiclient.Pool).

// Reserve reserves the next turn that is due within most, and tells how long from now it
// is; taken is false where none is. every is from one turn to the next, burst how many may
// be due at once.
func (p *Pool) Reserve(ctx context.Context, every time.Duration, burst int, most time.Duration) (wait time.Duration, taken bool, err error) {
	err = p.coordinator.do(ctx, func(ctx context.Context) (err error) {
		wait, taken, err = p.cfg.Coordinator.Turn(ctx, Rate{Every: every, Burst: burst}, most)
		return err
	})
	if taken {
		p.counters.turns.Add(1)
	}
	return wait, taken, err
}

// Slow tells all members that the API refused a request for the rate, which was sent some
// time ago.
func (p *Pool) Slow(ctx context.Context, sent, pause time.Duration) error {
	return p.coordinator.do(ctx, func(ctx context.Context) error { return p.cfg.Coordinator.Slow(ctx, sent, pause) })
}

// Share is the share of the rate at which this member may go on by itself, since the
// coordinator is away: one of as many as there were, at the most; 0: it may not. Members that
// came since are not known, so it is a half if there was but this one.
func (p *Pool) Share() float64 {
	if !p.cfg.Alone {
		return 0
	}
	return 1 / float64(max(p.others.Load(), 2))
}

// Hold gives the lease of a name, until release; that is nil where another member has it.
func (p *Pool) Hold(ctx context.Context, name string) (release func(), err error) {
	l, err := p.Try(ctx, name)
	if l == nil || err != nil {
		return nil, err
	}
	return l.Release, nil
}
