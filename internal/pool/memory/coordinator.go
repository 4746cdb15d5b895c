// Package memory has a coordinator and a bucket that are models, of one process: tests and
// simulations of many members share one. They say nothing that a real engine would not say,
// and do nothing behind anybody: no goroutine, no timer, so that testing/synctest holds
// their clock. What members make of it all does not belong here.
package memory

import (
	"context"
	"maps"
	"math"
	"slices"
	"strconv"
	"sync"
	"time"

	"ccsfs/internal/pool"
)

// Coordinator is a [pool.Coordinator] in memory. Members share one, and each may close it.
type Coordinator struct {
	clock func() time.Time

	mu      sync.Mutex
	rate    *rate // nil: nothing is known of it
	leases  table[string]
	values  table[[]byte]
	members table[[]byte]
	ends    moment // before it nobody of them is over
	news    news
	lives   int // how often everything was forgotten
}

var _ pool.Coordinator = (*Coordinator)(nil)

// NewCoordinator makes a coordinator that knows nothing, as an engine that was started
// without a disk. Its clock is time.Now.
func NewCoordinator() *Coordinator { return NewCoordinatorOf(time.Now) }

// NewCoordinatorOf makes one whose clock is another, which may be set to anything.
func NewCoordinatorOf(clock func() time.Time) *Coordinator {
	c := &Coordinator{clock: clock}
	c.Forget()
	return c
}

// Forget makes the coordinator forget everything, as a restart without a disk does.
func (c *Coordinator) Forget() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.lives++
	c.rate = nil
	c.ends = math.MaxInt64
	c.leases, c.values, c.members = make(table[string]), make(table[[]byte]), make(table[[]byte])
	c.news = news{life: strconv.Itoa(c.lives)}
}

// Close does nothing: others have the coordinator, too.
func (c *Coordinator) Close() error { return nil }

// enter begins a call: it returns the time, with the mutex held, or the error of a
// context that has ended.
func (c *Coordinator) enter(ctx context.Context) (moment, error) {
	if err := ctx.Err(); err != nil {
		return 0, err
	}
	c.mu.Lock()
	return moment(c.clock().UnixMicro()), nil
}

// Turn implements [pool.Coordinator].
func (c *Coordinator) Turn(ctx context.Context, r pool.Rate, most time.Duration) (wait time.Duration, taken bool, err error) {
	now, err := c.enter(ctx)
	if err != nil {
		return 0, false, err
	}
	defer c.mu.Unlock()
	r = r.Bounded()
	if c.rate == nil {
		c.rate = fresh(now, r)
	}
	wait, taken = c.rate.turn(now, r, most)
	return wait, taken, nil
}

// Slow implements [pool.Coordinator].
func (c *Coordinator) Slow(ctx context.Context, sent, pause time.Duration) error {
	now, err := c.enter(ctx)
	if err != nil {
		return err
	}
	defer c.mu.Unlock()
	if c.rate == nil {
		c.rate = fresh(now, pool.Rate{Burst: 1})
	}
	c.rate.slow(now, max(sent, 0), pool.BoundedPause(pause))
	return nil
}

// Pace implements [pool.Coordinator]. Of a rate that was forgotten it tells the pause that
// the next turn will meet.
func (c *Coordinator) Pace(ctx context.Context) (pool.Pace, error) {
	now, err := c.enter(ctx)
	if err != nil {
		return pool.Pace{}, err
	}
	defer c.mu.Unlock()
	if c.rate == nil {
		return fresh(now, pool.Rate{Burst: 1}).pace(now), nil
	}
	return c.rate.pace(now), nil
}

// Acquire implements [pool.Coordinator]. A holder that has the lease already has it for the
// new time: its first call may have been answered too late to be heard.
func (c *Coordinator) Acquire(ctx context.Context, name, holder string, ttl time.Duration) (by string, err error) {
	now, err := c.enter(ctx)
	if err != nil {
		return "", err
	}
	defer c.mu.Unlock()
	if by, ok := c.leases.get(now, name); ok && by != holder {
		return by, nil
	}
	c.leases.set(now, name, holder, ttl)
	return holder, nil
}

// Renew implements [pool.Coordinator].
func (c *Coordinator) Renew(ctx context.Context, name, holder string, ttl time.Duration) (held bool, err error) {
	now, err := c.enter(ctx)
	if err != nil {
		return false, err
	}
	defer c.mu.Unlock()
	if by, ok := c.leases.get(now, name); !ok || by != holder {
		return false, nil
	}
	c.leases.set(now, name, holder, ttl)
	return true, nil
}

