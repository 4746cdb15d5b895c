package apiclient

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"ccsfs/apiclient/apisim"

	"pgregory.net/rapid"
)

// What becomes of turns where members die or stand still, and where the pool is away or lies.

// Members that die, at any moment, cost the others a turn each at most, and so do requests
// whose callers leave.
func TestDyingMembersCostATurnEach(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		next := &passed{start: time.Now()}
		list, reach := joined(t, newCoordinator(), next, alike(16, 20)...)
		dying, kill := context.WithCancel(t.Context())
		var wg sync.WaitGroup
		for i, p := range list {
			ctx := t.Context()
			if i >= 8 {
				ctx = dying
			}
			for range 20 {
				wg.Go(func() { ask(ctx, p, "/") })
			}
		}
		time.Sleep(3010 * time.Millisecond) // no turn is due just now, and so none is used in vain
		kill()
		wg.Wait()
		_, given, _ := reach[0].count()
		if lost := given - len(next.times); lost > 8 {
			t.Errorf("%d turns were lost with 8 members", lost)
		}
		if n := worst(next.times); n > 25 {
			t.Errorf("%d in a second", n)
		}
	})
}

// Processes that are stopped between the turn and the sending, and go on at one moment, do
// not send more together than may go in a second. Nor do those that are stopped while the
// pool answers.
func TestTurnsOfStoppedMembersAreTakenAnew(t *testing.T) {
	for _, where := range []string{"before sending", "before the answer", "after the question", "asleep"} {
		t.Run(where, func(t *testing.T) {
			inBubble(t, func(t *testing.T) {
				f := newFleet(t, 30, &apisim.Server{Account: smallAccountOf(1)})
				f.each(t, 4, contracts(t)) // with a token, and what is usual
				time.Sleep(10 * time.Second)
				until := time.Now().Add(3 * time.Second)
				var awake atomic.Bool
				for i, c := range f.clients {
					clock := c.wire.clock
					switch where {
					case "before sending":
						g := c.wire.next.(*guard)
						g.next = &standing{next: g.next, until: until}
					case "before the answer":
						f.members[i].takes(0, 3*time.Second)
					case "after the question":
						f.members[i].takes(3*time.Second, 0)
					case "asleep": // timers stand still, and the clock does not
						c.wire.clock = func() time.Duration {
							if !awake.Load() {
								return clock()
							}
							return clock() + time.Hour
						}
					}
				}
				f.sim.ResetCalls()
				time.AfterFunc(time.Until(until), func() {
					for _, m := range f.members {
						m.takes(0, 0)
					}
				})
				time.AfterFunc(300*time.Millisecond, func() { awake.Store(true) })
				f.each(t, 3, contracts(t))
				n := f.sim.Calls()
				if n.MaxPerSecond > 25 || n.Contracts != 90 {
					t.Errorf("%d calls, %d in a second", n.Contracts, n.MaxPerSecond)
				}
			})
		})
	}
}

// A coordinator that restarts is waited for. One that is away fails the calls as out of
// reach: at once, once, and without a word to the circuits, or a token.
func TestTheCoordinatorIsAway(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		f := newFleet(t, 4, &apisim.Server{Account: smallAccountOf(1)})
		f.each(t, 1, contracts(t))
		f.fails(errAway)
		time.AfterFunc(2*time.Second, func() { f.fails(nil) })
		f.each(t, 5, contracts(t)) // nobody hears of it

		time.Sleep(time.Minute)
		f.fails(errAway)
		f.sim.ExpireTokens()
		f.sim.ResetCalls()
		for _, m := range f.members {
			m.grace = 0
		}
		for _, c := range f.clients {
			for _, low := range []*Priority{nil, LowPriority()} {
				within(t, 0, func() {
					_, err := c.Contracts(WithPriority(t.Context(), low))
					var e *Error
					if !errors.As(err, &e) || e.Op != opContracts || !errors.Is(err, ErrUnreachable) || !Temporary(err) || !Personal(err) || !strings.Contains(err.Error(), errAway.Error()) {
						t.Errorf("%v", err)
					}
				})
			}
			s := c.Stats()
			if s.Breaker != "closed" || s.Waited != 0 || s.Probes != 0 || s.Retries != 0 || len(s.Errors) > 0 {
				t.Errorf("%+v", s)
			}
		}
		if n := f.sim.Calls(); n.Contracts != 0 || n.Token != 0 {
			t.Errorf("%+v", n)
		}
		f.fails(nil)
		f.each(t, 1, contracts(t))
		if n := f.sim.Calls(); n.Token != 1 {
			t.Errorf("%d tokens", n.Token)
		}
	})
}

