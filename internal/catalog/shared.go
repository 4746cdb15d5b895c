package catalog

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
	leasesFile = "leases"
	failedDir  = "failed" // what went wrong, for those who waited meanwhile

	// leasePatience is how long to wait for another process. One that is stopped
	// (Ctrl-Z) holds its lease; asking twice is better than waiting for ever.
	leasePatience = time.Minute
)

// shared is what a cell knows of its file.
type shared struct {
	loaded bool
	stamp  stamp
	looked time.Time
	taken  uint64 // how often something was taken from there
	// ahead: it is later than the value, by a clock that was set back since. It is
	// not shown, but what comes is compared with it.
	ahead bool
}

// look takes in what is saved, at the first access and whenever another process
// has saved something since, and reports whether that is a value. now: also if
// it was looked just before. It holds up others who want this cell, for one
// file. c.mu is held.
func (c *cell[T]) look(now time.Time, always bool) bool {
	d := &c.disk
	if since := now.Sub(d.looked); !always && d.loaded && since >= 0 && since < lookEvery {
		return false
	}
	d.looked = now
	s := c.env.saved.stamp(c.kind.file(c.key))
	if d.loaded && s == d.stamp {
		return false
	}
	d.loaded, d.stamp, d.ahead = true, s, false
	if s == (stamp{}) {
		return false
	}
	switch v, r := c.kind.load(c.key); {
	case r != nil:
		c.takeRefusal(r, now)
	case v != nil && c.isNews(c.kind.fetchedAt(v), now):
		c.take(v, now)
		return true
	case v != nil && c.value != nil:
		d.ahead = c.kind.fetchedAt(v).After(c.kind.fetchedAt(c.value))
	}
	return false
}

// isNews reports whether an answer of some time is later than what is known.
func (c *cell[T]) isNews(at, now time.Time) bool {
	switch {
	case c.fail.denied():
		return at.After(c.fail.at) && !future(at, now)
	case c.value == nil:
		return true
	case future(at, now):
		return false
	}
	own := c.kind.fetchedAt(c.value)
	return at.After(own) || future(own, now)
}

// take makes a saved value the cell's.
func (c *cell[T]) take(v *T, now time.Time) {
	was, recovered := c.value, c.fail.denied()
	at := c.kind.fetchedAt(v)
	var failing time.Time
	if c.fail.err != nil && at.After(c.fail.at) {
		failing, c.fail = c.fail.since, failure{}
	}
	if c.env.age(at, now) < c.env.ttl {
		c.sayRefreshed(at, failing)
	}
	c.disk.taken++
	c.value = v
	c.tellChanged(was, v, recovered)
}

// takeRefusal believes what was refused to another process, or to this one
// before it was started again.
func (c *cell[T]) takeRefusal(r *refusal, now time.Time) {
	known := c.fail.denied() && !r.at.After(c.fail.at)
	if known || !c.env.concerns(r) {
		return
	}
	if c.value != nil {
		if own := c.kind.fetchedAt(c.value); own.After(r.at) && !future(own, now) {
			return
		}
	}
	was, before := c.value, c.fail.denied()
	c.disk.taken++
	c.fail = r.failure
	c.value, c.left = nil, false
	if before {
		return
	}
	level := slog.LevelInfo // whoever asks gets the error
	if was != nil {
		level = slog.LevelWarn
	}
	c.env.log.Log(c.env.ctx, level, "refused before, and not shown", "op", c.kind.name, "contract", c.key, errorAttr(r.err))
	c.kind.changed(c.key, was, nil, r.err)
}

// answered looks whether another process has answered the question of a flight,
// and else, if it is to be asked now, what was known before.
func (c *cell[T]) answered(fl *flight[T], begin bool) (yes bool, prev *T) {
	c.mu.Lock()
	now := c.env.now()
	read := c.look(now, true)
	if fl.taken != c.disk.taken {
		yes = c.settles(fl, now)
	}
	fl.shared, fl.began, fl.at = yes, begin && !yes, now
	prev = c.value
	if begin && c.disk.ahead {
		if v, _ := c.kind.load(c.key); v != nil {
			prev = v
		}
	}
	c.mu.Unlock()
	c.tellTouched(read)
	return yes, prev
}

// settles reports whether what the cell has now is an answer, and gives it to
// the flight. c.mu is held.
func (c *cell[T]) settles(fl *flight[T], now time.Time) bool {
	late := func(at time.Time) bool { return fl.force && at.Before(fl.asked) }
	switch {
	case c.fail.denied() && !c.env.due(&c.fail, now) && !late(c.fail.at):
		fl.err = c.fail.err
		return true
	case c.value != nil && c.age(now) < c.env.ttl && !late(c.kind.fetchedAt(c.value)):
		fl.v = c.value
		return true
	}
	return false
}

// lease waits until no other process asks for the same. waited: there was one.
// The lease is nil where one is waited for in vain.
func (c *cell[T]) lease() (l *lease.Lease, waited bool) {
	ctx, cancel := context.WithTimeout(c.env.ctx, c.env.leases.Patience(leasePatience))
	defer cancel()
	l, err := c.env.leases.Acquire(ctx, c.kind.file(c.key), func() { waited = true })
	if err != nil && c.env.ctx.Err() == nil {
		c.env.leases.GaveUp()
		c.env.log.Warn("another process has been refreshing this for long: it is asked for by this one, too", "op", c.kind.name, "contract", c.key)
	}
	return l, waited
}

// failedFile is where it is kept what went wrong last with a saved file.
func failedFile(name string) string {
	return filepath.Join(failedDir, strings.ReplaceAll(name, string(filepath.Separator), "-"))
}

// saveFailure lets those who waited know that it went wrong, and how: each of
// them would else wait for the same time-out, one after the other. A process that
// has hardly waited at all must not take their patience from them.
func (c *cell[T]) saveFailure(err error, landed time.Time) {
	if !apiclient.Personal(err) {
		c.env.saved.saveRefusal(failedFile(c.kind.file(c.key)), &failure{err: err, at: landed, since: landed})
	}
}

// failedSince returns what went wrong for another process after a time.
func (c *cell[T]) failedSince(at time.Time) error {
	r := c.env.saved.refusal(failedFile(c.kind.file(c.key)))
	if r == nil || r.at.Before(at) || future(r.at, c.env.now()) {
		return nil
	}
	return r.err
}
