package pool_test

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"go.uber.org/goleak"

	"ccsfs/internal/pool"
	"ccsfs/internal/pool/memory"
	"ccsfs/internal/pool/seal"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// rig is the engines of a pool, and what is the matter with them.
type rig struct {
	t       *testing.T
	leases  *memory.Coordinator
	bucket  *memory.Objects
	key     *seal.Key
	down    atomic.Bool  // the coordinator
	deaf    atomic.Bool  // it answers nothing, and does what it was asked for
	full    atomic.Bool  // it answers what it is asked, and takes nothing
	away    atomic.Bool  // the bucket
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
	return &rig{t: t, leases: memory.NewCoordinator(), bucket: memory.NewObjects(), key: key}
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
	if c.r.down.Load() {
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
	return b.Objects.Get(ctx, name)
}

func (b bucket) Put(ctx context.Context, name string, body io.ReaderAt, size int64) error {
	b.r.puts.Add(1)
	if b.r.stuffed.Load() {
		return fmt.Errorf("no room: %w", pool.ErrRefused)
	}
	if b.r.away.Load() {
		return errDown
	}
	return b.Objects.Put(ctx, name, body, size)
}

func sum(b []byte) string {
	s := sha256.Sum256(b)
	return hex.EncodeToString(s[:])
}

func put(t *testing.T, p *pool.Pool, name, text string) {
	t.Helper()
	if err := p.Put(t.Context(), name, []byte("{}"), bytes.NewReader([]byte(text)), int64(len(text)), sum([]byte(text))); err != nil {
		t.Fatal(err)
	}
}

func get(p *pool.Pool, name string) (string, error) {
	kept, err := p.Get(context.Background(), name)
	if err != nil {
		return "", err
	}
	defer kept.Body.Close()
	b, err := io.ReadAll(kept.Body)
	return string(b), err
}

// One member at a time has a lease, for as long as it needs; the next one gets it within the
// pause between two tries.
func TestLeaseIsHeldByOne(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t)
		var holders, most, rounds atomic.Int64
		var wg sync.WaitGroup
		for range 8 {
			p, leave := r.join(nil)
			wg.Go(func() {
				defer leave()
				for i := range 5 {
					l, _, err := p.Acquire(t.Context(), "thing", nil)
					if err != nil {
						t.Error(err)
						return
					}
					most.Store(max(most.Load(), holders.Add(1)))
					time.Sleep(time.Duration(1+i*17) * time.Second) // longer than a lease lasts by itself
					if err := l.Context().Err(); err != nil {
						t.Error("lost: ", err)
					}
					holders.Add(-1)
					rounds.Add(1)
					l.Release()
					l.Release()
				}
			})
		}
		wg.Wait()
		if most.Load() != 1 || rounds.Load() != 40 {
			t.Errorf("%d at once, %d rounds", most.Load(), rounds.Load())
		}
	})
}

// A member that vanishes is missed for as long as its lease lasts.
func TestLeaseOfTheDeadEnds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t)
		dead, _ := r.leases.Acquire(t.Context(), "thing", "dead", 15*time.Second)
		p, leave := r.join(nil)
		defer leave()
		began := time.Now()
		l, waited, err := p.Acquire(t.Context(), "thing", nil)
		if err != nil || !waited || dead != "dead" {
			t.Fatal(waited, err)
		}
		l.Release()
		if took := time.Since(began); took < 15*time.Second || took > 16*time.Second {
			t.Errorf("after %v", took)
		}
	})
}

// Who cannot renew a lease ends what it does before anybody else can get it, by the clock of
// the coordinator.
func TestLeaseThatCannotBeRenewedIsLostInTime(t *testing.T) {
	for name, spoil := range map[string]func(*rig){
		"the coordinator is down":    func(r *rig) { r.down.Store(true) },
		"its answers get lost":       func(r *rig) { r.deaf.Store(true) },
		"it was restarted empty":     func(r *rig) { r.leases.Forget() },
		"somebody else has it by it": func(r *rig) { r.leases.Forget(); r.leases.Acquire(context.Background(), "thing", "x", time.Hour) },
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				r := newRig(t)
				p, leave := r.join(nil)
				defer leave()
				for before := range 12 { // at any moment of the time between two renewals
					l, _, err := p.Acquire(t.Context(), "thing", nil)
					if err != nil {
						t.Fatal(err)
					}
					time.Sleep(time.Duration(before) * time.Second)
					spoil(r)
					since := time.Now()
					<-l.Context().Done()
					if took := time.Since(since); took > 10*time.Second || errors.Is(context.Cause(l.Context()), context.Canceled) {
						t.Errorf("lost after %v: %v", took, context.Cause(l.Context()))
					}
					l.Release()
					r.down.Store(false)
					r.deaf.Store(false)
					r.leases.Forget()
					time.Sleep(10 * time.Second) // the member notices
				}
			})
		})
	}
}

