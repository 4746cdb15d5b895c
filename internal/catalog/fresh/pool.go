package fresh

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"path/filepath"
	"time"

	"ccsfs/apiclient"
	"ccsfs/internal/pool"
)

// What the machines that share an account have to do with a call, once the processes of this
// one are agreed who makes it: the pool's copy is looked at, and else the API is asked under
// the pool's lease, while the other members wait for that. A copy is the file of a value, as
// it is saved here, and is taken as one that another process has saved. The lease, the copy,
// the note of what went wrong and the news of a refusal have one name.
//
// Clocks of machines differ. When something was fetched is told by the clock of who asked: a
// copy is taken for so much older or younger, and one from the future (clockSlack) does not
// count, so that a machine whose clock is behind asks for itself. Where more depends on it
// no clock is believed: whether a copy was asked for after a refresh was is told by the
// numbers of copies, and a refusal that is noted holds, whatever its date.

const (
	// poolLook is how long the pool's copy is waited for. A store that is slower is not
	// looked at again for poolSlow: a slow store must not hold up readers each time.
	poolLook = 2 * time.Second
	poolSlow = 10 * time.Second
	// poolGive is how long an answer may take into the pool, poolLeave the same when the
	// scope is closed: a command that ends at once has others know what it was told.
	poolGive  = 5 * time.Second
	poolLeave = 2 * time.Second
	// answerNoted is for how long it is told to the pool that there is an answer, or why there
	// is none: those who waited for it come within that time.
	answerNoted = 10 * time.Second
)

// PoolPrefix begins the names of what is saved of all sources in a pool, and of nothing else
// there.
const PoolPrefix = "l/"

// poolName is the name of a file in the pool.
func poolName(file string) string { return PoolPrefix + filepath.ToSlash(file) }

// errPoolSlow is that the shared store is not looked at, since it did not answer a moment ago.
var errPoolSlow = errors.New("the shared store did not answer in time")

// poolState is what a value knows of its copy in the pool. Its mutex is that of the value.
type poolState struct {
	copied  string    // SHA-256 of the copy that was last looked at, or put there
	refused time.Time // date of the refusal that was believed last, or told
	taken   uint64    // file.taken when something of the pool was taken last
}

// poolMeta is what a copy says of itself.
type poolMeta struct {
	Fetched time.Time `json:"fetched"` // by the clock of who asked
	// Number is one more than that of the copy which was there before the API was asked.
	Number  uint64 `json:"number"`
	Refused bool   `json:"refused,omitempty"`
}

// poolCopy is what the pool keeps of a value; the zero copy is none.
type poolCopy struct {
	poolMeta
	data    []byte // of the file
	sum     string // SHA-256 of that
	damaged bool   // there is something that does not count, whose number nobody knows
}

// held is what a call holds while it is made.
type held struct {
	local interface { // the lease of the processes; nil: there is none
		Release()
		Shared() bool
	}
	pool *pool.Lease // of the machines; nil: there is none
	seen poolCopy    // in the pool, when that was acquired
}

func (h *held) release() {
	h.releaseLocal()
	if h.pool != nil {
		h.pool.Release()
	}
}

func (h *held) releaseLocal() {
	if h.local != nil {
		h.local.Release()
	}
}

// alone: no other process has saved anything since it was asked for.
func (h *held) alone() bool { return h.local != nil && h.local.Shared() }

