package catalog

import (
	"errors"
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
	since  time.Time
	causes []error
}

// news reports whether it was not said yet that something is old for this
// cause, and takes it for said.
func (o *oldTold) news(op, contractID string, err error, now time.Time) bool {
	o.mu.Lock()
	defer o.mu.Unlock()
	at := [2]string{op, contractID}
	c := o.list[at]
	if c == nil {
		if o.list == nil {
			o.list = make(map[[2]string]*oldCauses)
		}
		c = &oldCauses{since: now}
		o.list[at] = c
	}
	cause := causeOf(err)
	if slices.Contains(c.causes, cause) {
		return false
	}
	c.causes = append(c.causes, cause)
	return true
}

// over forgets it, and returns since when it was so, if it was.
func (o *oldTold) over(op, contractID string) (since time.Time, was bool) {
	o.mu.Lock()
	defer o.mu.Unlock()
	at := [2]string{op, contractID}
	c, was := o.list[at]
	if !was {
		return time.Time{}, false
	}
	delete(o.list, at)
	return c.since, true
}

// showsOld logs that something old is handed out.
func (e *env) showsOld(op, contractID string, fetched time.Time, err error) {
	switch {
	case e.offline:
		if e.news("offline", "old") {
			e.log.Warn("working offline: what is older than its time to live is shown as it was", "op", op, "contract", contractID, "fetched", fetched)
		}
	case e.old.news(op, contractID, err, e.now()):
		e.log.Warn("an old answer is shown", "op", op, "contract", contractID, "fetched", fetched, errorAttr(err))
	}
}

// causeOf returns the sentinel that an error is, nil if none.
func causeOf(err error) error {
	for _, cause := range causes() {
		if errors.Is(err, cause) {
			return cause
		}
	}
	return nil
}

// causes are the sentinels of apiclient, a special one before its general one.
func causes() []error {
	return []error{
		apiclient.ErrCredentials, apiclient.ErrUnauthorized, apiclient.ErrForbidden, apiclient.ErrNotFound,
		apiclient.ErrRateLimited, apiclient.ErrInvalid, apiclient.ErrServer, apiclient.ErrProtocol,
		apiclient.ErrTimeout, apiclient.ErrUnreachable,
	}
}
