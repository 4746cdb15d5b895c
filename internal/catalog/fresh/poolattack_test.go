package fresh

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"ccsfs/apiclient"
	"ccsfs/internal/pool/pooltest/spoiled"
)

// Machines that are closed at any moment, and come back with what they had on their disk,
// leave nothing behind that others stumble over, and make no more calls than the dead ones
// had under way.
func TestMachinesThatLeaveAtAnyMoment(t *testing.T) {
	for seed := range uint64(10) {
		t.Run(fmt.Sprint(seed), func(t *testing.T) {
			machines(t, func(t *testing.T, e *spoiled.Engines, a *toyAPI) {
				r := rand.New(rand.NewPCG(seed, 1))
				all := a.many(t, e, 5, nil)
				killed := 0
				for round := range 20 {
					a.set(func() { a.number = round })
					var wg sync.WaitGroup
					victim := r.IntN(2 * len(all))
					for i, m := range all {
						wg.Go(func() {
							v, err := m.Get(Patient(t.Context()), "A")
							if i != victim && (err != nil || v.Number != round || v.stale != nil) {
								t.Errorf("round %d, %d: %+v, %v", round, i, v, err)
							}
						})
					}
					if victim < len(all) {
						killed++
						time.Sleep(time.Duration(r.IntN(1500)) * time.Millisecond)
						all[victim].scope.Close()
					}
					wg.Wait()
					if victim < len(all) {
						all[victim] = a.machineIn(t, e, all[victim].dir, nil)
					}
					time.Sleep(3 * toyTTL)
				}
				a.mu.Lock()
				defer a.mu.Unlock()
				if a.calls < 20 || a.calls > 20+killed {
					t.Errorf("%d calls, of 20 rounds in which %d died", a.calls, killed)
				}
			})
		})
	}
}

// Machines whose clocks are an hour apart show nothing that is older than it may be, and
// make no more calls than there are clocks.
func TestClocksAnHourApart(t *testing.T) {
	for _, off := range []time.Duration{time.Minute, time.Hour, -time.Minute, -time.Hour} {
		t.Run(off.String(), func(t *testing.T) {
			machines(t, func(t *testing.T, e *spoiled.Engines, a *toyAPI) {
				all := a.many(t, e, 6, nil)
				all[4].off, all[5].off = off, off
				for round := range 6 {
					a.set(func() { a.number, a.calls = round, 0 })
					eachAtOnce(all, func(i int, m *machine) {
						if v, err := m.Get(Patient(t.Context()), "A"); err != nil || v.Number != round || v.stale != nil {
							t.Errorf("round %d, %d: %+v, %v", round, i, v, err)
						}
					})
					a.mu.Lock()
					if calls := a.calls; calls > 2 {
						t.Errorf("round %d: %d calls", round, calls)
					}
					a.mu.Unlock()
					time.Sleep(2*toyTTL + 2*off.Abs())
				}
			})
		})
	}
}

// Where refusals and successes take turns all machines follow, and each turn is of one call,
// or of one more where it was asked for by name.
func TestRefusalAndSuccessByTurns(t *testing.T) {
	for _, off := range []time.Duration{0, 3 * time.Second, time.Hour, -time.Hour} {
		t.Run(off.String(), func(t *testing.T) {
			machines(t, func(t *testing.T, e *spoiled.Engines, a *toyAPI) {
				all := a.many(t, e, 4, nil)
				all[1].off = off
				for _, m := range all {
					m.want(t, 1)
				}
				time.Sleep(heardAfter)
				for turn := range 12 {
					asks := all[turn%len(all)]
					time.Sleep(time.Second) // else what was begun behind is of the very moment of the refresh
					if turn%2 == 0 {
						a.set(func() { a.fail = apiclient.ErrForbidden })
						if err := asks.Refresh(t.Context(), "A"); !errors.Is(err, apiclient.ErrForbidden) {
							t.Fatal(turn, err)
						}
						time.Sleep(heardAfter)
						for i, m := range all {
							if v, err := m.Known("A"); !errors.Is(err, apiclient.ErrForbidden) {
								t.Errorf("turn %d, %d: %+v, %v", turn, i, v, err)
							}
						}
						continue
					}
					a.set(func() { a.fail, a.number = nil, turn })
					if err := asks.Refresh(t.Context(), "A"); err != nil {
						t.Fatal(turn, err)
					}
					time.Sleep(heardAfter)
					for i, m := range all {
						v, err := m.Get(Patient(t.Context()), "A")
						if off.Abs() <= clockSlack && (err != nil || v.Number != turn) {
							t.Errorf("turn %d, %d: %+v, %v", turn, i, v, err)
						}
					}
					time.Sleep(DeniedMost)
					for i, m := range all {
						if v, err := m.Get(Patient(t.Context()), "A"); err != nil || v.Number != turn {
							t.Errorf("turn %d, %d: %+v, %v", turn, i, v, err)
						}
					}
				}
			})
		})
	}
}