// A client that has no token yet says the same, and asks for none.
func TestNoTokenWithoutATurn(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		f := newFleet(t, 1, &apisim.Server{Account: smallAccountOf(1)})
		f.fails(errAway)
		within(t, 10*time.Second, func() {
			if err := contracts(t)(f.clients[0]); !errors.Is(err, ErrUnreachable) || !strings.Contains(err.Error(), errAway.Error()) {
				t.Error(err)
			}
		})
		f.fails(nil)
		f.each(t, 1, contracts(t))
		if n := f.sim.Calls(); n.Token != 1 || n.Contracts != 1 {
			t.Errorf("%+v", n)
		}
	})
}

// A pool may let its members go on alone, at a share of the rate.
func TestMembersGoOnAlone(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		const members = 10
		f := newFleet(t, members, &apisim.Server{Account: smallAccountOf(1)})
		f.each(t, 1, contracts(t))
		for _, m := range f.members {
			m.grace, m.share = 0, 1.0/members
		}
		f.fails(errAway)
		f.sim.ResetCalls()
		before := time.Now()
		f.each(t, 10, contracts(t))
		took := time.Since(before)
		n := f.sim.Calls()
		if n.MaxPerSecond > 25 || n.Contracts != 10*members || n.Token != 0 || took < 5*time.Second || took > 8*time.Second {
			t.Errorf("%d calls in %v, %d in a second, %d tokens", n.Contracts, took, n.MaxPerSecond, n.Token)
		}
		f.fails(nil)
		time.Sleep(aloneAgain)
		before = time.Now()
		f.each(t, 10, contracts(t))
		if took := time.Since(before); took > 6*time.Second {
			t.Errorf("took %v once it was back", took)
		}
		if n := f.sim.Calls().MaxPerSecond; n > 25 {
			t.Errorf("%d in a second", n)
		}
	})
}

// A request that was sent, and needs another turn for want of a connection, fails like the
// rest; so does one that is tried again.
func TestThePoolGoesAwayUnderWay(t *testing.T) {
	for _, name := range []string{"before sending", "between two tries"} {
		t.Run(name, func(t *testing.T) {
			inBubble(t, func(t *testing.T) {
				f := newFleet(t, 1, &apisim.Server{Account: smallAccountOf(1)})
				c := f.clients[0]
				f.each(t, 1, contracts(t))
				f.members[0].grace = 0
				f.sim.ResetCalls()
				want := 0
				time.AfterFunc(100*time.Millisecond, func() { f.fails(errAway) })
				if name == "before sending" {
					g := c.wire.next.(*guard)
					next := g.next
					g.next = &standing{next: next, until: time.Now().Add(time.Second)}
					defer func() { g.next = next }()
				} else {
					want = 1
					f.sim.Faults.Add(apisim.Match{Op: apisim.OpContracts}, 1, apisim.Fault{Status: 503})
				}
				_, err := c.Contracts(t.Context())
				if !errors.Is(err, ErrUnreachable) || !strings.Contains(err.Error(), errAway.Error()) {
					t.Error(err)
				}
				if n := f.sim.Calls().Contracts; n != want {
					t.Errorf("%d calls, want %d", n, want)
				}
				if s := c.Stats(); s.InFlight != 0 || s.Waiting != 0 || s.Breaker != "closed" {
					t.Errorf("%+v", s)
				}
			})
		})
	}
}

// Witnesses that get no turn tell nothing: no circuit opens for that.
func TestWitnessesWithoutATurn(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		f := newFleet(t, 1, &apisim.Server{Account: smallAccountOf(3), Latency: 100 * time.Millisecond})
		c := f.clients[0]
		f.each(t, 1, contracts(t))
		f.members[0].grace = 0
		f.sim.Faults.Add(apisim.Match{Op: apisim.OpContract}, 0, apisim.Fault{Status: 500, Code: 1})
		var wg sync.WaitGroup
		for i := range 3 {
			wg.Go(func() { c.Contract(t.Context(), fmt.Sprintf("OCB%07d", i)) })
		}
		time.AfterFunc(120*time.Millisecond, func() { f.fails(errAway) })
		wg.Wait()
		if s := c.Stats(); s.Breaker != "closed" {
			t.Errorf("%+v", s)
		}
	})
}

