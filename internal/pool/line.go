package pool

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"sync"
	"time"
)

const (
	// Grace is for how long, since the coordinator went away, calls hold on for its return: a
	// restart takes a second or three. Later ones fail at once.
	Grace = 5 * time.Second
	// storeGrace is the same of the shared store, which takes two seconds to be silent.
	storeGrace = 3 * time.Second
	// probeEvery is how often an engine that is away for longer is tried again.
	probeEvery = time.Second
	// holdPause is the pause between tries of a call that holds on.
	holdPause = 200 * time.Millisecond
)

// line is the way to one engine: whether that is there, and how long it is worth waiting
// for it. All calls of a member learn from each other's failures.
type line struct {
	what  string // the engine, for people
	hint  string // what to do where it is away
	grace time.Duration
	// again is how often one who comes is let through to an engine that is away for longer
	// than grace; 0: never, it is tried behind (probe).
	again time.Duration
	log   *slog.Logger

	mu    sync.Mutex
	since time.Time // when it went away; zero: it is there
	last  error     // why
	tried time.Time // when somebody last came through, while it was away for longer than grace
	back  time.Time // when it last came back
}

// awayError is that an engine is away: it Is ErrAway, or ErrRefused where the engine is
// there and does not let us.
type awayError struct {
	what, hint string
	since      time.Time
	cause      error
}

func (e *awayError) Error() string {
	return fmt.Sprintf("%s cannot be used since %s: %v; %s", e.what, e.since.Format(time.TimeOnly), e.cause, e.hint)
}

func (e *awayError) Unwrap() error { return e.cause }

// do calls the engine, as often as need be while it has just gone away. An engine that
// answers others meanwhile holds it up no longer than one that answers nobody.
func (l *line) do(ctx context.Context, call func(context.Context) error) error {
	for began := time.Now(); ; {
		if err := l.closed(); err != nil {
			return err
		}
		err := call(ctx)
		if ctx.Err() != nil && err != nil {
			return context.Cause(ctx) // who left learns nothing of the engine
		}
		if !isAway(err) {
			l.returned()
			return err
		}
		if away, hold := l.left(err); !hold || time.Since(began) >= l.grace {
			return away
		}
		select {
		case <-time.After(holdPause/2 + rand.N(holdPause)):
		case <-ctx.Done():
			return context.Cause(ctx)
		}
	}
}

// once calls the engine, and does not hold on. That it is answered does not mean that the
// engine is back: one may answer questions and take nothing.
func (l *line) once(ctx context.Context, call func(context.Context) error) error {
	if err := l.closed(); err != nil {
		return err
	}
	err := call(ctx)
	switch {
	case ctx.Err() != nil && err != nil:
		return context.Cause(ctx)
	case isAway(err):
		away, _ := l.left(err)
		return away
	}
	return err
}

func isAway(err error) bool { return errors.Is(err, ErrAway) || errors.Is(err, ErrRefused) }

// closed is why the engine is not called now, nil if it is. Once nobody holds on, who asks
// does not wait for what has been silent for long.
func (l *line) closed() error {
	l.mu.Lock()
	defer l.mu.Unlock()
	now := time.Now()
	if l.since.IsZero() || now.Sub(l.since) < l.grace {
		return nil
	}
	if l.again > 0 && now.Sub(l.tried) >= l.again {
		l.tried = now
		return nil
	}
	return l.away()
}

// awayNow is why the engine is away, nil if it is not: for those who need not find out.
func (l *line) awayNow() error {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.since.IsZero() {
		return nil
	}
	return l.away()
}

// probe calls an engine that is away, to find out whether it is back.
func (l *line) probe(ctx context.Context, call func(context.Context) error) {
	if since, _ := l.gone(); since.IsZero() {
		return
	}
	switch err := call(ctx); {
	case ctx.Err() != nil && err != nil:
	case isAway(err):
		_, _ = l.left(err) // that it is not is known
	default:
		l.returned()
	}
}

// away is the error of an engine that is. l.mu is held.
func (l *line) away() error { return &awayError{l.what, l.hint, l.since, l.last} }

// left notes that a call met nobody. hold: it is worth another try.
func (l *line) left(err error) (away error, hold bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	now := time.Now()
	if l.since.IsZero() {
		l.since, l.tried = now, now
		l.log.Warn(l.what+" cannot be used; "+l.hint, "error", err)
	}
	l.last = err
	return l.away(), now.Sub(l.since) < l.grace && errors.Is(err, ErrAway)
}

func (l *line) returned() {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.since.IsZero() {
		return
	}
	l.log.Info(l.what+" can be used again", "away_seconds", time.Since(l.since).Seconds())
	l.since, l.last, l.back = time.Time{}, nil, time.Now()
}

// backFor tells whether the engine came back within a time.
func (l *line) backFor(most time.Duration) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return !l.back.IsZero() && time.Since(l.back) < most
}

// gone is since when, and why, the engine is away; the zero time if it is not.
func (l *line) gone() (since time.Time, why error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.since, l.last
}