// News get lost: then what is shown for longest is what is young.
func TestLostNews(t *testing.T) {
	machines(t, func(t *testing.T, e *spoiled.Engines, a *toyAPI) {
		all := a.many(t, e, 3, nil)
		for _, m := range all {
			m.want(t, 1)
		}
		time.Sleep(heardAfter)
		e.Deaf.Store(true)
		a.set(func() { a.fail = apiclient.ErrForbidden })
		_ = all[0].Refresh(t.Context(), "A")
		time.Sleep(2 * toyTTL)
		for i, m := range all {
			if v, err := m.Get(t.Context(), "A"); !errors.Is(err, apiclient.ErrForbidden) {
				t.Errorf("%d: %+v, %v", i, v, err)
			}
		}
		a.set(func() { a.fail = nil })
		time.Sleep(DeniedMost)
		for _, m := range all {
			m.want(t, 1)
		}
		// The coordinator forgets what was told: all is looked at.
		e.Coordinator.Forget()
		e.Deaf.Store(false)
		time.Sleep(heardAfter)
		e.Deaf.Store(true)
		a.set(func() { a.fail = apiclient.ErrForbidden })
		_ = all[0].Refresh(t.Context(), "A")
		time.Sleep(time.Second)
		e.Coordinator.Forget()
		e.Deaf.Store(false)
		time.Sleep(heardAfter)
		for _, m := range all {
			m.wantDenied(t)
		}
	})
}

// What another process has on the disk of a machine, and this one never looked at, is
// refused there, too.
func TestARefusalOfWhatIsOnTheDiskAlone(t *testing.T) {
	machines(t, func(t *testing.T, e *spoiled.Engines, a *toyAPI) {
		first, stays := a.machine(t, e, nil), a.machine(t, e, nil)
		before := a.machineIn(t, e, stays.dir, nil)
		before.want(t, 1)
		before.scope.Close()
		if err := os.Chtimes(filepath.Join(stays.dir, "toys/A.json"), time.Now(), time.Now()); err != nil { // by the clock of the test
			t.Fatal(err)
		}
		time.Sleep(heardAfter)
		a.set(func() { a.fail = apiclient.ErrForbidden })
		_ = first.Refresh(t.Context(), "A")
		time.Sleep(heardAfter)
		off := toyConfig(stays.dir)
		off.Offline = true
		if v, err := a.process(t, off).Get(t.Context(), "A"); !errors.Is(err, apiclient.ErrForbidden) {
			t.Errorf("%+v, %v", v, err)
		}
	})
}