// Whatever a pool says: a client keeps to its own rate, its calls end, and it does not ask
// the pool all the time.
func TestPoolsThatLie(t *testing.T) {
	for _, tt := range []struct {
		name  string
		kinds []int
		most  int // questions in a minute
	}{
		{"due long ago", []int{0}, 2500},
		{"due never", []int{1}, 200},
		{"none, since long", []int{2}, 1500},
		{"none for ever", []int{3}, 60},
		{"no answer", []int{4}, 60},
		{"errors by turns", []int{5, 7}, 1500},
		{"slow", []int{6}, 1000},
		{"all of it", []int{0, 1, 2, 3, 4, 5, 6, 7, 7, 7, 7, 7, 7}, 600},
	} {
		t.Run(tt.name, func(t *testing.T) {
			inBubble(t, func(t *testing.T) {
				l := &liar{rand: rand.New(rand.NewPCG(1, 2)), kinds: tt.kinds}
				_, c, came := apace(t, func(cfg *Config) { cfg.Pool = l })
				c.wire.clock = bubbleClock()
				ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
				defer cancel()
				start := time.Now()
				var wg sync.WaitGroup
				well := 0
				var mu sync.Mutex
				for range 20 {
					wg.Go(func() {
						for ctx.Err() == nil {
							_, err := c.Contracts(ctx)
							mu.Lock()
							if err == nil {
								well++
							} else if !errors.Is(err, ErrUnreachable) && !errors.Is(err, ErrTimeout) && !errors.Is(err, context.Canceled) {
								t.Error(err)
							}
							mu.Unlock()
							time.Sleep(100 * time.Millisecond)
						}
					})
				}
				wg.Wait()
				if d := time.Since(start); d > time.Minute+time.Second {
					t.Errorf("ended after %v", d)
				}
				if n := came.worst(); n > 25 {
					t.Errorf("%d in a second", n)
				}
				c.Close()
				if l.asked > tt.most {
					t.Errorf("asked %d times", l.asked)
				}
				t.Log(well, "calls went well,", l.asked, "questions")
			})
		})
	}
}

// However requests come, are raised and leave, and whatever the way to the coordinator:
// none is lost, the rate of all holds, and turns are hardly lost.
func TestPoolTurnProperties(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		kinds := rapid.SliceOfN(rapid.IntRange(0, 4), 1, 60).Draw(rt, "kinds")
		gaps := rapid.SliceOfN(rapid.IntRange(0, 60), len(kinds), len(kinds)).Draw(rt, "gaps")
		ways := rapid.SliceOfN(rapid.IntRange(0, 40), 4, 4).Draw(rt, "ways")
		outage := rapid.IntRange(0, 2000).Draw(rt, "outage")
		synctest.Test(t, func(t *testing.T) {
			next := &passed{start: time.Now()}
			c := newCoordinator()
			list, reach := joined(t, c, next, alike(4, 20)...)
			for i, m := range reach {
				way := time.Duration(ways[i]) * time.Millisecond
				m.takes(way, way/2)
				m.grace = 3 * time.Second
			}
			time.AfterFunc(time.Duration(outage)*time.Millisecond, func() { c.fails(errAway) })
			time.AfterFunc(time.Duration(outage)*time.Millisecond+time.Second, func() { c.fails(nil) })
			var wg sync.WaitGroup
			least := 0
			for i, kind := range kinds {
				u, ctx := LowPriority(), t.Context()
				switch kind {
				case 0:
					u = nil
				case 1:
					time.AfterFunc(100*time.Millisecond, u.Raise)
				case 2:
					var cancel context.CancelFunc
					ctx, cancel = context.WithTimeout(ctx, 30*time.Millisecond)
					defer cancel()
					least--
				}
				least++
				wg.Go(func() { ask(WithPriority(ctx, u), list[i%4], "/") })
				time.Sleep(time.Duration(gaps[i]) * time.Millisecond)
			}
			wg.Wait()
			if len(next.times) < least || len(next.times) > len(kinds) {
				t.Errorf("%d went, want at least %d", len(next.times), least)
			}
			if n := worst(next.times); n > 25 {
				t.Errorf("%d in a second", n)
			}
			for _, p := range list {
				if waiting, _, _ := p.load(); waiting != 0 {
					t.Errorf("%d still wait", waiting)
				}
			}
		})
	})
}

