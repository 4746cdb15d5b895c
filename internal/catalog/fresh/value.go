package fresh

import (
	"context"
	"errors"
	"sync"
	"time"
)

// What a reader gets of a value, by its age. How it is asked for is in call.go.

// Grace is how long a reader waits for the refresh of something that is
// there, but old; then it gets the old one, marked stale.
const Grace = 3 * time.Second

// Value is one thing that the API is asked for: what was fetched, how old it is, what went
// wrong, and the one call under way, if any. Its methods may be called at once, by many.
type Value[T any] struct {
	key    string
	source *Source[T]
	scope  *Scope

	mu          sync.Mutex
	value       *T     // nil: not in memory
	fingerprint uint64 // of the value that was evicted
	evicted     bool   // fingerprint is set
	fail        Failure
	file        fileState
	pool        poolState
	call        *call[T]

	saving sync.Mutex // one save at a time, so that the newest stays
}

// NewValue returns the only value of a source, or that of a key. It asks nothing yet.
func NewValue[T any](s *Scope, from *Source[T], key string) *Value[T] {
	c := &Value[T]{key: key, source: from, scope: s}
	if s.pool != nil {
		s.enlist(from.File(key), c)
	}
	return c
}

// State is what is known of a value at one moment.
type State[T any] struct {
	Name, Key  string  // of the source, and among its values
	Value      *T      // in memory, whatever its age; nil: none
	Fail       Failure // of the last times it was asked for
	Refreshing bool    // it is being asked for
}

// State never waits, for the disk neither.
func (c *Value[T]) State() State[T] {
	c.mu.Lock()
	defer c.mu.Unlock()
	return State[T]{Name: c.source.Name, Key: c.key, Value: c.value, Fail: c.fail, Refreshing: c.call != nil}
}

// Peek returns the value in memory, whatever its age; nil if there is none.
func (c *Value[T]) Peek() *T { return c.State().Value }

func (c *Value[T]) what() string {
	if c.key == "" {
		return c.source.Name
	}
	return c.source.Name + " of " + c.scope.subject + " " + c.key
}

// about is what the log says of the value, and then more.
func (c *Value[T]) about(more ...any) []any { return c.scope.about(c.source.Name, c.key, more...) }

// Get returns the value by the rules of age, waiting if need be.
func (c *Value[T]) Get(ctx context.Context) (*T, error) {
	patient := c.scope.foreground || isPatient(ctx)
	v, cl, err := c.plan(true, patient)
	if cl == nil {
		return v, err
	}
	cl.raise()
	var grace <-chan time.Time
	if v != nil && !patient {
		if left := c.scope.patience(cl.graceUntil); left > 0 {
			t := time.NewTimer(left)
			defer t.Stop()
			grace = t.C
		} else { // no timer of nothing: see atOnce of apiclient
			over := make(chan time.Time)
			close(over)
			grace = over
		}
	}
	select {
	case <-cl.done:
	case <-grace:
		select {
		case <-cl.done:
		default:
			c.scope.outOfPatience(c.key, cl.answers)
			return c.source.WithStale(v, errRefreshing(c.what())), nil
		}
	case <-ctx.Done():
		return nil, waitError(ctx, c.what())
	}
	if cl.err == nil {
		return cl.v, nil
	}
	if v == nil || Denied(cl.err) || errors.Is(cl.err, context.Canceled) {
		return nil, cl.err
	}
	return c.source.WithStale(v, cl.err), nil
}

// Known returns the value that is there without waiting; nil if there is
// none. It starts a refresh behind if that is due. In the foreground a value
// that is due, and that nobody tried to refresh, is not there.
func (c *Value[T]) Known() (*T, error) {
	v, _, err := c.plan(false, c.scope.foreground)
	return v, err
}

// Denied returns why the value is not to be shown any more, by what is known here or
// saved; nil if it may be, or if nobody knows. It never waits; a refusal whose time has come
// is asked for again behind.
func (c *Value[T]) Denied() (err error) {
	c.mu.Lock()
	read := c.look(c.scope.Now(), false)
	if c.fail.Denied() {
		_, _, err = c.decide(false, c.scope.foreground)
	}
	c.mu.Unlock()
	c.tellTouched(read)
	return err
}