// Many members at once, on real time, for the race detector.
func TestFiftyMembersAtOnce(t *testing.T) {
	e, a := spoiled.New(t), &toyAPI{number: 1, takes: 200 * time.Millisecond}
	all := a.many(t, e, 50, nil)
	eachAtOnce(all, func(i int, m *machine) {
		for k := range 4 {
			if v, err := m.Get(t.Context(), fmt.Sprint(k)); err != nil || v.Number != 1 {
				t.Errorf("%d: %+v, %v", i, v, err)
			}
		}
	})
	a.wantCalls(t, 4)
	a.set(func() { a.fail = apiclient.ErrForbidden })
	_ = all[0].Refresh(t.Context(), "1")
	eachAtOnce(all, func(i int, m *machine) {
		if i%2 == 0 {
			_ = m.Refresh(t.Context(), "1")
		}
		for until := time.Now().Add(time.Minute); ; time.Sleep(50 * time.Millisecond) {
			if _, err := m.Known("1"); errors.Is(err, apiclient.ErrForbidden) {
				return
			}
			if time.Now().After(until) {
				t.Errorf("%d has not heard of it", i)
				return
			}
		}
	})
	if n := e.Bucket.Opened(); n != 0 {
		t.Errorf("%d bodies are open", n)
	}
}

// A lease that is lost ends what was asked under it, and nothing of it is given. It is asked
// for once more, no more.
func TestALostLease(t *testing.T) {
	for losses, calls := range []int{1, 2, 2} {
		machines(t, func(t *testing.T, e *spoiled.Engines, a *toyAPI) {
			a.takes = time.Minute
			m := a.machine(t, e, nil)
			go func() {
				for range losses {
					time.Sleep(10 * time.Second)
					e.Coordinator.Forget()
				}
			}()
			v, err := m.Get(t.Context(), "A")
			synctest.Wait()
			a.wantCalls(t, calls)
			if losses < 2 {
				if err != nil || v.Number != 1 {
					t.Errorf("%d losses: %+v, %v", losses, v, err)
				}
				return
			}
			if !errors.Is(err, apiclient.ErrUnreachable) {
				t.Errorf("%+v, %v", v, err)
			}
			if names := e.Names(t, "l/"); len(names) != 0 {
				t.Errorf("%q", names)
			}
			a.set(func() { a.takes = time.Second })
			time.Sleep(time.Minute)
			m.want(t, 1)
		})
	}
}

// Who waits for another member has its answer, also where that has lost its lease: by then
// either may have it.
func TestALostLeaseWithOthers(t *testing.T) {
	machines(t, func(t *testing.T, e *spoiled.Engines, a *toyAPI) {
		a.takes = 8 * time.Second
		all := a.many(t, e, 5, nil)
		go func() {
			time.Sleep(2 * time.Second)
			e.Coordinator.Forget()
		}()
		eachAtOnce(all, func(i int, m *machine) {
			if v, err := m.Get(t.Context(), "A"); err != nil || v.Number != 1 {
				t.Errorf("%d: %+v, %v", i, v, err)
			}
		})
		a.wantCalls(t, 2)
	})
}

// A bucket that loses all, or is set back to a refusal of before, takes nothing away that was
// listed since, also where the API cannot be asked.
func TestABucketThatIsSetBackTakesNothingAway(t *testing.T) {
	machines(t, func(t *testing.T, e *spoiled.Engines, a *toyAPI) {
		all := a.many(t, e, 3, nil)
		a.fail = apiclient.ErrForbidden
		_, _ = all[0].Get(t.Context(), "A")
		time.Sleep(heardAfter)
		refused := e.Save(t)
		a.set(func() { a.fail = nil })
		time.Sleep(DeniedMost)
		for _, m := range all {
			m.want(t, 1)
		}
		synctest.Wait()
		a.set(func() { a.fail = apiclient.ErrUnreachable })
		for title, bucket := range map[string]map[string][]byte{"a refusal": refused, "nothing": nil} {
			e.Restore(t, bucket)
			e.Coordinator.Forget() // so that all look at all
			time.Sleep(heardAfter)
			for _, m := range all {
				m.want(t, 1)
			}
			for i, m := range all {
				time.Sleep(3 * toyTTL)
				if v, err := m.Get(Patient(t.Context()), "A"); err != nil || v.Number != 1 || !errors.Is(v.stale, apiclient.ErrUnreachable) {
					t.Errorf("%s, %d: %+v, %v", title, i, v, err)
				}
				a.set(func() { a.fail = nil })
				time.Sleep(RetryMost)
				for _, m := range all {
					if v, err := m.Get(Patient(t.Context()), "A"); err != nil || v.stale != nil {
						t.Errorf("%s, %d: %+v, %v", title, i, v, err)
					}
				}
				a.set(func() { a.fail = apiclient.ErrUnreachable })
			}
		}
	})
}

