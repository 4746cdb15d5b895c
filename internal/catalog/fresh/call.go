package fresh

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"time"

	"ccsfs/apiclient"
)

// One call: when it is made, and what becomes of its answer. What other processes have to
// do with it is in processes.go, and other machines in pool.go.

// call is a request under way. It belongs to the scope: whoever waits for it may leave
// without hurting it.
type call[T any] struct {
	priority   *apiclient.Priority // raised once somebody waits
	waited     chan struct{}       // closed then
	once       sync.Once           // guards that
	graceUntil time.Time           // after that nobody waits who has something old
	answers    uint64              // of the API, at the start
	asked      time.Time           // by whoever forced it last, else at the start
	force      bool                // asked for by name: also while locked out
	began      bool                // the API is being asked
	at         time.Time           // since when
	ended      time.Time
	taken      uint64    // file.taken at the start
	pooled     uint64    // file.taken when it took something of the pool last; 0: nothing was
	since      time.Time // asked, if that was asked for after it; zero: nobody knows
	done       chan struct{}
	heldBack   bool  // kept back by the lockout, or by the pool: no call was made
	adopted    bool  // somebody else's answer, which the value has already
	recovered  bool  // what was refused before is there again
	v          *T    // set before done is closed
	err        error // same
}

// raise makes the request go before those that nobody waits for.
func (cl *call[T]) raise() {
	cl.once.Do(func() {
		cl.priority.Raise()
		close(cl.waited)
	})
}

// againMost is how often a call is made again that ended with the pool's lease: Redis was
// started again and knew of none, or this machine stood still. Another member may have
// answered it by then.
const againMost = 1

// CallsBehind bounds the calls that nobody waits for: a walk over a thousand values that
// are due would start them all, and each may be several requests.
const CallsBehind = 8

// start returns the call under way, or a new one. The lock must be held.
func (c *Value[T]) start(force bool) *call[T] {
	if c.call != nil {
		return c.call
	}
	cl := &call[T]{
		priority:   apiclient.LowPriority(),
		waited:     make(chan struct{}),
		graceUntil: c.scope.Now().Add(Grace),
		answers:    c.scope.answered(),
		asked:      c.scope.Now(),
		taken:      c.file.taken,
		force:      force,
		done:       make(chan struct{}),
	}
	if !c.scope.begin() {
		cl.err = c.errClosed()
		close(cl.done)
		return cl
	}
	c.call = cl
	go func() {
		defer c.scope.wg.Done()
		c.run(cl)
	}()
	return cl
}

// run has a call's answer, and saves it before others may ask: processes first, which do
// not wait until the pool has it.
func (c *Value[T]) run(cl *call[T]) {
	var h held
	defer h.release()
	v, err := c.fetch(cl, &h)
	c.finish(cl, v, err)
	if c.scope.leases == nil && c.scope.pool == nil || cl.adopted || cl.heldBack || errors.Is(err, context.Canceled) {
		return
	}
	data := c.save(cl, h.alone())
	h.releaseLocal()
	c.give(cl, &h, data)
}

// save makes an answer known to other processes. alone: none of them has saved
// anything since it was asked for. It returns the file of an answer; nil: there is none, or
// something later is saved.
func (c *Value[T]) save(cl *call[T], alone bool) (data []byte) {
	c.saving.Lock()
	defer c.saving.Unlock()
	switch v, err := cl.v, cl.err; {
	case err == nil && !alone && c.overtaken(v):
	case err == nil:
		data = c.saveValue(v)
		c.scope.Store.Remove(failedFile(c.source.File(c.key)))
	case withdrawn(err):
		c.mu.Lock()
		f := c.fail
		c.mu.Unlock()
		if f.Denied() {
			c.deny(&f)
		}
	default:
		c.saveFailure(err, cl.ended)
	}
	if !alone {
		return data
	}
	s := c.scope.Store.stamp(c.source.File(c.key))
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.value == cl.v { // else it must be read again
		c.file.stamp, c.file.apart = s, false
	}
	return data
}

