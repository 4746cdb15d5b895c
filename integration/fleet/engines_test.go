package fleet

import (
	"context"
	"errors"
	"fmt"
	"io"
	"math"
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"time"

	"ccsfs/internal/pool"
	"ccsfs/internal/pool/memory"
	"ccsfs/internal/pool/seal"
)

const (
	redisServes    = 15 * time.Microsecond  // a call: one thread, some 65,000 a second
	redisAway      = 300 * time.Microsecond // median of the way there and back
	bucketTakes    = 20 * time.Millisecond  // median
	bucketPatience = time.Second            // until a bucket that does not answer counts as away
	apiTakes       = 300 * time.Millisecond // median
	perSecond      = 25                     // that the API allows
)

// faults are what goes wrong, by the time since the beginning and the number of a member.
// nil: nothing.
type faults struct {
	coordinatorAway, bucketAway func(m int, at time.Duration) bool
	apiAway, apiBusy            func(at time.Duration) bool
	forget                      []time.Duration // when the coordinator forgets everything
	lose                        float64         // of answers of the coordinator, after the effect
	crash                       float64         // of members, at any of their steps
	pause                       float64         // of members, for a minute, with a request in hand
	skew                        time.Duration   // of their clocks, at most
	broken                      int             // documents that the API does not have
	slow                        time.Duration   // more that the bucket takes
	alone                       bool            // members go on without a coordinator
}

func during(from, to time.Duration) func(time.Duration) bool {
	return func(at time.Duration) bool { return at >= from && at < to }
}

func forAll(f func(time.Duration) bool) func(int, time.Duration) bool {
	return func(_ int, at time.Duration) bool { return f(at) }
}

// world is what the members share.
type world struct {
	scenario
	seed        uint64
	key         *seal.Key
	coordinator *memory.Coordinator
	bucket      *memory.Objects
	began       time.Time

	mu        sync.Mutex
	busy      time.Time // until then the coordinator serves others
	asked     []time.Time
	calls     map[string]int
	inHand    map[string]int // documents that were asked for and not put, by how many
	operation []int          // of the coordinator, by second

	failed, crashed, forgotten, extra, paused atomic.Int64
}

func (w *world) at() time.Duration { return time.Since(w.began) }

func (w *world) is(f func(int, time.Duration) bool, m int) bool { return f != nil && f(m, w.at()) }

// link is the way of one member to the engines. It is a coordinator and a bucket.
type link struct {
	*memory.Coordinator
	world *world
	m     int

	mu      sync.Mutex
	rng     *rand.Rand
	steps   int
	crashAt int // a step; 0: never
	dead    bool
	still   time.Time // until then it stands still
	leave   context.CancelFunc
	hand    map[string]bool
}

var errVanished = errors.New("the member has vanished")

// step is one more thing that the member does; it may be its last.
func (l *link) step() error {
	l.mu.Lock()
	for wait := time.Until(l.still); wait > 0; wait = time.Until(l.still) {
		l.mu.Unlock()
		time.Sleep(wait)
		l.mu.Lock()
	}
	defer l.mu.Unlock()
	if l.steps++; l.steps == l.crashAt && !l.dead {
		l.dead = true
		l.world.crashed.Add(int64(len(l.hand)))
		l.leave()
	}
	if l.dead {
		return errVanished
	}
	return nil
}

// takes draws how long something takes: a half more or less, and now and then much longer.
func (l *link) takes(median time.Duration) time.Duration {
	l.mu.Lock()
	defer l.mu.Unlock()
	return max(time.Duration(float64(median)*math.Exp(0.5*l.rng.NormFloat64())), time.Nanosecond)
}

// stand has the whole member stand still, as SIGSTOP and a machine that sleeps do: its timers
// fire, and nothing that it does gets out.
func (l *link) stand(d time.Duration) {
	l.mu.Lock()
	l.still = time.Now().Add(d)
	l.mu.Unlock()
}

func (l *link) chance(p float64) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return p > 0 && l.rng.Float64() < p
}