// Processes of some machines, all at once, make the calls of one, and fail as one.
func TestProcessesOfSomeMachines(t *testing.T) {
	machines(t, func(t *testing.T, e *spoiled.Engines, a *toyAPI) {
		var all []*machine
		for range 4 {
			dir := t.TempDir()
			for range 3 {
				all = append(all, a.machineIn(t, e, dir, nil))
			}
		}
		for round := range 3 {
			a.set(func() { a.number, a.calls, a.takes = round, 0, time.Second })
			eachAtOnce(all, func(i int, m *machine) {
				if v, err := m.Get(Patient(t.Context()), "A"); err != nil || v.Number != round {
					t.Errorf("round %d, %d: %+v, %v", round, i, v, err)
				}
			})
			a.wantCalls(t, 1)
			a.set(func() { a.fail, a.takes = apiclient.ErrTimeout, 20*time.Second })
			eachAtOnce(all, func(i int, m *machine) {
				if _, err := m.Get(Patient(t.Context()), fmt.Sprint("B", round)); !errors.Is(err, apiclient.ErrTimeout) {
					t.Errorf("round %d, %d: %v", round, i, err)
				}
			})
			a.wantCalls(t, 2)
			a.set(func() { a.fail = nil })
			time.Sleep(3 * toyTTL)
		}
	})
}

// Members that go on alone put no older answer in the place of a later one.
func TestMembersThatGoOnAlone(t *testing.T) {
	machines(t, func(t *testing.T, e *spoiled.Engines, a *toyAPI) {
		e.Alone = true
		all := a.many(t, e, 3, nil)
		e.Lost.Store(true)
		a.set(func() { a.takes = 20 * time.Second })
		var wg sync.WaitGroup
		wg.Go(func() { _, _ = all[0].Get(t.Context(), "A") })
		time.Sleep(10 * time.Second) // it asks
		a.set(func() { a.number, a.takes = 2, time.Second })
		all[1].want(t, 2)
		wg.Wait()
		synctest.Wait()
		a.set(func() { a.calls = 0 })
		all[2].want(t, 2)
		a.wantCalls(t, 0)
	})
}

// A copy from the future is not shown either where nothing else is known.
func TestACopyFromTheFuture(t *testing.T) {
	machines(t, func(t *testing.T, e *spoiled.Engines, a *toyAPI) {
		fast, right := a.machine(t, e, nil), a.machine(t, e, nil)
		fast.off = time.Hour
		fast.want(t, 1)
		a.set(func() { a.fail = apiclient.ErrUnreachable })
		if v, err := right.Get(t.Context(), "A"); !errors.Is(err, apiclient.ErrUnreachable) {
			t.Errorf("%+v, %v", v, err)
		}
	})
}

// A copy that was damaged when it was looked at first, half written perhaps, says nothing of when
// the one was asked for that is there later.
func TestADamagedCopyProvesNothing(t *testing.T) {
	machines(t, func(t *testing.T, e *spoiled.Engines, a *toyAPI) {
		m, name := a.machine(t, e, nil), "l/toys/A.json"
		for range 3 {
			if err := m.Refresh(t.Context(), "A"); err != nil {
				t.Fatal(err)
			}
		}
		synctest.Wait()
		good := e.Bytes(t, name)
		e.Put(t, name, good[:len(good)-1])
		looks := 0
		e.Before(func(op, of string) {
			if op == "get" && of == name {
				if looks++; looks == 2 {
					e.Put(t, name, good)
				}
			}
		})
		a.set(func() { a.number = 2 })
		other := a.machine(t, e, nil)
		if err := other.Refresh(t.Context(), "A"); err != nil {
			t.Fatal(err)
		}
		if v := other.Peek("A"); v.Number != 2 || looks < 2 {
			t.Errorf("%+v, after %d looks", v, looks)
		}
	})
}
