// Package spoiled has the engines of a pool in memory that go wrong when a test says so, and
// makes members of them. What members make of that is tested where they are.
package spoiled

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"iter"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"ccsfs/internal/pool"
	"ccsfs/internal/pool/memory"
	"ccsfs/internal/pool/seal"
)

// Account is that of all members.
const Account = "a0"

// Engines are a coordinator and a bucket that members share. The fields may be changed at
// any time; Alone and Encrypts hold for who joins later.
type Engines struct {
	Coordinator *memory.Coordinator
	Bucket      *memory.Objects
	Key         *seal.Key

	Away     atomic.Bool // the bucket
	NoPuts   atomic.Bool // it takes nothing
	Silent   atomic.Bool // it answers nothing until the context ends
	Lost     atomic.Bool // the coordinator is away
	Deaf     atomic.Bool // it takes news, and tells none
	Alone    bool        // members go on without a coordinator
	Encrypts bool

	Puts, Gets, Unanswered atomic.Int64 // of the bucket

	members atomic.Int64
	mu      sync.Mutex
	before  func(op, name string) // called before each of the bucket's
	silence func(op, name string) bool
}

// New makes engines that are well.
func New(t testing.TB) *Engines {
	t.Helper()
	key, _, err := seal.Generate()
	if err != nil {
		t.Fatal(err)
	}
	return &Engines{Coordinator: memory.NewCoordinator(), Bucket: memory.NewObjects(), Key: key}
}

// Join makes another member, which leaves with the test.
func (e *Engines) Join(t testing.TB) *pool.Pool {
	t.Helper()
	p := e.Member()
	t.Cleanup(func() {
		if err := p.Close(); err != nil {
			t.Error(err)
		}
	})
	return p
}

// Member makes another member, which is to be closed.
func (e *Engines) Member() *pool.Pool {
	return pool.Open(pool.Config{
		Account: Account, Member: fmt.Sprintf("m%d", e.members.Add(1)), Key: e.Key, Alone: e.Alone, Encrypt: e.Encrypts,
		Coordinator: coordinator{e.Coordinator, e}, Objects: bucket{e.Bucket, e},
	})
}

// Before has f called before each Get, Put and Remove of the bucket, by the name that a
// member gave; it may wait.
func (e *Engines) Before(f func(op, name string)) {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.before = f
}

// SilentFor has the bucket answer nothing to what f holds for, by the names that members
// give; nil: it answers all.
func (e *Engines) SilentFor(f func(op, name string) bool) {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.silence = f
}

// Full is the name that the bucket has for one of a member's.
func Full(name string) string { return "v1/" + Account + "/" + name }

// Names are those that the bucket has, of names of members that begin so.
func (e *Engines) Names(t testing.TB, prefix string) (names []string) {
	t.Helper()
	for info, err := range e.Bucket.List(context.Background(), Full(prefix)) {
		if err != nil || info.Size == 0 {
			t.Fatal(info, err)
		}
		names = append(names, info.Name[len(Full("")):])
	}
	return names
}

// Save is the bytes of all that the bucket has, for Restore.
func (e *Engines) Save(t testing.TB) map[string][]byte {
	t.Helper()
	saved := make(map[string][]byte)
	for _, name := range e.Names(t, "") {
		saved[name] = e.Bytes(t, name)
	}
	return saved
}

