package fresh

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"ccsfs/apiclient"
	"ccsfs/internal/pool"
	"ccsfs/internal/pool/pooltest/spoiled"
)

// machine is one with a directory of its own, a process, and a clock that may be wrong.
type machine struct {
	*toys
	dir  string
	off  time.Duration // of its clock
	pool *pool.Pool
}

// heardAfter is when members have heard what was told.
const heardAfter = 5 * time.Second

// machines runs a test on a clock of its own, with members of one pool.
func machines(t *testing.T, f func(t *testing.T, e *spoiled.Engines, a *toyAPI)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) { f(t, spoiled.New(t), &toyAPI{number: 1, takes: time.Second}) })
}

// machine starts one; change may be nil.
func (a *toyAPI) machine(t *testing.T, e *spoiled.Engines, change func(*Config)) *machine {
	t.Helper()
	return a.machineIn(t, e, t.TempDir(), change)
}

func (a *toyAPI) machineIn(t *testing.T, e *spoiled.Engines, dir string, change func(*Config)) *machine {
	t.Helper()
	m := &machine{dir: dir, pool: e.Join(t)}
	cfg := toyConfig(dir)
	cfg.Pool, cfg.Now = m.pool, func() time.Time { return time.Now().Add(m.off) }
	if change != nil {
		change(&cfg)
	}
	m.toys = a.process(t, cfg)
	return m
}

func (a *toyAPI) wantCalls(t *testing.T, n int) {
	t.Helper()
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.calls != n {
		t.Fatalf("%d calls, want %d", a.calls, n)
	}
}

// wantDenied is that a machine does not show the toy, and knows why.
func (m *machine) wantDenied(t *testing.T) {
	t.Helper()
	if v, err := m.Known("A"); !errors.Is(err, apiclient.ErrForbidden) {
		t.Fatalf("%+v, %v, want a refusal", v, err)
	}
}

// eachAtOnce runs f for each machine at once.
func eachAtOnce(all []*machine, f func(i int, m *machine)) {
	var wg sync.WaitGroup
	for i, m := range all {
		wg.Go(func() { f(i, m) })
	}
	wg.Wait()
}

func (a *toyAPI) many(t *testing.T, e *spoiled.Engines, n int, change func(*Config)) (all []*machine) {
	t.Helper()
	for range n {
		all = append(all, a.machine(t, e, change))
	}
	return all
}

// Machines that need the same at once make one call, on an empty disk and when it is due;
// and so do machines that have no directory, or a full one.
func TestManyMachinesAskOnce(t *testing.T) {
	for title, change := range map[string]func(*Config){
		"as usual":     nil,
		"foreground":   func(c *Config) { c.Foreground = true },
		"no directory": func(c *Config) { c.Dir = "" },
		"no file can be written": func(c *Config) {
			c.Dir += "/no\x00such"
		},
	} {
		t.Run(title, func(t *testing.T) {
			machines(t, func(t *testing.T, e *spoiled.Engines, a *toyAPI) {
				all := a.many(t, e, 16, change)
				for round := range 3 {
					a.set(func() { a.number = round })
					eachAtOnce(all, func(i int, m *machine) {
						if v, err := m.Get(t.Context(), "A"); err != nil || v.Number != round || v.stale != nil {
							t.Errorf("%d: %+v, %v", i, v, err)
						}
					})
					a.wantCalls(t, round+1)
					time.Sleep(3 * toyTTL)
				}
				if n := e.Bucket.Opened(); n != 0 {
					t.Errorf("%d bodies are open", n)
				}
			})
		})
	}
}

// A machine that was never there asks for nothing that another one has asked for just now,
// nor does its next process, without the pool.
func TestANewMachineAsksForNothing(t *testing.T) {
	for _, encrypts := range []bool{false, true} {
		machines(t, func(t *testing.T, e *spoiled.Engines, a *toyAPI) {
			e.Encrypts = encrypts
			a.machine(t, e, nil).want(t, 1)
			time.Sleep(time.Minute)
			m := a.machine(t, e, nil)
			m.want(t, 1)
			off := toyConfig(m.dir)
			off.Offline = true
			a.process(t, off).want(t, 1)
			a.wantCalls(t, 1)
		})
	}
}

