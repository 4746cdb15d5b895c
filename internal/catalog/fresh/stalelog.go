package fresh

import (
	"errors"
	"log/slog"
	"slices"
	"sync"
	"time"

	"ccsfs/apiclient"
)

// What the log says of answers that are served though they are old.

// staleLog remembers what was said of answers that are shown though they are
// old: each cause once, until the same thing is fresh again.
type staleLog struct {
	mu     sync.Mutex
	causes map[[2]string]*staleCauses // by source and key
}

type staleCauses struct {
	fresh  time.Time // when what came last was fetched
	since  time.Time
	causes []error
}

// of returns what is known of a thing. o.mu is held.
func (o *staleLog) of(kind, key string) *staleCauses {
	at := [2]string{kind, key}
	c := o.causes[at]
	if c == nil {
		if o.causes == nil {
			o.causes = make(map[[2]string]*staleCauses)
		}
		c = &staleCauses{}
		o.causes[at] = c
	}
	return c
}

// news reports whether it was not said yet that something, as it was fetched at
// a time, is old for this cause, and takes it for said. (Who is handed out what
// is just being replaced says nothing.)
func (o *staleLog) news(kind, key string, fetched time.Time, err error, now time.Time) bool {
	o.mu.Lock()
	defer o.mu.Unlock()
	c, cause := o.of(kind, key), apiclient.Cause(err)
	if fetched.Before(c.fresh) && !Future(c.fresh, now) || slices.Contains(c.causes, cause) {
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
func (o *staleLog) over(kind, key string, fetched time.Time) (since time.Time, was bool) {
	o.mu.Lock()
	defer o.mu.Unlock()
	c := o.of(kind, key)
	since, was = c.since, len(c.causes) > 0
	*c = staleCauses{fresh: fetched}
	return since, was
}

// LogStale logs that something old is handed out.
func (s *Scope) LogStale(kind, key string, fetched time.Time, err error) {
	switch {
	case s.offline:
		if s.News("offline", "old") {
			s.log.Warn("working offline: what is older than its time to live is shown as it was", s.about(kind, key, "fetched", fetched)...)
		}
	case s.stale.news(kind, key, fetched, err, s.Now()):
		s.log.Warn("an old answer is shown", s.about(kind, key, "fetched", fetched, errorAttr(err))...)
	}
}

// errorAttr is an error for the log, with the request id that support asks for.
func errorAttr(err error) slog.Attr {
	var e *apiclient.Error
	if errors.As(err, &e) && e.RequestID != "" {
		return slog.Group("", slog.Any("error", err), slog.String("request_id", e.RequestID))
	}
	return slog.Any("error", err)
}