// saveValue saves a value, and returns its file; nil if it cannot be one.
func (c *Value[T]) saveValue(v *T) []byte {
	payload, err := json.Marshal(c.source.Saved(c.key, v))
	if err != nil {
		c.scope.Store.cannotSave(err)
		return nil
	}
	data := Seal(c.scope.Store.magic, payload)
	c.scope.Store.writeData(c.source.File(c.key), data)
	return data
}

// overtaken reports whether something later than v is saved.
func (c *Value[T]) overtaken(v *T) bool {
	saved, r := c.source.Load(c.key)
	at := c.source.FetchedAt(v)
	return saved != nil && c.source.FetchedAt(saved).After(at) && !Future(c.source.FetchedAt(saved), c.scope.Now()) || r != nil && r.at.After(at)
}

// fetch has the answer from another process, or machine, or asks the API, when there is
// room and nobody else does, under leases to be given back.
func (c *Value[T]) fetch(cl *call[T], h *held) (v *T, err error) {
	select {
	case c.scope.behind <- struct{}{}:
		defer func() { <-c.scope.behind }()
	case <-cl.waited:
	case <-c.scope.ctx.Done():
		return nil, c.errClosed()
	}
	if c.scope.leases != nil {
		if yes, err := c.inProcesses(cl, h); yes || err != nil {
			return cl.v, cmp.Or(err, cl.err)
		}
	}
	for again := 0; ; again++ {
		v, err = c.ask(cl, h)
		if err == nil || h.pool == nil || h.pool.Context().Err() == nil || c.scope.ctx.Err() != nil {
			return v, err
		}
		if again == againMost {
			cl.heldBack = true
			return nil, fmt.Errorf("%s: %w: %w", c.what(), apiclient.ErrUnreachable, context.Cause(h.pool.Context()))
		}
		h.pool.Release()
		h.pool, cl.heldBack = nil, false
	}
}

// ask has the answer from another machine, or asks the API, under the pool's lease. Where
// that is lost meanwhile, and the call with it, the lease is that of h all the same.
func (c *Value[T]) ask(cl *call[T], h *held) (v *T, err error) {
	if c.scope.pool != nil && (c.scope.lock.locked(c.scope.Now()) == nil || c.forced(cl)) {
		if yes, err := c.inPool(cl, h); yes || err != nil {
			return cl.v, cmp.Or(err, cl.err)
		}
	}
	yes, prev := c.answered(cl, true)
	if yes {
		return cl.v, cl.err
	}
	if err := c.scope.lock.locked(c.scope.Now()); err != nil && !cl.force {
		cl.heldBack = true
		return nil, err
	}
	if h.local != nil || h.pool != nil { // others may be waiting: it must not stand behind others of this process for long
		defer time.AfterFunc(Grace, cl.raise).Stop()
	}
	ctx := apiclient.WithPriority(c.scope.ctx, cl.priority)
	if cl.force || !c.scope.afresh.IsZero() {
		ctx = apiclient.WithAfresh(ctx)
	}
	ctx, done := h.pool.Under(ctx)
	defer done()
	v, err = c.source.Fetch(ctx, c.key, prev)
	if err != nil && h.pool != nil && h.pool.Context().Err() != nil && c.scope.ctx.Err() == nil {
		return nil, err // of the lease, not of the API
	}
	c.scope.note(err, c.scope.Now())
	return v, err
}

// forced reports whether a call is made also while locked out.
func (c *Value[T]) forced(cl *call[T]) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return cl.force
}