// A command that ends as soon as it has its answer has the others know it.
func TestACommandThatEndsAtOnceGives(t *testing.T) {
	machines(t, func(t *testing.T, e *spoiled.Engines, a *toyAPI) {
		e.Before(func(op, _ string) {
			if op == "put" {
				time.Sleep(time.Second)
			}
		})
		m := a.machine(t, e, nil)
		m.want(t, 1)
		began := time.Now()
		m.scope.Close()
		if took := time.Since(began); took > poolLeave {
			t.Errorf("took %v", took)
		}
		a.machine(t, e, nil).want(t, 1)
		a.wantCalls(t, 1)
	})
}

// A refresh is not answered by what was asked for before it, whatever the clocks say, but by
// what was asked for since.
func TestARefreshIsOfItsTime(t *testing.T) {
	for _, off := range []time.Duration{0, 4 * time.Second, -4 * time.Second, time.Hour, -time.Hour} {
		t.Run(off.String(), func(t *testing.T) {
			machines(t, func(t *testing.T, e *spoiled.Engines, a *toyAPI) {
				wrong, right := a.machine(t, e, nil), a.machine(t, e, nil)
				wrong.off = off
				wrong.want(t, 1)
				time.Sleep(time.Second)
				a.set(func() { a.number = 2 })
				if err := right.Refresh(t.Context(), "A"); err != nil {
					t.Fatal(err)
				}
				if v := right.Peek("A"); v.Number != 2 {
					t.Errorf("%+v", v)
				}
				// And while the other one asks.
				go func() { _ = wrong.Refresh(t.Context(), "A") }()
				time.Sleep(time.Second / 2)
				a.set(func() { a.number = 3 })
				if err := right.Refresh(t.Context(), "A"); err != nil {
					t.Fatal(err)
				}
				if v := right.Peek("A"); v.Number != 3 {
					t.Errorf("%+v", v)
				}
				time.Sleep(time.Minute)
			})
		})
	}
}

// Of many refreshes at once the first two are asked: the first may have left before the
// others were wanted.
func TestManyRefreshesAtOnce(t *testing.T) {
	machines(t, func(t *testing.T, e *spoiled.Engines, a *toyAPI) {
		all := a.many(t, e, 16, nil)
		eachAtOnce(all, func(_ int, m *machine) {
			if err := m.Refresh(t.Context(), "A"); err != nil {
				t.Error(err)
			}
		})
		a.wantCalls(t, 2)
	})
}

// What copies takes nothing that was there before it began.
func TestACopyTakesNothingFromBefore(t *testing.T) {
	for _, off := range []time.Duration{0, 4 * time.Second, -4 * time.Second} {
		machines(t, func(t *testing.T, e *spoiled.Engines, a *toyAPI) {
			m := a.machine(t, e, nil)
			m.off = off
			m.want(t, 1)
			time.Sleep(time.Second)
			a.set(func() { a.number = 2 })
			var all []*machine
			for range 8 {
				all = append(all, a.machine(t, e, func(c *Config) { c.Afresh = true }))
			}
			eachAtOnce(all, func(i int, m *machine) {
				if v, err := m.Get(t.Context(), "A"); err != nil || v.Number != 2 || v.stale != nil {
					t.Errorf("%d: %+v, %v", i, v, err)
				}
			})
			a.wantCalls(t, 1+2)
		})
	}
}

