package apiclient

import (
	"context"
	"sync"
)

// Urgency is the priority of a request: urgent, or in the background. It may
// be raised while the request waits for a connection slot or for the rate
// limit. A nil Urgency is urgent. Make one with Background.
type Urgency struct {
	once   sync.Once
	raised chan struct{} // closed by Raise
}

// Background returns the urgency of work that nobody waits for yet.
func Background() *Urgency {
	return &Urgency{raised: make(chan struct{})}
}

// Raise makes the request urgent, for good. It may be called at any time, by
// anyone, more than once.
func (u *Urgency) Raise() {
	if u != nil && u.raised != nil {
		u.once.Do(func() { close(u.raised) })
	}
}

// urgent reports whether the request goes before those in the background.
func (u *Urgency) urgent() bool {
	if u == nil || u.raised == nil {
		return true
	}
	select {
	case <-u.raised:
		return true
	default:
		return false
	}
}

// whenRaised is closed once u is raised; nil, which blocks for ever, if u was
// urgent from the start.
func (u *Urgency) whenRaised() <-chan struct{} {
	if u == nil {
		return nil
	}
	return u.raised
}

type urgencyKey struct{}

// WithUrgency returns a context whose calls have the priority u. Calls without
// one are urgent.
func WithUrgency(ctx context.Context, u *Urgency) context.Context {
	return context.WithValue(ctx, urgencyKey{}, u)
}

func urgencyOf(ctx context.Context) *Urgency {
	u, _ := ctx.Value(urgencyKey{}).(*Urgency)
	return u
}
