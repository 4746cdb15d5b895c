package catalog

import (
	"context"
	"errors"
	"fmt"

	"ccsfs/apiclient"
)

// start returns the flight under way, or a new one. The lock must be held.
func (c *cell[T]) start(force bool) *flight[T] {
	if c.flight != nil {
		return c.flight
	}
	fl := &flight[T]{
		urgency: apiclient.Background(),
		graceTo: c.env.now().Add(Grace),
		force:   force,
		done:    make(chan struct{}),
	}
	if !c.env.begin() {
		fl.err = fmt.Errorf("%s: closed: %w", c.what(), context.Canceled)
		close(fl.done)
		return fl
	}
	c.flight = fl
	prev := c.value
	go func() {
		defer c.env.wg.Done()
		c.fly(fl, prev)
	}()
	return fl
}

func (c *cell[T]) fly(fl *flight[T], prev *T) {
	ctx := apiclient.WithUrgency(c.env.ctx, fl.urgency)
	err := c.env.locked(c.env.now())
	if fl.force {
		err = nil
	}
	var v *T
	if err == nil {
		v, err = c.kind.fetch(ctx, c.key, prev)
		c.env.note(err, c.env.now())
	}
	c.land(fl, v, err)
	if err == nil {
		c.tellTouched(true)
		c.saving.Lock()
		c.kind.save(c.key, v)
		c.saving.Unlock()
	}
}

// land takes the result of a flight, and lets those go who wait for it: before
// anybody is told of a change, see events.
func (c *cell[T]) land(fl *flight[T], v *T, err error) {
	c.mu.Lock()
	c.flight = nil
	switch {
	case err == nil:
		c.succeed(v)
	case errors.Is(err, context.Canceled) && c.env.ctx.Err() != nil:
		// Closed: says nothing about the thing asked for.
	default:
		c.fails(err)
	}
	fl.v, fl.err = v, err
	c.mu.Unlock()
	close(fl.done)
}

func (c *cell[T]) succeed(v *T) {
	was, recovered := c.value, c.fail.denied()
	if c.fail.err != nil {
		c.env.log.Info("refreshed again", "op", c.kind.name, "contract", c.key,
			"duration_seconds", c.env.now().Sub(c.fail.since).Seconds())
	}
	c.value, c.loaded, c.fail = v, true, failure{}
	switch {
	case recovered, was != nil && !c.kind.same(was, v):
		c.kind.changed(c.key, was, v, nil)
		c.left = false
	default:
		c.tellIfOther(v)
	}
}

func (c *cell[T]) fails(err error) {
	before, was := c.fail, c.value
	c.fail = before.next(err, c.env.now(), was == nil)
	c.fail.epoch = c.env.currentEpoch()
	switch {
	case denial(err):
		c.value, c.left = nil, false
		if before.denied() {
			c.env.log.Debug("still refused", "op", c.kind.name, "contract", c.key, errorAttr(err))
			return
		}
		c.env.log.Warn("refused, and no longer shown", "op", c.kind.name, "contract", c.key, errorAttr(err))
		c.kind.changed(c.key, was, nil, err)
	case before.denied():
		// No news: what was refused stays so until the API says otherwise.
		c.fail = before.next(before.err, c.env.now(), true)
		c.fail.epoch = before.epoch
	case before.err == nil && was != nil:
		c.env.log.Warn("cannot be refreshed, the old one is shown", "op", c.kind.name, "contract", c.key, errorAttr(err))
	case before.err == nil:
		c.env.log.Warn("cannot be had", "op", c.kind.name, "contract", c.key, errorAttr(err))
	default:
		c.env.log.Debug("still cannot be refreshed", "op", c.kind.name, "contract", c.key, errorAttr(err))
	}
}