// call is one call of the coordinator: the way there, the row of those before it, and the
// way back. Who is not answered in time does not know whether it had an effect.
func (l *link) call(ctx context.Context, do func() error) error {
	if err := l.step(); err != nil {
		return err
	}
	w := l.world
	if w.is(w.faults.coordinatorAway, l.m) {
		return l.away(ctx, pool.CoordinatorPatience)
	}
	w.mu.Lock()
	now := time.Now()
	if w.busy.Before(now) {
		w.busy = now
	}
	w.busy = w.busy.Add(redisServes)
	queued := w.busy.Sub(now)
	second := int(w.at() / time.Second)
	for len(w.operation) <= second {
		w.operation = append(w.operation, 0)
	}
	w.operation[second]++
	w.mu.Unlock()
	time.Sleep(queued + l.takes(redisAway))
	if err := ctx.Err(); err != nil {
		return err
	}
	err := do()
	if queued > pool.CoordinatorPatience || l.chance(w.faults.lose) {
		return l.away(ctx, max(pool.CoordinatorPatience-queued, time.Nanosecond))
	}
	if dead := l.step(); dead != nil { // after the effect
		return dead
	}
	return err
}

func (l *link) away(ctx context.Context, patience time.Duration) error {
	select {
	case <-time.After(patience):
		return fmt.Errorf("no answer: %w", pool.ErrAway)
	case <-ctx.Done():
		return ctx.Err()
	}
}

func (l *link) Turn(ctx context.Context, r pool.Rate, most time.Duration) (wait time.Duration, taken bool, err error) {
	err = l.call(ctx, func() (err error) { wait, taken, err = l.Coordinator.Turn(ctx, r, most); return err })
	return wait, taken && err == nil, err
}

func (l *link) Slow(ctx context.Context, sent, pause time.Duration) error {
	return l.call(ctx, func() error { return l.Coordinator.Slow(ctx, sent, pause) })
}

func (l *link) Acquire(ctx context.Context, name, holder string, ttl time.Duration) (by string, err error) {
	err = l.call(ctx, func() (err error) { by, err = l.Coordinator.Acquire(ctx, name, holder, ttl); return err })
	return by, err
}

func (l *link) Renew(ctx context.Context, name, holder string, ttl time.Duration) (held bool, err error) {
	err = l.call(ctx, func() (err error) { held, err = l.Coordinator.Renew(ctx, name, holder, ttl); return err })
	return held, err
}

func (l *link) Release(ctx context.Context, name, holder string) error {
	return l.call(ctx, func() error { return l.Coordinator.Release(ctx, name, holder) })
}

func (l *link) Get(ctx context.Context, key string) (b []byte, err error) {
	err = l.call(ctx, func() (err error) { b, err = l.Coordinator.Get(ctx, key); return err })
	return b, err
}

func (l *link) Set(ctx context.Context, key string, b []byte, ttl time.Duration) error {
	return l.call(ctx, func() error { return l.Coordinator.Set(ctx, key, b, ttl) })
}

func (l *link) News(ctx context.Context, after string) (news []string, last string, missed bool, err error) {
	err = l.call(ctx, func() (err error) { news, last, missed, err = l.Coordinator.News(ctx, after); return err })
	return news, last, missed, err
}

func (l *link) Beat(ctx context.Context, member string, about []byte, ttl time.Duration) error {
	return l.call(ctx, func() error { return l.Coordinator.Beat(ctx, member, about, ttl) })
}

func (l *link) Members(ctx context.Context) (all map[string][]byte, err error) {
	err = l.call(ctx, func() (err error) { all, err = l.Coordinator.Members(ctx); return err })
	return all, err
}

// bucket is the same link, as objects: Get is another method there.
type bucket struct {
	pool.Objects
	l *link
}

func (b bucket) enter(ctx context.Context) error {
	if err := b.l.step(); err != nil {
		return err
	}
	w := b.l.world
	if w.is(w.faults.bucketAway, b.l.m) {
		return b.l.away(ctx, bucketPatience)
	}
	time.Sleep(b.l.takes(bucketTakes + w.faults.slow))
	return ctx.Err()
}

func (b bucket) Get(ctx context.Context, name string) (pool.Object, error) {
	if err := b.enter(ctx); err != nil {
		return pool.Object{}, err
	}
	return b.Objects.Get(ctx, name)
}

func (b bucket) Put(ctx context.Context, name string, body io.ReaderAt, size int64) error {
	if err := b.enter(ctx); err != nil {
		return err
	}
	if err := b.Objects.Put(ctx, name, body, size); err != nil {
		return err
	}
	return b.l.step() // after the effect
}