// A lease whose answer was lost is its holder's all the same, and no longer than it was asked
// for first.
func TestAnswerThatGotLost(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t)
		p, leave := r.join(nil)
		defer leave()
		r.deaf.Store(true)
		go func() {
			time.Sleep(2 * time.Second)
			r.deaf.Store(false)
		}()
		l, err := p.Try(t.Context(), "thing")
		if err != nil || l == nil {
			t.Fatal(l, err)
		}
		time.Sleep(time.Minute)
		if l.Context().Err() != nil {
			t.Error("lost")
		}
		l.Release()
	})
}

// A coordinator that has just gone is waited for, one that is away for longer is not, and what
// is tried meanwhile is little; it is noticed soon when it is back.
func TestCoordinatorAway(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t)
		p, leave := r.join(nil)
		defer leave()
		r.down.Store(true)
		go func() {
			time.Sleep(3 * time.Second)
			r.down.Store(false)
		}()
		if _, taken, err := p.Reserve(t.Context(), 50*time.Millisecond, 3, 2*pool.ForgottenPause); err != nil || !taken {
			t.Errorf("a restart: %v, %v", taken, err)
		}
		r.down.Store(true)
		began := time.Now()
		if _, _, err := p.Reserve(t.Context(), 50*time.Millisecond, 3, time.Second); !errors.Is(err, pool.ErrAway) {
			t.Error(err)
		}
		if took := time.Since(began); took < 4*time.Second || took > 7*time.Second {
			t.Errorf("after %v", took)
		}
		began = time.Now()
		before := r.calls.Load()
		for range 1000 {
			if _, err := p.Try(t.Context(), "thing"); !errors.Is(err, pool.ErrAway) {
				t.Fatal(err)
			}
		}
		if took, asked := time.Since(began), r.calls.Load()-before; took > time.Second || asked > 1 {
			t.Errorf("%v, asked %d times", took, asked)
		}
		if s := p.Stats(); s.CoordinatorAway.IsZero() || s.CoordinatorWhy == "" {
			t.Errorf("%+v", s)
		}
		r.down.Store(false)
		time.Sleep(6 * time.Second)
		if s := p.Stats(); !s.CoordinatorAway.IsZero() {
			t.Errorf("%+v", s)
		}
	})
}

// A coordinator that answers questions, and takes nothing (its memory is full, it is a replica),
// is waited for once, and not by each who comes.
func TestCoordinatorThatTakesNothing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t)
		p, leave := r.join(nil)
		defer leave()
		p.OnNews(func(string) {}, func() {}) // so that it is asked all the time
		time.Sleep(10 * time.Second)
		r.full.Store(true)
		began := time.Now()
		for range 20 {
			if _, err := p.Try(t.Context(), "thing"); !errors.Is(err, pool.ErrAway) {
				t.Fatal(err)
			}
			time.Sleep(500 * time.Millisecond)
		}
		if took := time.Since(began); took > 18*time.Second {
			t.Errorf("20 that came one after the other waited %v", took-10*time.Second)
		}
		r.full.Store(false)
		time.Sleep(2 * time.Second)
		l, err := p.Try(t.Context(), "thing")
		if err != nil || l == nil {
			t.Fatal(l, err)
		}
		l.Release()
	})
}

// A store that takes nothing, since it is full or may only be read, is read all the same, and
// is tried again now and then.
func TestStoreThatTakesNothing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t)
		p, leave := r.join(nil)
		defer leave()
		put(t, p, "d/1", "one")
		r.stuffed.Store(true)
		before := r.puts.Load()
		for i := range 200 {
			if err := p.Put(t.Context(), "d/2", nil, bytes.NewReader(nil), 0, sum(nil)); !errors.Is(err, pool.ErrRefused) {
				t.Fatal(err)
			}
			if got, err := get(p, "d/1"); err != nil || got != "one" {
				t.Fatalf("%d: %q, %v", i, got, err)
			}
			if s := p.Stats(); !s.StoreAway.IsZero() || s.WritingAway.IsZero() || !strings.Contains(s.WritingWhy, "no room") {
				t.Fatalf("%d: %+v", i, s)
			}
			time.Sleep(100 * time.Millisecond)
		}
		if n := r.puts.Load() - before; n < 3 || n > 6 {
			t.Errorf("it was tried %d times in 20 s", n)
		}
		r.stuffed.Store(false)
		time.Sleep(6 * time.Second)
		put(t, p, "d/2", "two")
		put(t, p, "d/3", "three")
		if s := p.Stats(); !s.WritingAway.IsZero() {
			t.Errorf("%+v", s)
		}
	})
}