// Release implements [pool.Coordinator].
func (c *Coordinator) Release(ctx context.Context, name, holder string) error {
	now, err := c.enter(ctx)
	if err != nil {
		return err
	}
	defer c.mu.Unlock()
	if by, ok := c.leases.get(now, name); ok && by == holder {
		delete(c.leases, name)
	}
	return nil
}

// Leases implements [pool.Coordinator].
func (c *Coordinator) Leases(ctx context.Context) (map[string]string, error) {
	now, err := c.enter(ctx)
	if err != nil {
		return nil, err
	}
	defer c.mu.Unlock()
	return c.leases.all(now), nil
}

// Get implements [pool.Coordinator].
func (c *Coordinator) Get(ctx context.Context, key string) ([]byte, error) {
	now, err := c.enter(ctx)
	if err != nil {
		return nil, err
	}
	defer c.mu.Unlock()
	value, _ := c.values.get(now, key)
	return slices.Clone(value), nil
}

// Set implements [pool.Coordinator].
func (c *Coordinator) Set(ctx context.Context, key string, value []byte, ttl time.Duration) error {
	now, err := c.enter(ctx)
	if err != nil {
		return err
	}
	defer c.mu.Unlock()
	if value == nil {
		delete(c.values, key)
		return nil
	}
	c.values.set(now, key, copied(value), ttl)
	return nil
}

// Tell implements [pool.Coordinator].
func (c *Coordinator) Tell(ctx context.Context, text string) error {
	if _, err := c.enter(ctx); err != nil {
		return err
	}
	defer c.mu.Unlock()
	c.news.add(piece{text: text})
	return nil
}

// News implements [pool.Coordinator].
func (c *Coordinator) News(ctx context.Context, after string) (told []string, last string, missed bool, err error) {
	if _, err := c.enter(ctx); err != nil {
		return nil, "", false, err
	}
	defer c.mu.Unlock()
	told, last, missed = c.news.after(after)
	return told, last, missed, nil
}

// Beat implements [pool.Coordinator].
func (c *Coordinator) Beat(ctx context.Context, member string, about []byte, ttl time.Duration) (members int, err error) {
	now, err := c.enter(ctx)
	if err != nil {
		return 0, err
	}
	defer c.mu.Unlock()
	if ttl <= 0 {
		delete(c.members, member)
		return 0, nil
	}
	c.members.set(now, member, copied(about), ttl)
	c.ends = min(c.ends, c.members[member].until)
	return c.countMembers(now), nil
}

// Members implements [pool.Coordinator].
func (c *Coordinator) Members(ctx context.Context) (map[string][]byte, error) {
	now, err := c.enter(ctx)
	if err != nil {
		return nil, err
	}
	defer c.mu.Unlock()
	all := c.members.all(now)
	for member, about := range all {
		all[member] = slices.Clone(about)
	}
	return all, nil
}

// copied is a copy that is never nil.
func copied(p []byte) []byte { return append([]byte{}, p...) }

// moment is a time of the clock, in microseconds since 1970.
type moment int64

func (m moment) add(d time.Duration) moment      { return m + moment(d.Microseconds()) }
func (m moment) sub(before moment) time.Duration { return time.Duration(m-before) * time.Microsecond }

// table is values that are there for a time.
type table[V any] map[string]lasting[V]

type lasting[V any] struct {
	value V
	until moment // not there any more
}

func (t table[V]) get(now moment, key string) (value V, ok bool) {
	if l, there := t[key]; there && now < l.until {
		return l.value, true
	}
	return value, false
}

// set sets a value, and drops some of those whose time is over: as many as a map of Go
// happens to begin with.
func (t table[V]) set(now moment, key string, value V, ttl time.Duration) {
	looked := 0
	for other, l := range t {
		if now >= l.until {
			delete(t, other)
		}
		if looked++; looked == 4 {
			break
		}
	}
	t[key] = lasting[V]{value, now.add(pool.BoundedTTL(ttl))}
}

// countMembers is how many are there. It looks at them when the time of any may be over, and
// not else: there may be ten thousand, which all ask.
func (c *Coordinator) countMembers(now moment) int {
	if now >= c.ends {
		c.ends = math.MaxInt64
		for member, l := range c.members {
			if now >= l.until {
				delete(c.members, member)
			} else {
				c.ends = min(c.ends, l.until)
			}
		}
	}
	return len(c.members)
}

func (t table[V]) all(now moment) map[string]V {
	maps.DeleteFunc(t, func(_ string, l lasting[V]) bool { return now >= l.until })
	all := make(map[string]V, len(t))
	for key, l := range t {
		all[key] = l.value
	}
	return all
}
