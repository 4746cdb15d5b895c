package apiclient

import (
	"context"
	"sync"
)

// Priority says what goes first: a request is urgent, or in the background. It may
// be raised while the request waits for a connection slot or for the rate
// limit. A nil Priority is urgent. Make one with LowPriority.
type Priority struct {
	once   sync.Once
	raised chan struct{} // closed by Raise
}

// LowPriority returns the priority of work that nobody waits for yet.
func LowPriority() *Priority {
	return &Priority{raised: make(chan struct{})}
}

// Raise makes the request urgent, for good. It may be called at any time, by
// anyone, more than once.
func (u *Priority) Raise() {
	if u != nil && u.raised != nil {
		u.once.Do(func() { close(u.raised) })
	}
}

// urgent reports whether the request goes before those in the background.
func (u *Priority) urgent() bool {
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
func (u *Priority) whenRaised() <-chan struct{} {
	if u == nil {
		return nil
	}
	return u.raised
}

type priorityKey struct{}

// WithPriority returns a context whose calls have the priority u. Calls without
// one are urgent.
func WithPriority(ctx context.Context, u *Priority) context.Context {
	return context.WithValue(ctx, priorityKey{}, u)
}

func priorityOf(ctx context.Context) *Priority {
	u, _ := ctx.Value(priorityKey{}).(*Priority)
	return u
}