// Where the API fails those who waited hear it at once, and none waits for the same.
func TestAFailureIsToldToThoseWhoWait(t *testing.T) {
	machines(t, func(t *testing.T, e *spoiled.Engines, a *toyAPI) {
		a.takes, a.fail = 30*time.Second, apiclient.ErrTimeout
		all := a.many(t, e, 16, nil)
		began := time.Now()
		eachAtOnce(all, func(i int, m *machine) {
			if v, err := m.Get(t.Context(), "A"); !errors.Is(err, apiclient.ErrTimeout) {
				t.Errorf("%d: %+v, %v", i, v, err)
			}
		})
		if took := time.Since(began); took > 40*time.Second {
			t.Errorf("took %v", took)
		}
		a.wantCalls(t, 1)
		a.set(func() { a.fail, a.takes = nil, time.Second })
		time.Sleep(answerNoted)
		eachAtOnce(all, func(_ int, m *machine) {
			if _, err := m.Get(t.Context(), "A"); err != nil {
				t.Error(err)
			}
		})
		a.wantCalls(t, 2)
	})
}

// What is refused to one machine none shows a few seconds later, also those whose clocks are
// wrong, and those that have it on their disk alone; and it is back for all when it is for one.
func TestARefusalIsToldToAllMachines(t *testing.T) {
	for title, spoil := range map[string]func(e *spoiled.Engines, all []*machine){
		"as usual":              func(*spoiled.Engines, []*machine) {},
		"the store takes none":  func(e *spoiled.Engines, _ []*machine) { e.NoPuts.Store(true) },
		"the store is away":     func(e *spoiled.Engines, _ []*machine) { e.Away.Store(true) },
		"the store is silent":   func(e *spoiled.Engines, _ []*machine) { e.Silent.Store(true) },
		"the clock is fast":     func(_ *spoiled.Engines, all []*machine) { all[0].off = time.Hour },
		"the clock is slow":     func(_ *spoiled.Engines, all []*machine) { all[0].off = -time.Hour },
		"the clocks are others": func(_ *spoiled.Engines, all []*machine) { all[1].off, all[2].off = time.Hour, -time.Hour },
	} {
		t.Run(title, func(t *testing.T) {
			machines(t, func(t *testing.T, e *spoiled.Engines, a *toyAPI) {
				all := a.many(t, e, 4, nil)
				for _, m := range all {
					m.want(t, 1)
				}
				time.Sleep(heardAfter)
				spoil(e, all)
				a.set(func() { a.fail, a.calls = apiclient.ErrForbidden, 0 })
				if err := all[0].Refresh(t.Context(), "A"); !errors.Is(err, apiclient.ErrForbidden) {
					t.Fatal(err)
				}
				time.Sleep(heardAfter + poolLook)
				for _, m := range all {
					m.wantDenied(t)
				}
				time.Sleep(time.Minute) // they may ask again
				a.set(func() { a.fail, a.number = nil, 2 })
				e.NoPuts.Store(false)
				e.Away.Store(false)
				e.Silent.Store(false)
				time.Sleep(DeniedMost)
				for _, m := range all {
					m.want(t, 2)
				}
			})
		})
	}
}

// A refusal is asked about again by one machine, in its time, and costs no more than on one.
func TestARefusalIsAskedAboutByOne(t *testing.T) {
	machines(t, func(t *testing.T, e *spoiled.Engines, a *toyAPI) {
		all := a.many(t, e, 6, nil)
		a.fail = apiclient.ErrForbidden
		began := time.Now()
		for time.Since(began) < 4*time.Minute {
			eachAtOnce(all, func(_ int, m *machine) {
				if _, err := m.Get(t.Context(), "A"); !errors.Is(err, apiclient.ErrForbidden) {
					t.Error(err)
				}
			})
			time.Sleep(time.Second)
		}
		a.wantCalls(t, 4) // at 0, 30, 90 and 210 seconds
	})
}