// Refresh asks the API now, whatever the age, and waits for the answer. One
// that was asked for before is not it, one that another process has asked for
// since is.
func (c *Value[T]) Refresh(ctx context.Context) error {
	if c.scope.offline {
		return errOffline(c.what())
	}
	for asked := c.scope.Now(); ; {
		c.mu.Lock()
		read := c.look(c.scope.Now(), false)
		cl := c.start(true)
		settled := cl.began || cl.adopted // what comes of it is not of our question any more
		before := settled && cl.asked.Before(asked)
		if !settled {
			cl.force, cl.asked = true, c.scope.Now()
		}
		c.mu.Unlock()
		c.tellTouched(read)
		cl.raise()
		select {
		case <-cl.done:
		case <-ctx.Done():
			return waitError(ctx, c.what())
		}
		if !before || errors.Is(cl.err, context.Canceled) {
			return cl.err
		}
	}
}

type patientKey struct{}

// Patient returns a context of a reader who waits for what is due, as all do in the
// foreground: it gets nothing old but where that cannot be refreshed.
func Patient(ctx context.Context) context.Context {
	return context.WithValue(ctx, patientKey{}, true)
}

func isPatient(ctx context.Context) bool { return ctx.Value(patientKey{}) != nil }

// plan decides what an access gets: v or err at once, or, if there is a
// call, what comes of that (with v to fall back on). An access that does
// not want to wait gets no call.
func (c *Value[T]) plan(wait, patient bool) (v *T, cl *call[T], err error) {
	c.mu.Lock()
	read := c.look(c.scope.Now(), false)
	v, cl, err = c.decide(wait, patient)
	c.mu.Unlock()
	c.tellTouched(read || v != nil)
	return v, cl, err
}

func (c *Value[T]) decide(wait, patient bool) (*T, *call[T], error) {
	now := c.scope.Now()
	due := c.scope.due(&c.fail, now)
	switch {
	case c.scope.offline:
		return c.decideOffline(wait, now)
	case c.fail.Denied():
		if !due {
			return nil, nil, c.fail.Err
		}
		if cl := c.start(false); wait {
			return nil, cl, nil
		}
		return nil, nil, c.fail.Err
	case c.value == nil && !wait:
		return nil, nil, nil
	case c.value == nil && !due:
		return nil, nil, c.fail.Err
	case c.value == nil:
		return nil, c.start(false), nil
	}
	switch age := c.age(now); {
	case age < c.scope.ttl:
		return c.value, nil, nil
	case c.fail.Err != nil && !(due && patient):
		if due {
			c.start(false)
		}
		return c.source.WithStale(c.value, c.fail.Err), nil, nil
	case age < 2*c.scope.ttl && !patient:
		c.start(false)
		return c.value, nil, nil
	}
	switch cl := c.start(false); {
	case wait:
		return c.value, cl, nil
	case patient:
		return nil, nil, nil
	}
	return c.source.WithStale(c.value, errRefreshing(c.what())), nil, nil
}

func (c *Value[T]) decideOffline(wait bool, now time.Time) (*T, *call[T], error) {
	switch {
	case c.fail.Denied():
		return nil, nil, c.fail.Err
	case c.value == nil && wait:
		return nil, nil, errOffline(c.what())
	case c.value != nil && c.age(now) >= c.scope.ttl:
		return c.source.WithStale(c.value, errOfflineAge(c.what())), nil, nil
	}
	return c.value, nil, nil
}

// tellIfOther tells of a change if the value that was evicted differed.
func (c *Value[T]) tellIfOther(v *T) {
	if c.evicted && c.fingerprint != c.source.Fingerprint(v) {
		c.source.Changed(c.key, nil, v, nil)
	}
	c.evicted = false
}

// drop forgets the value, but not how it was; it is on disk, if anywhere.
func (c *Value[T]) drop() {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.value == nil {
		return
	}
	c.fingerprint, c.evicted = c.source.Fingerprint(c.value), true
	c.value, c.file.loaded = nil, false
}

func (c *Value[T]) tellTouched(yes bool) {
	if yes && c.source.touched != nil {
		c.source.touched(c)
	}
}
