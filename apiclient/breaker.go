package apiclient

import (
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"sync"
	"time"

	"github.com/sony/gobreaker/v2"
)

// Every request is counted, not every call: three time-outs or five other
// network failures in a row open the breaker, but it takes twelve 5xx answers,
// which is three whole calls with all their tries, lest one bad document make
// the rest unreachable. Any answer below 500 closes it. Requests that their
// caller gave up do not count.
const (
	breakerLimit  = 60
	weightNetwork = breakerLimit / 5
	weightTimeout = breakerLimit / 3
	weightServer  = breakerLimit / 12

	breakerFirst = time.Second
	breakerMost  = time.Minute
)

// breaker fails requests at once while the API is out of reach. After a while,
// which grows, one request passes as a probe.
type breaker struct {
	next http.RoundTripper
	cb   *gobreaker.CircuitBreaker[*http.Response]
	log  *slog.Logger

	mu       sync.Mutex
	score    int // of failures in a row
	state    gobreaker.State
	since    time.Time
	hold     hold // gobreaker's own is of fixed length, and shorter
	probing  bool
	lastText string // of the last failure
	rejected int64
}

func newBreaker(next http.RoundTripper, log *slog.Logger) *breaker {
	b := &breaker{next: next, log: log, since: time.Now(), hold: hold{first: breakerFirst, most: breakerMost}}
	b.cb = gobreaker.NewCircuitBreaker[*http.Response](gobreaker.Settings{ //nolint:bodyclose // it passes answers on
		Timeout:       breakerFirst / 2,
		ReadyToTrip:   func(gobreaker.Counts) bool { return b.tripped() },
		IsSuccessful:  b.successful,
		IsExcluded:    func(err error) bool { return errors.Is(err, errCallerLeft) },
		OnStateChange: b.changed,
	})
	return b
}

func (b *breaker) RoundTrip(req *http.Request) (*http.Response, error) {
	cl := callOf(req)
	if err := b.rejects(cl); err != nil {
		return nil, err
	}
	resp, err := b.cb.Execute(func() (*http.Response, error) {
		b.probe(true)
		defer b.probe(false)
		return b.next.RoundTrip(req)
	})
	if errors.Is(err, gobreaker.ErrOpenState) || errors.Is(err, gobreaker.ErrTooManyRequests) {
		return nil, b.reject(cl)
	}
	return resp, err
}

// rejects returns an error if a request would be failed at once.
func (b *breaker) rejects(cl *call) error {
	b.mu.Lock()
	open := b.state == gobreaker.StateOpen && b.hold.active(time.Now()) || b.probing
	b.mu.Unlock()
	if open {
		return b.reject(cl)
	}
	return nil
}

func (b *breaker) reject(cl *call) *Error {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.rejected++
	when := "a probe is on its way"
	if b.hold.active(time.Now()) {
		when = "next try at " + clock(b.hold.until)
	}
	e := cl.fail(ErrUnreachable, fmt.Sprintf("since %s; last: %s", clock(b.since), b.lastText))
	e.hint = when
	e.rejected = true
	return e
}

func (b *breaker) probe(on bool) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.probing = on && b.state == gobreaker.StateHalfOpen
}

// successful counts a result; gobreaker asks once for each.
func (b *breaker) successful(err error) bool {
	weight := 0
	switch {
	case errors.Is(err, ErrServer):
		weight = weightServer
	case errors.Is(err, ErrTimeout):
		weight = weightTimeout
	case errors.Is(err, ErrUnreachable):
		weight = weightNetwork
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	if weight == 0 {
		b.score = 0
		return true
	}
	b.score += weight
	b.lastText = err.Error()
	return false
}

func (b *breaker) tripped() bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.score >= breakerLimit
}

// changed is called by gobreaker under its own lock.
func (b *breaker) changed(_ string, from, to gobreaker.State) {
	b.mu.Lock()
	defer b.mu.Unlock()
	now := time.Now()
	b.state = to
	switch to {
	case gobreaker.StateOpen:
		if from == gobreaker.StateClosed {
			b.since = now
		}
		b.hold.extend(now)
		b.log.Warn("API out of reach, calls fail at once", "since", b.since,
			"next_try_seconds", b.hold.last.Seconds(), "error", b.lastText)
	case gobreaker.StateClosed:
		b.log.Info("API in reach again", "duration_seconds", now.Sub(b.since).Seconds())
		b.hold.reset()
		b.score, b.since = 0, now
	}
}

// report fills in the breaker's part of the statistics.
func (b *breaker) report(s *Stats) {
	b.mu.Lock()
	defer b.mu.Unlock()
	s.Rejected = b.rejected
	s.BreakerSince = b.since
	switch {
	case b.state == gobreaker.StateClosed:
		s.Breaker = gobreaker.StateClosed.String()
	case b.hold.active(time.Now()):
		s.Breaker, s.NextTry = gobreaker.StateOpen.String(), b.hold.until
	default:
		s.Breaker = gobreaker.StateHalfOpen.String()
	}
}
