package pool_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"iter"
	"sync/atomic"
	"testing"
	"time"

	"ccsfs/internal/pool"
	"ccsfs/internal/pool/memory"
	"ccsfs/internal/pool/seal"
)

// Engines that the tests spoil.

// rig is the engines of a pool, and what is the matter with them.
type rig struct {
	t       *testing.T
	leases  *memory.Coordinator
	bucket  *memory.Objects
	below   *memory.Objects // what is there in its place while it is gone
	key     *seal.Key
	down    atomic.Bool  // the coordinator
	deaf    atomic.Bool  // it answers nothing, and does what it was asked for
	cut     atomic.Int64 // so many of its next calls
	full    atomic.Bool  // it answers what it is asked, and takes nothing
	away    atomic.Bool  // the bucket
	gone    atomic.Bool  // it is not mounted
	stuffed atomic.Bool  // it takes nothing
	puts    atomic.Int64 // into the bucket
	calls   atomic.Int64 // of the coordinator
	members int
}

func newRig(t *testing.T) *rig {
	t.Helper()
	key, _, err := seal.Generate()
	if err != nil {
		t.Fatal(err)
	}
	return &rig{t: t, leases: memory.NewCoordinator(), bucket: memory.NewObjects(), below: memory.NewObjects(), key: key}
}

// join makes another member, until leave.
func (r *rig) join(change func(*pool.Config)) (_ *pool.Pool, leave func()) {
	r.t.Helper()
	r.members++
	cfg := pool.Config{
		Account: "a0", Member: fmt.Sprintf("m%d", r.members), Key: r.key, About: pool.About{Host: fmt.Sprintf("host%d", r.members)},
		Coordinator: coordinator{r.leases, r}, Objects: bucket{r.bucket, r},
	}
	if change != nil {
		change(&cfg)
	}
	p := pool.Open(cfg)
	return p, func() {
		if err := p.Close(); err != nil {
			r.t.Error(err)
		}
	}
}

var errDown = fmt.Errorf("connection refused: %w", pool.ErrAway)

// coordinator is a model behind a network that can be spoiled.
type coordinator struct {
	*memory.Coordinator
	r *rig
}

// asked is what becomes of a call: nothing, or its answer gets lost.
func (c coordinator) asked() (lost, err error) {
	c.r.calls.Add(1)
	if c.r.down.Load() || c.r.cut.Add(-1) >= 0 {
		return errDown, errDown
	}
	if c.r.deaf.Load() {
		return errDown, nil
	}
	return nil, nil
}

func (c coordinator) Acquire(ctx context.Context, name, holder string, ttl time.Duration) (string, error) {
	if c.r.full.Load() {
		return "", fmt.Errorf("its memory is full: %w", pool.ErrAway)
	}
	lost, err := c.asked()
	if err != nil {
		return "", err
	}
	by, err := c.Coordinator.Acquire(ctx, name, holder, ttl)
	return by, errors.Join(err, lost)
}

func (c coordinator) Renew(ctx context.Context, name, holder string, ttl time.Duration) (bool, error) {
	lost, err := c.asked()
	if err != nil {
		return false, err
	}
	held, err := c.Coordinator.Renew(ctx, name, holder, ttl)
	return held, errors.Join(err, lost)
}

func (c coordinator) Release(ctx context.Context, name, holder string) error {
	lost, err := c.asked()
	if err != nil {
		return err
	}
	return errors.Join(c.Coordinator.Release(ctx, name, holder), lost)
}

func (c coordinator) Turn(ctx context.Context, rate pool.Rate, most time.Duration) (time.Duration, bool, error) {
	lost, err := c.asked()
	if err != nil {
		return 0, false, err
	}
	wait, taken, err := c.Coordinator.Turn(ctx, rate, most)
	return wait, taken, errors.Join(err, lost)
}

func (c coordinator) Beat(ctx context.Context, member string, about []byte, ttl time.Duration) (int, error) {
	if lost, err := c.asked(); err != nil || lost != nil {
		return 0, errDown
	}
	return c.Coordinator.Beat(ctx, member, about, ttl)
}

func (c coordinator) News(ctx context.Context, after string) ([]string, string, bool, error) {
	if lost, err := c.asked(); err != nil || lost != nil {
		return nil, "", false, errDown
	}
	return c.Coordinator.News(ctx, after)
}

type bucket struct {
	*memory.Objects
	r *rig
}

func (b bucket) Get(ctx context.Context, name string) (pool.Object, error) {
	if b.r.away.Load() {
		return pool.Object{}, errDown
	}
	return b.now().Get(ctx, name)
}

func (b bucket) Put(ctx context.Context, name string, body io.ReaderAt, size int64) error {
	b.r.puts.Add(1)
	if b.r.stuffed.Load() {
		return fmt.Errorf("no room: %w", pool.ErrRefused)
	}
	if b.r.away.Load() {
		return errDown
	}
	return b.now().Put(ctx, name, body, size)
}

func (b bucket) List(ctx context.Context, prefix string) iter.Seq2[pool.ObjectInfo, error] {
	return b.now().List(ctx, prefix)
}

// now is what is there.
func (b bucket) now() *memory.Objects {
	if b.r.gone.Load() {
		return b.r.below
	}
	return b.Objects
}
