package catalog

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"ccsfs/apiclient"
	"ccsfs/internal/lease"
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
		asked:   c.env.now(),
		taken:   c.disk.taken,
		force:   force,
		done:    make(chan struct{}),
	}
	if !c.env.begin() {
		fl.err = c.errClosed()
		close(fl.done)
		return fl
	}
	c.flight = fl
	go func() {
		defer c.env.wg.Done()
		c.fly(fl)
	}()
	return fl
}

// fly has a flight's answer, and saves it before others may ask.
func (c *cell[T]) fly(fl *flight[T]) {
	l, v, err := c.fetch(fl)
	if l != nil {
		defer l.Release()
	}
	c.land(fl, v, err)
	if c.env.leases == nil || fl.shared || fl.held || errors.Is(err, context.Canceled) {
		return
	}
	c.saving.Lock()
	defer c.saving.Unlock()
	c.save(fl, l != nil && l.Shared())
}

// save makes an answer known to other processes. alone: none of them has saved
// anything since it was asked for.
func (c *cell[T]) save(fl *flight[T], alone bool) {
	switch v, err := fl.v, fl.err; {
	case err == nil && !alone && c.overtaken(v):
	case err == nil:
		c.kind.save(c.key, v)
		c.env.saved.remove(failedFile(c.kind.file(c.key)))
	case withdrawn(err):
		c.mu.Lock()
		f := c.fail
		c.mu.Unlock()
		if f.denied() {
			c.kind.deny(c.key, &f)
		}
	default:
		c.saveFailure(err, fl.landed)
	}
	if !alone {
		return
	}
	s := c.env.saved.stamp(c.kind.file(c.key))
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.value == fl.v { // else it must be read again
		c.disk.stamp, c.disk.ahead = s, false
	}
}

// overtaken reports whether something later than v is saved.
func (c *cell[T]) overtaken(v *T) bool {
	saved, r := c.kind.load(c.key)
	at := c.kind.fetchedAt(v)
	return saved != nil && c.kind.fetchedAt(saved).After(at) && !future(c.kind.fetchedAt(saved), c.env.now()) || r != nil && r.at.After(at)
}

// fetch has the answer from another process, or asks the API, when there is
// room and no other process does, under a lease to be given back.
func (c *cell[T]) fetch(fl *flight[T]) (l *lease.Lease, v *T, err error) {
	select {
	case c.env.behind <- struct{}{}:
		defer func() { <-c.env.behind }()
	case <-fl.waited:
	case <-c.env.ctx.Done():
		return nil, nil, c.errClosed()
	}
	if c.env.leases != nil {
		if yes, _ := c.answered(fl, false); yes {
			return nil, fl.v, fl.err
		}
		var waited bool
		if l, waited = c.lease(); c.env.ctx.Err() != nil {
			return l, nil, c.errClosed()
		}
		if waited {
			c.mu.Lock()
			asked := fl.asked
			c.mu.Unlock()
			if err := c.failedSince(asked); err != nil && !denial(err) {
				fl.held = true
				return l, nil, err
			}
		}
	}
	yes, prev := c.answered(fl, true)
	if yes {
		return l, fl.v, fl.err
	}
	if err := c.env.lock.locked(c.env.now()); err != nil && !fl.force {
		fl.held = true
		return l, nil, err
	}
	if l != nil { // other processes may be waiting: it must not stand behind others of this one for long
		defer time.AfterFunc(Grace, fl.raise).Stop()
	}
	v, err = c.kind.fetch(apiclient.WithUrgency(c.env.ctx, fl.urgency), c.key, prev)
	c.env.note(err, c.env.now())
	return l, v, err
}

func (c *cell[T]) errClosed() error {
	return fmt.Errorf("%s: closed: %w", c.what(), context.Canceled)
}

// land takes the result of a flight, and lets those go who wait for it: before
// anybody is told of a change, see events.
func (c *cell[T]) land(fl *flight[T], v *T, err error) {
	c.mu.Lock()
	c.flight = nil
	switch {
	case fl.shared:
	case err == nil:
		c.succeed(v)
	case errors.Is(err, context.Canceled) && c.env.ctx.Err() != nil:
		// Closed: says nothing about the thing asked for.
	default:
		fl.landed = c.env.now()
		c.fails(fl, err)
	}
	fl.v, fl.err = v, err
	c.mu.Unlock()
	c.tellTouched(err == nil)
	close(fl.done)
}

func (c *cell[T]) succeed(v *T) {
	was, recovered := c.value, c.fail.denied()
	c.sayRefreshed(c.kind.fetchedAt(v), c.fail.since)
	c.value, c.disk.loaded, c.fail = v, true, failure{}
	c.tellChanged(was, v, recovered)
}

// sayRefreshed logs that what failed since a time, zero if it did not, or was
// shown old, is so no more.
func (c *cell[T]) sayRefreshed(fetched, failing time.Time) {
	since, old := c.env.old.over(c.kind.name, c.key, fetched)
	if !failing.IsZero() && (!old || failing.Before(since)) {
		since, old = failing, true
	}
	if old {
		c.env.log.Info("refreshed again", "op", c.kind.name, "contract", c.key,
			"duration_seconds", c.env.now().Sub(since).Seconds())
	}
}

// tellChanged tells of a change from was, nil if there was nothing in memory.
func (c *cell[T]) tellChanged(was, is *T, recovered bool) {
	switch {
	case recovered, was != nil && !c.kind.same(was, is):
		c.kind.changed(c.key, was, is, nil)
		c.left = false
	default:
		c.tellIfOther(is)
	}
}

// fails takes an error. What it says is of the time when it was asked, as what
// an answer says.
func (c *cell[T]) fails(fl *flight[T], err error) {
	before, was, held := c.fail, c.value, fl.held
	c.fail = before.next(err, c.env.now(), was == nil)
	c.fail.at = fl.at
	c.fail.epoch = c.env.lock.current()
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
		c.fail.epoch, c.fail.at = before.epoch, before.at
	case before.err == nil && was != nil:
		c.env.old.news(c.kind.name, c.key, c.kind.fetchedAt(was), err, c.env.now())
		c.env.log.Warn("cannot be refreshed, the old one is shown", "op", c.kind.name, "contract", c.key, errorAttr(err))
	case before.err == nil:
		c.env.log.Warn("cannot be had", "op", c.kind.name, "contract", c.key, errorAttr(err))
	default:
		c.env.log.Debug("still cannot be refreshed", "op", c.kind.name, "contract", c.key, errorAttr(err))
	}
}