// inProcesses has the answer of another process, or the lease to ask for one. yes: the call
// has an answer; err, if not nil, is why the API is not asked.
func (c *Value[T]) inProcesses(cl *call[T], h *held) (yes bool, err error) {
	if yes, _ := c.answered(cl, false); yes {
		return true, nil
	}
	l, waited := c.lease()
	if l != nil {
		h.local = l
	}
	if c.scope.ctx.Err() != nil {
		return false, c.errClosed()
	}
	if waited {
		c.mu.Lock()
		asked := cl.asked
		c.mu.Unlock()
		if err := c.failedSince(asked); err != nil && !Denied(err) {
			cl.heldBack = true
			return false, err
		}
	}
	return false, nil
}

func (c *Value[T]) errClosed() error {
	return fmt.Errorf("%s: closed: %w", c.what(), context.Canceled)
}

// finish takes the result of a call, and lets those go who wait for it: before
// anybody is told of a change, which must not be waited for.
func (c *Value[T]) finish(cl *call[T], v *T, err error) {
	c.mu.Lock()
	c.call = nil
	switch {
	case cl.adopted:
	case err == nil:
		cl.recovered = c.fail.Denied()
		c.succeed(v)
	case errors.Is(err, context.Canceled) && c.scope.ctx.Err() != nil:
		// Closed: says nothing about the thing asked for.
	default:
		cl.ended = c.scope.Now()
		c.fails(cl, err)
	}
	cl.v, cl.err = v, err
	c.mu.Unlock()
	c.tellTouched(err == nil)
	close(cl.done)
}

func (c *Value[T]) succeed(v *T) {
	was, recovered := c.value, c.fail.Denied()
	c.sayRefreshed(c.source.FetchedAt(v), c.fail.Since)
	c.value, c.file.loaded, c.fail = v, true, Failure{}
	c.tellChanged(was, v, recovered)
}

// sayRefreshed logs that what failed since a time, zero if it did not, or was
// shown old, is so no more.
func (c *Value[T]) sayRefreshed(fetched, failing time.Time) {
	since, old := c.scope.stale.over(c.source.Name, c.key, fetched)
	if !failing.IsZero() && (!old || failing.Before(since)) {
		since, old = failing, true
	}
	if old {
		c.scope.log.Info("refreshed again", c.about("duration_seconds", c.scope.Now().Sub(since).Seconds())...)
	}
}

// tellChanged tells of a change from was, nil if there was nothing in memory.
func (c *Value[T]) tellChanged(was, is *T, recovered bool) {
	switch {
	case recovered, was != nil && !c.source.Same(was, is):
		c.source.Changed(c.key, was, is, nil)
		c.evicted = false
	default:
		c.tellIfOther(is)
	}
}

// fails takes an error. What it says is of the time when it was asked, as what
// an answer says.
func (c *Value[T]) fails(cl *call[T], err error) {
	before, was, held := c.fail, c.value, cl.heldBack
	c.fail = before.next(err, c.scope.Now(), was == nil)
	c.fail.at = cl.at
	c.fail.epoch = c.scope.lock.current()
	switch {
	case Denied(err):
		c.value, c.evicted = nil, false
		if before.Denied() {
			c.scope.log.Debug("still refused", c.about(errorAttr(err))...)
			return
		}
		level := slog.LevelWarn
		if held { // said by who made the call
			level = slog.LevelDebug
		}
		c.scope.log.Log(c.scope.ctx, level, "refused, and no longer shown", c.about(errorAttr(err))...)
		c.source.Changed(c.key, was, nil, err)
	case before.Denied():
		// No news: what was refused stays so until the API says otherwise.
		c.fail = before.next(before.Err, c.scope.Now(), true)
		c.fail.epoch, c.fail.at = before.epoch, before.at
	case before.Err == nil && was != nil:
		c.scope.stale.news(c.source.Name, c.key, c.source.FetchedAt(was), err, c.scope.Now())
		c.scope.log.Warn("cannot be refreshed, the old one is shown", c.about(errorAttr(err))...)
	case before.Err == nil:
		c.scope.log.Warn("cannot be had", c.about(errorAttr(err))...)
	default:
		c.scope.log.Debug("still cannot be refreshed", c.about(errorAttr(err))...)
	}
}
