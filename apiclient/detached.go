package apiclient

import (
	"context"
	"sync"
	"time"
)

// detached is the context of a request that outlives its caller until it is
// answered, and follows the caller from then on.
type detached struct {
	values context.Context
	done   chan struct{}
	free   func() bool // from the context that it follows now

	mu  sync.Mutex
	err error
}

// newDetached has the values of ctx, and ends with life.
func newDetached(ctx, life context.Context) *detached {
	d := &detached{values: ctx, done: make(chan struct{})}
	d.follow(life)
	return d
}

// follow makes it end as ctx does, and no more as what it followed before.
func (d *detached) follow(ctx context.Context) (stop func() bool) {
	if d.free != nil {
		d.free()
	}
	d.free = context.AfterFunc(ctx, func() { d.end(ctx.Err()) })
	return d.free
}

func (d *detached) end(err error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.err == nil {
		d.err = err
		close(d.done)
	}
}

func (d *detached) Deadline() (time.Time, bool) { return time.Time{}, false }
func (d *detached) Done() <-chan struct{}       { return d.done }
func (d *detached) Value(key any) any           { return context.WithoutCancel(d.values).Value(key) }

func (d *detached) Err() error {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.err
}
