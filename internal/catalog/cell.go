package catalog

import (
	"context"
	"errors"
	"sync"
	"time"

	"ccsfs/apiclient"
)

// Grace is how long a reader waits for the refresh of something that is
// there, but old; then it gets the old one, marked stale.
const Grace = 3 * time.Second

// clockSlack is how far in the future a time may lie and still count as now:
// clocks are corrected by a bit all the time.
const clockSlack = 5 * time.Second

// The names of the kinds, as in Problem.Op and Shortfall.Op.
const (
	opContracts = "contracts"
	opListing   = "listing"
	opDetail    = "detail"
)

// kind says how cells of one sort of thing work. Values are immutable.
type kind[T any] struct {
	name      string
	fetch     func(ctx context.Context, key string, prev *T) (*T, error)
	file      func(key string) string         // where it is saved
	load      func(key string) (*T, *refusal) // from there, nil if there is none
	save      func(key string, v *T)
	deny      func(key string, f *failure) // access was withdrawn: nor may another process show it
	fetchedAt func(*T) time.Time
	withStale func(*T, error) *T
	print     func(*T) uint64 // the same for values between which there is no change
	same      func(a, b *T) bool
	changed   func(key string, was, is *T, err error) // called in order, must not block
	touched   func(c *cell[T])                        // has a value in memory; called outside locks
}

// cell holds one thing that the API is asked for: its value, how old it is,
// what went wrong, and the one request under way, if any.
type cell[T any] struct {
	key  string
	kind *kind[T]
	env  *env

	mu     sync.Mutex
	value  *T
	seen   uint64 // print of the value that was evicted
	left   bool   // seen is set
	fail   failure
	disk   shared
	flight *flight[T]

	saving sync.Mutex // one save at a time, so that the newest stays
}

// flight is a request under way. It belongs to the catalog: whoever waits for
// it may leave without hurting it.
type flight[T any] struct {
	urgency *apiclient.Urgency // raised once somebody waits
	waited  chan struct{}      // closed then
	once    sync.Once          // guards that
	graceTo time.Time          // after that nobody waits who has something old
	answers uint64             // of the API, at the start
	asked   time.Time          // by whoever forced it last, else at the start
	force   bool               // asked for by name: also while locked out
	began   bool               // the API is being asked
	at      time.Time          // since when
	landed  time.Time
	taken   uint64 // disk.taken at the start
	done    chan struct{}
	held    bool  // kept back by the lockout: no call was made
	shared  bool  // somebody else's answer, which the cell has already
	v       *T    // set before done is closed
	err     error // same
}

// raise makes the request go before those that nobody waits for.
func (fl *flight[T]) raise() {
	fl.once.Do(func() {
		fl.urgency.Raise()
		close(fl.waited)
	})
}

func (c *cell[T]) what() string {
	if c.key == "" {
		return c.kind.name
	}
	return c.kind.name + " of contract " + c.key
}

// get returns the value by the rules of age, waiting if need be.
func (c *cell[T]) get(ctx context.Context) (*T, error) {
	v, fl, err := c.plan(true)
	if fl == nil {
		return v, err
	}
	fl.raise()
	var grace <-chan time.Time
	if v != nil && !c.env.front {
		t := time.NewTimer(c.env.patience(fl.graceTo))
		defer t.Stop()
		grace = t.C
	}
	select {
	case <-fl.done:
	case <-grace:
		select {
		case <-fl.done:
		default:
			c.env.outOfPatience(c.key, fl.answers)
			return c.kind.withStale(v, errAge(c.what())), nil
		}
	case <-ctx.Done():
		return nil, waitError(ctx, c.what())
	}
	if fl.err == nil {
		return fl.v, nil
	}
	if v == nil || denial(fl.err) || errors.Is(fl.err, context.Canceled) {
		return nil, fl.err
	}
	return c.kind.withStale(v, fl.err), nil
}

// known returns the value that is there without waiting; nil if there is
// none. It starts a refresh behind if that is due. In the foreground a value
// that is due, and that nobody tried to refresh, is not there.
func (c *cell[T]) known() (*T, error) {
	v, _, err := c.plan(false)
	return v, err
}