// A refusal holds for its credentials only.
func TestARefusalIsOfItsCredentials(t *testing.T) {
	machines(t, func(t *testing.T, e *spoiled.Engines, a *toyAPI) {
		with := func(c string) func(*Config) {
			return func(cfg *Config) { cfg.Credentials = func() string { return c } }
		}
		old, other, new := a.machine(t, e, with("old")), a.machine(t, e, with("old")), a.machine(t, e, with("new"))
		old.want(t, 1)
		other.want(t, 1)
		new.want(t, 1)
		time.Sleep(heardAfter)
		a.set(func() { a.fail = apiclient.ErrForbidden })
		_ = old.Refresh(t.Context(), "A")
		time.Sleep(heardAfter)
		other.wantDenied(t)
		new.want(t, 1)
		a.set(func() { a.fail, a.calls = nil, 0 })
		a.machine(t, e, with("new")).want(t, 1)
		a.wantCalls(t, 1)
	})
}

// Refused credentials are found out once for all, and those who are let in again tell so.
func TestALockoutIsToldToAllMachines(t *testing.T) {
	for _, off := range []time.Duration{0, time.Hour, -time.Hour} {
		machines(t, func(t *testing.T, e *spoiled.Engines, a *toyAPI) {
			all := a.many(t, e, 4, nil)
			all[0].off = off
			for _, m := range all {
				m.want(t, 1)
			}
			time.Sleep(heardAfter)
			a.set(func() { a.fail, a.calls = apiclient.ErrUnauthorized, 0 })
			_ = all[0].Refresh(t.Context(), "A")
			time.Sleep(heardAfter)
			all = append(all, a.machine(t, e, nil)) // which has heard nothing yet
			for i, m := range all {
				if _, err := m.Get(t.Context(), fmt.Sprint("B", i)); !errors.Is(err, apiclient.ErrUnauthorized) {
					t.Error(i, err)
				}
			}
			a.wantCalls(t, 1)
			a.set(func() { a.fail, a.calls = nil, 0 })
			if err := all[1].Refresh(t.Context(), "A"); err != nil {
				t.Fatal(err)
			}
			time.Sleep(heardAfter)
			for i, m := range all[1:] {
				if _, err := m.Get(t.Context(), fmt.Sprint("B", i)); err != nil {
					t.Error(i, err)
				}
			}
		})
	}
}

// The coordinator is away: what is here is shown with the reason, and nothing is asked for,
// unless the member may go on alone.
func TestTheCoordinatorIsAway(t *testing.T) {
	machines(t, func(t *testing.T, e *spoiled.Engines, a *toyAPI) {
		m := a.machine(t, e, nil)
		m.want(t, 1)
		e.Lost.Store(true)
		time.Sleep(3 * toyTTL)
		for range 3 {
			v, err := m.Get(t.Context(), "A")
			if err != nil || v.Number != 1 || !errors.Is(v.stale, apiclient.ErrUnreachable) && !errors.Is(v.stale, apiclient.ErrTimeout) {
				t.Errorf("%+v, %v", v, err)
			}
			time.Sleep(time.Minute)
		}
		if v, err := m.Get(t.Context(), "A"); err != nil || !errors.Is(v.stale, apiclient.ErrUnreachable) {
			t.Errorf("%+v, %v", v, err)
		}
		if v, err := m.Get(t.Context(), "B"); !errors.Is(err, apiclient.ErrUnreachable) {
			t.Errorf("%+v, %v", v, err)
		}
		a.wantCalls(t, 1)
		e.Alone = true
		free := a.machine(t, e, nil)
		if v, err := free.Get(Patient(t.Context()), "B"); err != nil || v.Number != 1 {
			t.Errorf("%+v, %v", v, err)
		}
		a.wantCalls(t, 2)
		e.Lost.Store(false)
		time.Sleep(RetryMost)
		for _, key := range []string{"A", "B"} {
			if v, err := m.Get(Patient(t.Context()), key); err != nil || v.stale != nil {
				t.Errorf("%s: %+v, %v", key, v, err)
			}
		}
	})
}

