package pool_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"go.uber.org/goleak"

	"ccsfs/internal/pool"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

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

// A connection that is cut at that moment keeps nobody from a lease that is given back.
func TestGivenBackAlthoughACallFails(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t)
		p, leave := r.join(nil)
		defer leave()
		l, err := p.Try(t.Context(), "thing")
		if err != nil || l == nil {
			t.Fatal(l, err)
		}
		r.cut.Store(1)
		began := time.Now()
		l.Release()
		if took := time.Since(began); took > time.Second {
			t.Errorf("it took %v", took)
		}
		if by, err := r.leases.Acquire(t.Context(), "thing", "another", time.Second); err != nil || by != "another" {
			t.Errorf("%q has it (%v)", by, err)
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