// Bytes are those that the bucket has under a name.
func (e *Engines) Bytes(t testing.TB, name string) []byte {
	t.Helper()
	o, err := e.Bucket.Get(context.Background(), Full(name))
	if err != nil {
		t.Fatal(err)
	}
	defer o.Body.Close()
	b, err := io.ReadAll(o.Body)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// Restore makes the bucket what it was.
func (e *Engines) Restore(t testing.TB, saved map[string][]byte) {
	t.Helper()
	for _, name := range e.Names(t, "") {
		if err := e.Bucket.Remove(context.Background(), Full(name)); err != nil {
			t.Fatal(err)
		}
	}
	for name, b := range saved {
		e.Put(t, name, b)
	}
}

// Put puts bytes into the bucket, past all members.
func (e *Engines) Put(t testing.TB, name string, b []byte) {
	t.Helper()
	if err := e.Bucket.Put(context.Background(), Full(name), bytes.NewReader(b), int64(len(b))); err != nil {
		t.Fatal(err)
	}
}

func (e *Engines) enter(ctx context.Context, op, name string) error {
	e.mu.Lock()
	before, silence := e.before, e.silence
	e.mu.Unlock()
	name = name[len(Full("")):]
	if before != nil {
		before(op, name)
	}
	if e.Silent.Load() || silence != nil && silence(op, name) {
		e.Unanswered.Add(1)
		<-ctx.Done()
		return ctx.Err()
	}
	if e.Away.Load() {
		return errAway()
	}
	return nil
}

func errAway() error { return fmt.Errorf("connection refused: %w", pool.ErrAway) }

type bucket struct {
	pool.Objects
	e *Engines
}

func (b bucket) Get(ctx context.Context, name string) (pool.Object, error) {
	b.e.Gets.Add(1)
	if err := b.e.enter(ctx, "get", name); err != nil {
		return pool.Object{}, err
	}
	return b.Objects.Get(ctx, name)
}

func (b bucket) Put(ctx context.Context, name string, body io.ReaderAt, size int64) error {
	b.e.Puts.Add(1)
	if err := b.e.enter(ctx, "put", name); err != nil {
		return err
	}
	if b.e.NoPuts.Load() {
		return errAway()
	}
	return b.Objects.Put(ctx, name, body, size)
}

func (b bucket) Remove(ctx context.Context, name string) error {
	if err := b.e.enter(ctx, "remove", name); err != nil {
		return err
	}
	return b.Objects.Remove(ctx, name)
}

func (b bucket) List(ctx context.Context, prefix string) iter.Seq2[pool.ObjectInfo, error] {
	return b.Objects.List(ctx, prefix)
}

// coordinator is away as a whole: each call fails.
type coordinator struct {
	pool.Coordinator
	e *Engines
}

func (c coordinator) away() error {
	if c.e.Lost.Load() {
		return errAway()
	}
	return nil
}

func (c coordinator) Acquire(ctx context.Context, name, holder string, ttl time.Duration) (string, error) {
	if err := c.away(); err != nil {
		return "", err
	}
	return c.Coordinator.Acquire(ctx, name, holder, ttl)
}

func (c coordinator) Renew(ctx context.Context, name, holder string, ttl time.Duration) (bool, error) {
	if err := c.away(); err != nil {
		return false, err
	}
	return c.Coordinator.Renew(ctx, name, holder, ttl)
}

func (c coordinator) Release(ctx context.Context, name, holder string) error {
	if err := c.away(); err != nil {
		return err
	}
	return c.Coordinator.Release(ctx, name, holder)
}

func (c coordinator) Get(ctx context.Context, key string) ([]byte, error) {
	if err := c.away(); err != nil {
		return nil, err
	}
	return c.Coordinator.Get(ctx, key)
}

func (c coordinator) Set(ctx context.Context, key string, value []byte, ttl time.Duration) error {
	if err := c.away(); err != nil {
		return err
	}
	return c.Coordinator.Set(ctx, key, value, ttl)
}

func (c coordinator) Tell(ctx context.Context, news string) error {
	if err := c.away(); err != nil {
		return err
	}
	return c.Coordinator.Tell(ctx, news)
}

func (c coordinator) News(ctx context.Context, after string) ([]string, string, bool, error) {
	if err := c.away(); err != nil {
		return nil, "", false, err
	}
	if c.e.Deaf.Load() && after != "" {
		return nil, after, false, nil
	}
	return c.Coordinator.News(ctx, after)
}
