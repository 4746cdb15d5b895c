package catalog

import (
	"slices"
	"sync"
	"time"

	"ccsfs/apiclient"
)

// oldTold remembers what was said of answers that are shown though they are
// old: each cause once, until the same thing is fresh again.
type oldTold struct {
	mu   sync.Mutex
	list map[[2]string]*oldCauses // by operation and contract
}

type oldCauses struct {
	fresh  time.Time // when what came last was fetched
	since  time.Time
	causes []error
}

// of returns what is known of a thing. o.mu is held.
func (o *oldTold) of(op, contractID string) *oldCauses {
	at := [2]string{op, contractID}
	c := o.list[at]
	if c == nil {
		if o.list == nil {
			o.list = make(map[[2]string]*oldCauses)
		}
		c = &oldCauses{}
		o.list[at] = c
	}
	return c
}

// news reports whether it was not said yet that something, as it was fetched at
// a time, is old for this cause, and takes it for said. (Who is handed out what
// is just being replaced says nothing.)
func (o *oldTold) news(op, contractID string, fetched time.Time, err error, now time.Time) bool {
	o.mu.Lock()
	defer o.mu.Unlock()
	c, cause := o.of(op, contractID), apiclient.Cause(err)
	if fetched.Before(c.fresh) && !future(c.fresh, now) || slices.Contains(c.causes, cause) {
		return false
	}
	if len(c.causes) == 0 {
		c.since = now
	}
	c.causes = append(c.causes, cause)
	return true
}

// over forgets it, as something fetched at a time has come, and returns since
// when it was so, if it was.
func (o *oldTold) over(op, contractID string, fetched time.Time) (since time.Time, was bool) {
	o.mu.Lock()
	defer o.mu.Unlock()
	c := o.of(op, contractID)
	since, was = c.since, len(c.causes) > 0
	*c = oldCauses{fresh: fetched}
	return since, was
}

// showsOld logs that something old is handed out.
func (e *env) showsOld(op, contractID string, fetched time.Time, err error) {
	switch {
	case e.offline:
		if e.news("offline", "old") {
			e.log.Warn("working offline: what is older than its time to live is shown as it was", "op", op, "contract", contractID, "fetched", fetched)
		}
	case e.old.news(op, contractID, fetched, err, e.now()):
		e.log.Warn("an old answer is shown", "op", op, "contract", contractID, "fetched", fetched, errorAttr(err))
	}
}
