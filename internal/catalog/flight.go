package catalog

import (
	"context"
	"errors"
	"fmt"
	"log/slog"

	"ccsfs/apiclient"
)

// flightsBehind bounds the flights that nobody waits for: a walk over a
// thousand listings that are due would start them all, of 7 calls each.
const flightsBehind = 8

// start returns the flight under way, or a new one. The lock must be held.
func (c *cell[T]) start(force bool) *flight[T] {
	if c.flight != nil {
		return c.flight
	}
	fl := &flight[T]{
		urgency: apiclient.Background(),
		waited:  make(chan struct{}),
		graceTo: c.env.now().Add(Grace),
		answers: c.env.answered(),
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
	v, err := c.fetch(fl, prev)
	c.land(fl, v, err)
	c.saving.Lock()
	defer c.saving.Unlock()
	switch {
	case err == nil:
		c.kind.save(c.key, v)
	case withdrawn(err):
		c.kind.unsave(c.key)
	}
}

// fetch asks the API, when there is room.
func (c *cell[T]) fetch(fl *flight[T], prev *T) (*T, error) {
	select {
	case c.env.behind <- struct{}{}:
		defer func() { <-c.env.behind }()
	case <-fl.waited:
	case <-c.env.ctx.Done():
		return nil, fmt.Errorf("%s: closed: %w", c.what(), context.Canceled)
	}
	if err := c.env.locked(c.env.now()); err != nil && !fl.force {
		fl.held = true
		return nil, err
	}
	v, err := c.kind.fetch(apiclient.WithUrgency(c.env.ctx, fl.urgency), c.key, prev)
	c.env.note(err, c.env.now())
	return v, err
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
		c.fails(err, fl.held)
	}
	fl.v, fl.err = v, err
	c.mu.Unlock()
	c.tellTouched(err == nil)
	close(fl.done)
}

func (c *cell[T]) succeed(v *T) {
	was, recovered := c.value, c.fail.denied()
	since, old := c.env.old.over(c.kind.name, c.key)
	if c.fail.err != nil && (!old || c.fail.since.Before(since)) {
		since, old = c.fail.since, true
	}
	if old {
		c.env.log.Info("refreshed again", "op", c.kind.name, "contract", c.key,
			"duration_seconds", c.env.now().Sub(since).Seconds())
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

// fails takes an error. held: of an earlier call, not of one of its own.
func (c *cell[T]) fails(err error, held bool) {
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
		level := slog.LevelWarn
		if held { // said by who made the call
			level = slog.LevelDebug
		}
		c.env.log.Log(c.env.ctx, level, "refused, and no longer shown", "op", c.kind.name, "contract", c.key, errorAttr(err))
		c.kind.changed(c.key, was, nil, err)
	case before.denied():
		// No news: what was refused stays so until the API says otherwise.
		c.fail = before.next(before.err, c.env.now(), true)
		c.fail.epoch = before.epoch
	case before.err == nil && was != nil:
		c.env.old.news(c.kind.name, c.key, err, c.env.now())
		c.env.log.Warn("cannot be refreshed, the old one is shown", "op", c.kind.name, "contract", c.key, errorAttr(err))
	case before.err == nil:
		c.env.log.Warn("cannot be had", "op", c.kind.name, "contract", c.key, errorAttr(err))
	default:
		c.env.log.Debug("still cannot be refreshed", "op", c.kind.name, "contract", c.key, errorAttr(err))
	}
}
