package fresh

import (
	"context"
	"log/slog"
	"path/filepath"
	"strings"
	"time"

	"ccsfs/apiclient"
	"ccsfs/internal/lease"
)

// What processes that share a directory learn from each other: whoever finds
// something due looks at the disk first; who finds nothing newer there asks the
// API under a lease, while the others wait for that and look again. A process
// that ends, however it ends, gives its leases back.
const (
	LeasesFile = "leases"
	FailedDir  = "failed" // what went wrong, for those who waited meanwhile

	// LeasePatience is how long to wait for another process. One that is stopped
	// (Ctrl-Z) holds its lease; asking twice is better than waiting for ever.
	LeasePatience = time.Minute
)

// fileState is what a value knows of its file.
type fileState struct {
	loaded bool
	stamp  stamp
	looked time.Time
	taken  uint64 // how often something was taken from there
	// apart: another process has written it since the value was had, and it is not the
	// value, since a clock was set back before or after. It is not shown, but what
	// comes is compared with it: whoever wrote last knew what had been written.
	apart bool
}

// look takes in what is saved, at the first access and whenever another process
// has saved something since, and reports whether that is a value. always: also if
// it was looked just before. It holds up others who want this value, for one
// file. c.mu is held.
func (c *Value[T]) look(now time.Time, always bool) bool {
	d := &c.file
	if since := now.Sub(d.looked); !always && d.loaded && since >= 0 && since < LookEvery {
		return false
	}
	d.looked = now
	s := c.scope.Store.stamp(c.source.File(c.key))
	if d.loaded && s == d.stamp {
		return false
	}
	d.loaded, d.stamp, d.apart = true, s, false
	if s == (stamp{}) {
		return false
	}
	switch v, r := c.source.Load(c.key); {
	case r != nil:
		c.takeRefusal(r, now)
	case v != nil && c.isNews(c.source.FetchedAt(v), now):
		c.take(v, now)
		return true
	case v != nil:
		d.apart = c.value != nil
	}
	return false
}

// isNews reports whether an answer of some time is later than what is known.
func (c *Value[T]) isNews(at, now time.Time) bool {
	switch {
	case c.fail.Denied():
		return at.After(c.fail.at) && !Future(at, now)
	case c.value == nil:
		return true
	case Future(at, now):
		return false
	}
	own := c.source.FetchedAt(c.value)
	return at.After(own) || Future(own, now)
}

// take makes what is saved the value.
func (c *Value[T]) take(v *T, now time.Time) {
	was, recovered := c.value, c.fail.Denied()
	at := c.source.FetchedAt(v)
	var failing time.Time
	if c.fail.Err != nil && at.After(c.fail.at) {
		failing, c.fail = c.fail.Since, Failure{}
	}
	if c.scope.age(at, now) < c.scope.ttl {
		c.sayRefreshed(at, failing)
	}
	c.file.taken++
	c.value = v
	c.tellChanged(was, v, recovered)
}

// takeRefusal believes what was refused to another process, or to this one
// before it was started again.
func (c *Value[T]) takeRefusal(r *Refusal, now time.Time) {
	known := c.fail.Denied() && !r.at.After(c.fail.at)
	if known || !c.scope.concerns(r) {
		return
	}
	if c.value != nil {
		if own := c.source.FetchedAt(c.value); own.After(r.at) && !Future(own, now) {
			return
		}
	}
	was, before := c.value, c.fail.Denied()
	c.file.taken++
	c.fail = r.Failure
	c.value, c.evicted = nil, false
	if before {
		return
	}
	level := slog.LevelInfo // whoever asks gets the error
	if was != nil {
		level = slog.LevelWarn
	}
	c.scope.log.Log(c.scope.ctx, level, "refused before, and not shown", c.about(errorAttr(r.Err))...)
	c.source.Changed(c.key, was, nil, r.Err)
}

// answered looks whether another process has answered the question of a call,
// and else, if it is to be asked now, what was known before.
func (c *Value[T]) answered(cl *call[T], begin bool) (yes bool, prev *T) {
	c.mu.Lock()
	now := c.scope.Now()
	read := c.look(now, true)
	if cl.taken != c.file.taken {
		yes = c.settles(cl, now)
	}
	cl.adopted, cl.began, cl.at = yes, begin && !yes, now
	prev = c.value
	if begin && c.file.apart {
		if v, _ := c.source.Load(c.key); v != nil {
			prev = v
		}
	}
	c.mu.Unlock()
	c.tellTouched(read)
	return yes, prev
}

// settles reports whether what the value has now is an answer, and gives it to
// the call. c.mu is held.
func (c *Value[T]) settles(cl *call[T], now time.Time) bool {
	late := func(at time.Time) bool { return cl.force && at.Before(cl.asked) }
	if c.file.taken == c.pool.taken { // the clock of another machine says nothing
		proven := cl.pooled == c.pool.taken && !cl.since.IsZero() && !cl.since.Before(cl.asked)
		late = func(time.Time) bool { return cl.force && !proven }
	}
	switch {
	case c.fail.Denied() && !c.scope.due(&c.fail, now) && !late(c.fail.at):
		cl.err = c.fail.Err
		return true
	case c.value != nil && c.age(now) < c.scope.ttl && !late(c.source.FetchedAt(c.value)):
		cl.v = c.value
		return true
	}
	return false
}

// lease waits until no other process asks for the same. waited: there was one.
// The lease is nil where one is waited for in vain.
func (c *Value[T]) lease() (l *lease.Lease, waited bool) {
	ctx, cancel := context.WithTimeout(c.scope.ctx, c.scope.leases.Patience(LeasePatience))
	defer cancel()
	l, err := c.scope.leases.Acquire(ctx, c.source.File(c.key), func() { waited = true })
	if err != nil && c.scope.ctx.Err() == nil {
		c.scope.leases.GaveUp()
		c.scope.log.Warn("another process has been refreshing this for long: it is asked for by this one, too", c.about()...)
	}
	return l, waited
}

// failedFile is where it is kept what went wrong last with a saved file.
func failedFile(name string) string {
	return filepath.Join(FailedDir, strings.ReplaceAll(name, string(filepath.Separator), "-"))
}

// saveFailure lets those who waited know that it went wrong, and how: each of
// them would else wait for the same time-out, one after the other. A process that
// has hardly waited at all must not take their patience from them.
func (c *Value[T]) saveFailure(err error, ended time.Time) {
	if !apiclient.Personal(err) {
		c.scope.Store.saveRefusal(failedFile(c.source.File(c.key)), &Failure{Err: err, at: ended, Since: ended})
	}
}

// failedSince returns what went wrong for another process after a time, and not at it: where
// clocks go in steps (of up to 16 ms on Windows) that may have been before.
func (c *Value[T]) failedSince(at time.Time) error {
	r := c.scope.Store.refusal(failedFile(c.source.File(c.key)))
	if r == nil || !r.at.After(at) || Future(r.at, c.scope.Now()) {
		return nil
	}
	return r.Err
}

// LookEvery bounds how often it is looked whether another process has saved
// something.
const LookEvery = time.Second