// refresh asks the API now, whatever the age, and waits for the answer. One
// that was asked for before is not it, one that another process has asked for
// since is.
func (c *cell[T]) refresh(ctx context.Context) error {
	if c.env.offline {
		return errOffline(c.what())
	}
	for asked := c.env.now(); ; {
		c.mu.Lock()
		read := c.look(c.env.now(), false)
		fl := c.start(true)
		before := fl.began && fl.asked.Before(asked)
		if !fl.began {
			fl.force, fl.asked = true, c.env.now()
		}
		c.mu.Unlock()
		c.tellTouched(read)
		fl.raise()
		select {
		case <-fl.done:
		case <-ctx.Done():
			return waitError(ctx, c.what())
		}
		if !before || errors.Is(fl.err, context.Canceled) {
			return fl.err
		}
	}
}

// plan decides what an access gets: v or err at once, or, if there is a
// flight, what comes of that (with v to fall back on). An access that does
// not want to wait gets no flight.
func (c *cell[T]) plan(wait bool) (v *T, fl *flight[T], err error) {
	c.mu.Lock()
	read := c.look(c.env.now(), false)
	v, fl, err = c.decide(wait)
	c.mu.Unlock()
	c.tellTouched(read || v != nil)
	return v, fl, err
}

func (c *cell[T]) decide(wait bool) (*T, *flight[T], error) {
	now := c.env.now()
	due := c.env.due(&c.fail, now)
	switch {
	case c.env.offline:
		return c.decideOffline(wait, now)
	case c.fail.denied():
		if !due {
			return nil, nil, c.fail.err
		}
		if fl := c.start(false); wait {
			return nil, fl, nil
		}
		return nil, nil, c.fail.err
	case c.value == nil && !wait:
		return nil, nil, nil
	case c.value == nil && !due:
		return nil, nil, c.fail.err
	case c.value == nil:
		return nil, c.start(false), nil
	}
	switch age := c.age(now); {
	case age < c.env.ttl:
		return c.value, nil, nil
	case c.fail.err != nil && !(due && c.env.front):
		if due {
			c.start(false)
		}
		return c.kind.withStale(c.value, c.fail.err), nil, nil
	case age < 2*c.env.ttl && !c.env.front:
		c.start(false)
		return c.value, nil, nil
	}
	switch fl := c.start(false); {
	case wait:
		return c.value, fl, nil
	case c.env.front:
		return nil, nil, nil
	}
	return c.kind.withStale(c.value, errAge(c.what())), nil, nil
}

func (c *cell[T]) decideOffline(wait bool, now time.Time) (*T, *flight[T], error) {
	switch {
	case c.fail.denied():
		return nil, nil, c.fail.err
	case c.value == nil && wait:
		return nil, nil, errOffline(c.what())
	case c.value != nil && c.age(now) >= c.env.ttl:
		return c.kind.withStale(c.value, errOfflineAge(c.what())), nil, nil
	}
	return c.value, nil, nil
}

// age of the value. One from before the catalog is as old as can be if all is
// to be asked for afresh.
func (c *cell[T]) age(now time.Time) time.Duration {
	return c.env.age(c.kind.fetchedAt(c.value), now)
}

func (e *env) age(at, now time.Time) time.Duration {
	if at.Before(e.afresh) {
		return 1<<63 - 1
	}
	return ageOf(at, now)
}

// ageOf is how old something is. A time in the future says nothing, except
// that a clock was wrong: then it is as old as can be.
func ageOf(at, now time.Time) time.Duration {
	if future(at, now) {
		return 1<<63 - 1
	}
	return max(now.Sub(at), 0)
}

func future(at, now time.Time) bool { return at.Sub(now) > clockSlack }

// tellIfOther tells of a change if the value that was evicted differed.
func (c *cell[T]) tellIfOther(v *T) {
	if c.left && c.seen != c.kind.print(v) {
		c.kind.changed(c.key, nil, v, nil)
	}
	c.left = false
}

// drop forgets the value, but not how it was; it is on disk, if anywhere.
func (c *cell[T]) drop() {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.value == nil {
		return
	}
	c.seen, c.left = c.kind.print(c.value), true
	c.value, c.disk.loaded = nil, false
}

func (c *cell[T]) tellTouched(yes bool) {
	if yes && c.kind.touched != nil {
		c.kind.touched(c)
	}
}