// What was never begun, as a directory that is not mounted or a wrong prefix, is no empty store.
func TestListOfWhatIsNoStore(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t)
		p, leave := r.join(nil)
		defer leave()
		for range p.List(t.Context(), "") {
			break
		}
		var failed error
		for _, err := range p.List(t.Context(), "") {
			failed = err
		}
		if !errors.Is(failed, pool.ErrAway) || r.puts.Load() != 0 {
			t.Errorf("%v, %d puts", failed, r.puts.Load())
		}
		put(t, p, "d/1", "one")
		n := 0
		for info, err := range p.List(t.Context(), "d/") {
			if n++; err != nil || info.Name != "d/1" {
				t.Error(info, err)
			}
		}
		if n != 1 {
			t.Errorf("%d", n)
		}
		r.away.Store(true)
		time.Sleep(time.Second)
		if _, err := get(p, "d/1"); err == nil {
			t.Error("no error")
		}
		failed = nil
		for _, err := range p.List(t.Context(), "d/") {
			failed = err
		}
		if !errors.Is(failed, pool.ErrAway) {
			t.Errorf("a store that is away has %v", failed)
		}
	})
}

// Members that may go on alone do, each at its share.
func TestAlone(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t)
		var all []*pool.Pool
		for range 5 {
			p, leave := r.join(func(c *pool.Config) { c.Alone = true })
			defer leave()
			all = append(all, p)
		}
		first, leave := r.join(nil)
		defer leave()
		if all[0].Share() != 0.5 || first.Share() != 0 {
			t.Errorf("%v, %v before anybody was counted", all[0].Share(), first.Share())
		}
		time.Sleep(10 * time.Second)
		if all[0].Share() != 1.0/6 || first.Share() != 0 {
			t.Errorf("%v, %v", all[0].Share(), first.Share())
		}
		r.down.Store(true)
		l, err := all[0].Try(t.Context(), "thing")
		if err != nil || l == nil || l.Shared() {
			t.Fatal(l, err)
		}
		l.Release()
		if _, err := first.Try(t.Context(), "thing"); !errors.Is(err, pool.ErrAway) {
			t.Error(err)
		}
	})
}

// Notes are read by members only, under the name that they were made for.
func TestNotes(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t)
		a, leave := r.join(nil)
		defer leave()
		b, leave := r.join(nil)
		defer leave()
		if err := a.Note(t.Context(), "n", []byte("secret"), time.Minute); err != nil {
			t.Fatal(err)
		}
		raw, _ := r.leases.Get(t.Context(), "n")
		if bytes.Contains(raw, []byte("secret")) {
			t.Error("readable by everybody")
		}
		if v, err := b.Noted(t.Context(), "n"); err != nil || string(v) != "secret" {
			t.Errorf("%q, %v", v, err)
		}
		r.leases.Set(t.Context(), "other", raw, time.Minute)
		r.leases.Set(t.Context(), "forged", []byte("secret"), time.Minute)
		for _, name := range []string{"other", "forged", "none"} {
			if v, err := b.Noted(t.Context(), name); err != nil || v != nil {
				t.Errorf("%s: %q, %v", name, v, err)
			}
		}
		if err := a.Note(t.Context(), "n", nil, 0); err != nil {
			t.Fatal(err)
		}
		if v, err := b.Noted(t.Context(), "n"); err != nil || v != nil {
			t.Errorf("%q, %v", v, err)
		}
	})
}

// News reaches all members soon, also across a restart of the coordinator: then they are told
// that something may be missing.
func TestNews(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t)
		a, leave := r.join(nil)
		defer leave()
		var mu sync.Mutex
		var heard []string
		missed := 0
		b, leave := r.join(nil)
		defer leave()
		b.OnNews(func(n string) { mu.Lock(); heard = append(heard, n); mu.Unlock() }, func() { mu.Lock(); missed++; mu.Unlock() })
		time.Sleep(5 * time.Second)
		for i := range 3 {
			if err := a.Tell(t.Context(), fmt.Sprint(i)); err != nil {
				t.Fatal(err)
			}
		}
		time.Sleep(3 * time.Second)
		mu.Lock()
		if fmt.Sprint(heard) != "[0 1 2]" || missed != 1 { // that it came late
			t.Errorf("%v, %d", heard, missed)
		}
		mu.Unlock()
		r.leases.Forget()
		if err := a.Tell(t.Context(), "3"); err != nil {
			t.Fatal(err)
		}
		time.Sleep(5 * time.Second)
		mu.Lock()
		defer mu.Unlock()
		if missed != 2 {
			t.Errorf("%v, %d", heard, missed)
		}
	})
}