// inPool has an answer of another machine, or the lease to ask for one. yes: the call has
// an answer; err, if not nil, is why the API is not asked.
func (c *Value[T]) inPool(cl *call[T], h *held) (yes bool, err error) {
	c.mu.Lock()
	asked := cl.asked
	c.mu.Unlock()
	first, away := c.takeFromPool(c.scope.ctx, cl, nil)
	if yes, _ := c.answered(cl, false); yes {
		return true, nil
	}
	// Whoever puts the copy after the next one has met that before it asked: after this look.
	proven := func(k poolCopy) time.Time {
		if away == nil && !first.damaged && k.Number >= first.Number+2 {
			return asked
		}
		return time.Time{}
	}
	h.seen = first
	for w := (waiter{name: poolName(c.source.File(c.key)), pool: c.scope.pool, ctx: c.scope.ctx}); ; {
		if h.pool, err = w.acquire(); err != nil && c.scope.ctx.Err() == nil {
			cl.heldBack = true
			return false, fmt.Errorf("%s: %w: %w", c.what(), apiclient.ErrUnreachable, err)
		}
		switch {
		case c.scope.ctx.Err() != nil:
			return false, c.errClosed()
		case h.pool != nil && !h.pool.Shared():
			return false, nil
		case h.pool != nil:
			w.look()
			c.scope.lock.hear(c.scope.ctx, false)
		}
		if away == nil { // else it is, most likely, away still
			if k, err := c.takeFromPool(c.scope.ctx, cl, proven); err == nil {
				h.seen = k
			}
		}
		if yes, err := c.noted(cl, w.note, w.news); yes || err != nil || h.pool != nil {
			return yes, err
		}
	}
}

// waiter waits for a lease of the pool, or for what its holder notes when it has done what
// it was acquired for: many who wait need not have it in turn, to look at one copy.
type waiter struct {
	name string
	pool *pool.Pool
	ctx  context.Context

	met  bool   // somebody else had the lease
	note []byte // there now, as far as is known
	news bool   // it was noted since somebody was met
}

// acquire returns the lease, or nil if there is a note that is news.
func (w *waiter) acquire() (l *pool.Lease, err error) {
	l, _, err = w.pool.Acquire(w.ctx, w.name, func() bool {
		if w.met {
			w.look()
			return !w.news
		}
		w.met = true
		w.note, _ = w.pool.Noted(w.ctx, w.name) // else what is there later counts
		return true
	})
	return l, err
}

// look takes in the note.
func (w *waiter) look() {
	note, err := w.pool.Noted(w.ctx, w.name)
	w.news = err == nil && w.met && note != nil && !bytes.Equal(note, w.note)
	if err == nil {
		w.note = note
	}
}

// noted goes by a note of what went wrong, which may be none. news: it did since the call
// began to wait.
func (c *Value[T]) noted(cl *call[T], note []byte, news bool) (yes bool, err error) {
	r := c.parseNote(note)
	switch {
	case r == nil:
	case withdrawn(r.Err):
		c.takeDenied(r, true, time.Time{})
	case news && (!Denied(r.Err) || c.scope.concerns(r)):
		cl.heldBack = true
		c.saveFailure(r.Err, c.scope.Now()) // other processes may have waited, too
		return false, r.Err
	}
	yes, _ = c.answered(cl, false)
	return yes, nil
}

// parseNote is what a note says that went wrong, nil if it says nothing.
func (c *Value[T]) parseNote(note []byte) *Refusal {
	if note == nil {
		return nil
	}
	payload, err := Unseal(RefusedMagic, note)
	if err != nil {
		return nil
	}
	r, err := parseRefusal(payload, c.source.File(c.key))
	if err != nil {
		return nil
	}
	return r
}

func sumOf(data []byte) string {
	sum := sha256.Sum256(data)
	return hex.EncodeToString(sum[:])
}

// takeFromPool takes in the pool's copy, if that is news. proven says since when it was
// asked for at the earliest, zero if nobody knows; nil: nobody does. The error is that the
// pool could not be asked.
func (c *Value[T]) takeFromPool(ctx context.Context, cl *call[T], proven func(poolCopy) time.Time) (poolCopy, error) {
	k, err := c.scope.copyInPool(ctx, poolName(c.source.File(c.key)))
	if err != nil || k.sum == "" {
		return k, err
	}
	var since time.Time
	if proven != nil {
		since = proven(k)
	}
	c.mu.Lock()
	known := c.pool.copied == k.sum && (c.value != nil || c.fail.Denied()) // else it was forgotten meanwhile
	c.pool.copied = k.sum
	c.mu.Unlock()
	if known {
		return k, nil
	}
	taken := false
	if err := c.readCopy(k, func(v *T, r *Refusal) {
		if r != nil {
			taken = withdrawn(r.Err) && c.takeDenied(r, false, since)
		} else {
			taken = c.takeCopy(k, v, since)
		}
	}); err != nil {
		c.scope.log.Warn("a copy in the shared store does not count, and will be replaced", c.about("error", err)...)
		return k, nil
	}
	if taken && cl != nil {
		c.mu.Lock()
		cl.pooled, cl.since = c.file.taken, since
		c.mu.Unlock()
	}
	return k, nil
}