// The store is away, or silent: what is here is served, and asked for in its time.
func TestTheStoreIsAway(t *testing.T) {
	for title, spoil := range map[string]func(*spoiled.Engines, bool){
		"away":   func(e *spoiled.Engines, is bool) { e.Away.Store(is) },
		"silent": func(e *spoiled.Engines, is bool) { e.Silent.Store(is) },
		"full":   func(e *spoiled.Engines, is bool) { e.NoPuts.Store(is) },
	} {
		t.Run(title, func(t *testing.T) {
			machines(t, func(t *testing.T, e *spoiled.Engines, a *toyAPI) {
				m, other := a.machine(t, e, nil), a.machine(t, e, nil)
				m.want(t, 1)
				spoil(e, true)
				m.want(t, 1)
				a.wantCalls(t, 1)
				time.Sleep(3 * toyTTL)
				a.set(func() { a.number = 2 })
				for _, m := range []*machine{m, other} {
					if v, err := m.Get(Patient(t.Context()), "A"); err != nil || v.Number != 2 || v.stale != nil {
						t.Errorf("%+v, %v", v, err)
					}
				}
				a.wantCalls(t, 3)
				spoil(e, false)
				time.Sleep(3 * toyTTL)
				for _, m := range []*machine{m, other} {
					m.want(t, 2)
				}
				a.wantCalls(t, 4)
			})
		})
	}
}

// A copy that is none of a member's, of another thing, or of the future does not count.
func TestAWrongCopyDoesNotCount(t *testing.T) {
	for title, forge := range map[string]func(t *testing.T, e *spoiled.Engines, b []byte) []byte{
		"another byte": func(_ *testing.T, _ *spoiled.Engines, b []byte) []byte { b[len(b)-1] ^= 1; return b },
		"cut":          func(_ *testing.T, _ *spoiled.Engines, b []byte) []byte { return b[:len(b)-1] },
		"of another name": func(t *testing.T, e *spoiled.Engines, _ []byte) []byte {
			return e.Bytes(t, "l/toys/B.json")
		},
		"an error page": func(*testing.T, *spoiled.Engines, []byte) []byte { return []byte("<html>503</html>") },
	} {
		t.Run(title, func(t *testing.T) {
			machines(t, func(t *testing.T, e *spoiled.Engines, a *toyAPI) {
				m := a.machine(t, e, nil)
				m.want(t, 1)
				if _, err := m.Get(t.Context(), "B"); err != nil {
					t.Fatal(err)
				}
				synctest.Wait()
				e.Put(t, "l/toys/A.json", forge(t, e, e.Bytes(t, "l/toys/A.json")))
				a.set(func() { a.calls, a.number = 0, 2 })
				other := a.machine(t, e, nil)
				other.want(t, 2)
				synctest.Wait()
				a.machine(t, e, nil).want(t, 2) // it was replaced
				a.wantCalls(t, 1)
			})
		})
	}
}

// Offline nobody asks the pool either.
func TestOfflineAsksNoPool(t *testing.T) {
	machines(t, func(t *testing.T, e *spoiled.Engines, a *toyAPI) {
		a.machine(t, e, nil).want(t, 1)
		time.Sleep(heardAfter)
		gets := e.Gets.Load()
		m := a.machine(t, e, func(c *Config) { c.Offline = true })
		if _, err := m.Get(t.Context(), "A"); !errors.Is(err, apiclient.ErrUnreachable) {
			t.Error(err)
		}
		time.Sleep(heardAfter)
		if n := e.Gets.Load() - gets; n != 0 {
			t.Errorf("%d", n)
		}
	})
}

// A machine that dies while it asks is replaced by one that waits.
func TestAMachineThatDiesIsReplaced(t *testing.T) {
	machines(t, func(t *testing.T, e *spoiled.Engines, a *toyAPI) {
		dead := e.Join(t)
		ctx, cancel := context.WithCancel(t.Context())
		l, err := dead.Try(ctx, "l/toys/A.json")
		if err != nil || l == nil {
			t.Fatal(err)
		}
		cancel()
		all := a.many(t, e, 3, nil)
		go func() { time.Sleep(20 * time.Second); l.Release() }()
		eachAtOnce(all, func(_ int, m *machine) {
			if _, err := m.Get(t.Context(), "A"); err != nil {
				t.Error(err)
			}
		})
		a.wantCalls(t, 1)
	})
}