// A survey tells who is there, and what each has in hand; who has left is not told of.
func TestSurvey(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t)
		a, leaveA := r.join(nil)
		b, leaveB := r.join(nil)
		defer leaveB()
		l, err := a.Try(t.Context(), "thing")
		if err != nil {
			t.Fatal(err)
		}
		time.Sleep(7 * time.Second)
		s, err := b.Survey(t.Context())
		if err != nil || len(s.Members) != 2 || s.Members[0].Host != "host1" || len(s.Members[0].Leases) != 1 || len(s.Members[1].Leases) != 0 {
			t.Errorf("%+v, %v", s, err)
		}
		l.Release()
		leaveA()
		if s, err = b.Survey(t.Context()); err != nil || len(s.Members) != 1 {
			t.Errorf("%+v, %v", s, err)
		}
	})
}

// The store is that of one key: a member with another one is told, and replaces nothing; one
// that was made to replace it finds nothing of what the other key's members kept.
func TestStoreOfAnotherKey(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t)
		a, leave := r.join(nil)
		defer leave()
		put(t, a, "d/1", "one")
		other, _, err := seal.Generate()
		if err != nil {
			t.Fatal(err)
		}
		b, leave := r.join(func(c *pool.Config) { c.Key = other })
		defer leave()
		if _, err := get(b, "d/1"); !errors.Is(err, pool.ErrRefused) {
			t.Error(err)
		}
		if err := b.Put(t.Context(), "d/1", nil, bytes.NewReader(nil), 0, sum(nil)); !errors.Is(err, pool.ErrRefused) {
			t.Error(err)
		}
		if _, _, err := b.Begin(t.Context(), false); !errors.Is(err, pool.ErrRefused) {
			t.Error(err)
		}
		if got, err := get(a, "d/1"); err != nil || got != "one" {
			t.Errorf("%q, %v", got, err)
		}
		if _, fresh, err := b.Begin(t.Context(), true); err != nil || !fresh {
			t.Fatal(fresh, err)
		}
		time.Sleep(time.Minute)
		if _, err := get(b, "d/1"); !errors.Is(err, fs.ErrNotExist) {
			t.Error(err)
		}
		put(t, b, "d/1", "two")
		if got, err := get(b, "d/1"); err != nil || got != "two" {
			t.Errorf("%q, %v", got, err)
		}
	})
}

// A directory that is not mounted is empty: no store is begun there by the way.
func TestStoreThatMustHaveBeenBegun(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t)
		p, leave := r.join(func(c *pool.Config) { c.Begun = true })
		defer leave()
		if _, err := get(p, "d/1"); !errors.Is(err, pool.ErrAway) {
			t.Error(err)
		}
		if _, fresh, err := p.Begin(t.Context(), false); err != nil || !fresh {
			t.Fatal(fresh, err)
		}
		time.Sleep(2 * time.Second)
		if _, err := get(p, "d/1"); !errors.Is(err, fs.ErrNotExist) {
			t.Error(err)
		}
	})
}

// What one account keeps is nothing to another, also where somebody copies it.
func TestAccountsNeverShare(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t)
		a, leave := r.join(nil)
		defer leave()
		b, leave := r.join(func(c *pool.Config) { c.Account = "b0" })
		defer leave()
		put(t, a, "d/1", "one")
		put(t, a, "d/2", "two")
		if _, err := get(b, "d/1"); !errors.Is(err, fs.ErrNotExist) {
			t.Error(err)
		}
		copyOf := func(from, to string) {
			o, err := r.bucket.Get(t.Context(), from)
			if err != nil {
				t.Fatal(err)
			}
			defer o.Body.Close()
			raw, _ := io.ReadAll(o.Body)
			if err := r.bucket.Put(t.Context(), to, bytes.NewReader(raw), int64(len(raw))); err != nil {
				t.Fatal(err)
			}
		}
		copyOf("v1/a0/d/1", "v1/b0/d/1")
		copyOf("v1/a0/d/1", "v1/a0/d/2")
		if _, err := get(b, "d/1"); !errors.Is(err, pool.ErrDamaged) {
			t.Error(err)
		}
		if _, err := get(a, "d/2"); !errors.Is(err, pool.ErrDamaged) {
			t.Error(err)
		}
	})
}