// Whoever leaves, at any moment, while the coordinator is there by turns: nothing is left
// behind, the rate holds, and all works in the end.
func TestPoolsUnderRandomCancellations(t *testing.T) {
	for seed := range uint64(8) {
		t.Run(fmt.Sprint(seed), func(t *testing.T) {
			inBubble(t, func(t *testing.T) {
				random := rand.New(rand.NewPCG(seed, 7))
				f := newFleet(t, 6, &apisim.Server{Account: smallAccountOf(4), Latency: 30 * time.Millisecond})
				f.sim.Faults.Add(apisim.Match{Op: apisim.OpContract}, 5, apisim.Fault{Status: 503})
				for i, m := range f.members {
					m.grace = time.Duration(i%3) * time.Second
					m.share = float64(i%2) / 12
				}
				var wg sync.WaitGroup
				wg.Go(func() {
					for range 10 {
						time.Sleep(time.Duration(random.IntN(1500)) * time.Millisecond)
						f.fails(errAway)
						time.Sleep(time.Duration(random.IntN(1500)) * time.Millisecond)
						f.fails(nil)
						if random.IntN(3) == 0 {
							f.sim.RevokeTokens()
						}
					}
				})
				for i, c := range f.clients {
					for j := range 5 {
						own := rand.New(rand.NewPCG(seed, uint64(100*i+j)))
						wg.Go(func() {
							for range 30 {
								u := LowPriority()
								ctx, cancel := context.WithTimeout(WithPriority(t.Context(), u), time.Duration(own.IntN(3000))*time.Millisecond)
								timer := time.AfterFunc(time.Duration(own.IntN(1000))*time.Millisecond, u.Raise)
								if own.IntN(2) == 0 {
									c.Contracts(ctx)
								} else {
									c.Contract(ctx, fmt.Sprintf("OCB%07d", own.IntN(4)))
								}
								timer.Stop()
								cancel()
							}
						})
					}
				}
				wg.Wait()
				time.Sleep(uselessMost + time.Minute) // new tokens may have been revoked at once
				f.each(t, 3, contracts(t))
				if n := f.sim.Calls().MaxPerSecond; n > 25 {
					t.Errorf("%d in a second", n)
				}
				for _, c := range f.clients {
					if s := c.Stats(); s.InFlight != 0 || s.Waiting != 0 || s.WaitingForAPI != 0 || s.Breaker != "closed" {
						t.Errorf("%+v", s)
					}
				}
			})
		})
	}
}

// A client that is closed asks the pool nothing more, and ends who waits.
func TestClosingAClientOfAPool(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		f := newFleet(t, 1, &apisim.Server{Account: smallAccountOf(1)})
		c := f.clients[0]
		f.each(t, 1, contracts(t))
		for _, state := range []string{"reserved", "asking", "paused"} {
			switch state {
			case "reserved":
				f.tat = time.Now().Add(4 * time.Second)
			case "asking":
				f.members[0].takes(time.Hour, 0)
			case "paused":
				f.tat = time.Now().Add(time.Minute)
			}
			done := make(chan error, 1)
			go func() { done <- contracts(t)(c) }()
			time.Sleep(time.Second)
			within(t, 0, c.Close)
			within(t, againMost, func() {
				if err := <-done; err != nil && !errors.Is(err, ErrUnreachable) {
					t.Error(err)
				}
			})
			asked, _, _ := f.count()
			within(t, 0, func() { contracts(t)(c) })
			if n, _, _ := f.count(); n != asked {
				t.Errorf("%s: asked %d times more", state, n-asked)
			}
			f.clients = nil
			f.members[0].takes(0, 0)
			f.tat = time.Time{}
			c = f.join(t)
			f.members = f.members[1:]
			f.each(t, 1, contracts(t))
		}
	})
}