// takeCopy makes a copy the value and its file, if it is later than what is known here, and
// reports whether it is. In a scope that takes nothing from before it, and where by its date
// it is not from before, that must be proven.
func (c *Value[T]) takeCopy(k poolCopy, v *T, since time.Time) bool {
	s, at, now := c.scope, c.source.FetchedAt(v), c.scope.Now()
	if Future(at, now) || !s.afresh.IsZero() && !at.Before(s.afresh) && since.IsZero() {
		return false
	}
	c.saving.Lock()
	defer c.saving.Unlock()
	c.mu.Lock()
	read := c.look(now, true)
	news := c.isNews(at, now)
	c.mu.Unlock()
	c.tellTouched(read)
	if !news {
		return false
	}
	s.Store.writeData(c.source.File(c.key), k.data)
	st := s.Store.stamp(c.source.File(c.key))
	c.mu.Lock()
	if news = c.isNews(at, now); news {
		c.take(v, now)
		c.file.loaded, c.file.stamp, c.file.apart = true, st, false
		c.pool.taken = c.file.taken
	}
	c.mu.Unlock()
	c.tellTouched(news)
	return news
}

// takeDenied believes a refusal of another machine, and reports whether that is news. noted:
// the coordinator has it. Else since is since when it was asked for, zero if nobody knows.
func (c *Value[T]) takeDenied(r *Refusal, noted bool, since time.Time) bool {
	s, now := c.scope, c.scope.Now()
	if !s.concerns(r) {
		return false
	}
	c.saving.Lock()
	defer c.saving.Unlock()
	c.mu.Lock()
	read := c.look(now, true)
	f, news := c.dated(r, noted, now)
	if !noted && since.IsZero() && !s.afresh.IsZero() && !f.at.Before(s.afresh) {
		f.at = s.afresh.Add(-1) // it may be from before, by another clock
	}
	none := c.file.stamp == stamp{}
	c.mu.Unlock()
	c.tellTouched(read)
	if !news {
		return false
	}
	if none { // else what stays of it is what this machine knew
		s.Store.saveRefusalOf(c.source.File(c.key), &f, r.Before)
	}
	c.deny(&f)
	st := s.Store.stamp(c.source.File(c.key))
	c.mu.Lock()
	defer c.mu.Unlock()
	c.takeRefusal(&Refusal{Failure: f, credentials: r.credentials}, now)
	c.file.loaded, c.file.stamp, c.file.apart = true, st, false
	c.pool.taken = c.file.taken
	return true
}

// dated is a refusal of another machine by the clock of this one, and whether it is news. A
// note lasts no longer than what it says, and so is true whatever its date: one of the future
// is of now, at the latest, and what is younger here by its date is withdrawn, too, but asked
// for again at once. A copy counts by its date alone, for a bucket may be set back; who does
// not believe it asks in its time. c.mu is held.
func (c *Value[T]) dated(r *Refusal, noted bool, now time.Time) (f Failure, news bool) {
	f = r.Failure
	if c.pool.refused.Equal(f.at) {
		return f, false
	}
	own := time.Time{}
	if c.value != nil {
		own = c.source.FetchedAt(c.value)
	}
	switch ahead := Future(f.at, now); {
	case c.fail.Denied():
		return f, f.at.After(c.fail.at) && !ahead
	case !noted && (ahead || own.After(f.at)):
		return f, false
	case ahead:
		f.at, f.Since, f.Retry = now, now, now.Add(f.delay)
	case own.After(f.at):
		f.at, f.Since, f.Retry = now, now, now
	}
	c.pool.refused = r.at
	return f, true
}

// giving is a context in which something gets into the pool, also while the scope is closed,
// for a moment.
func (s *Scope) giving(ctx context.Context) (context.Context, func()) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), poolGive)
	stop := context.AfterFunc(s.ctx, func() {
		select {
		case <-time.After(poolLeave):
			cancel()
		case <-ctx.Done():
		}
	})
	return ctx, func() {
		stop()
		cancel()
	}
}
