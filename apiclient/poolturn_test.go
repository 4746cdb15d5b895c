package apiclient

import (
	"context"
	"errors"
	"fmt"
	"math"
	"math/rand/v2"
	"net/http"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"ccsfs/apiclient/apisim"

	"pgregory.net/rapid"
)

// worst is the most of the times in any second.
func worst(times []time.Duration) (most int) {
	times = slices.Sorted(slices.Values(times))
	for i, from := range times {
		n, _ := slices.BinarySearch(times, from+time.Second)
		most = max(most, n-i)
	}
	return most
}

// Members on many machines share one rate, and its turns.
func TestMembersShareTheRate(t *testing.T) {
	for _, tt := range []struct {
		name  string
		low   bool          // in the background
		there time.Duration // the way to the coordinator
	}{{name: "urgent"}, {name: "in the background", low: true}, {name: "far", there: 60 * time.Millisecond}} {
		t.Run(tt.name, func(t *testing.T) {
			inBubble(t, func(t *testing.T) {
				const members, each = 16, 60
				next := &passed{start: time.Now()}
				list, reach := joined(t, newCoordinator(), next, alike(members, 20)...)
				var groups []*sync.WaitGroup
				for i, p := range list {
					reach[i].takes(tt.there, tt.there)
					var u *Priority
					if tt.low {
						u = LowPriority()
					}
					var wg sync.WaitGroup
					for range each {
						wg.Go(func() { ask(WithPriority(t.Context(), u), p, fmt.Sprint("/", i)) })
					}
					groups = append(groups, &wg)
				}
				for _, g := range groups {
					g.Wait()
				}
				last := next.times[len(next.times)-1]
				asked, given, _ := reach[0].count()
				ideal := time.Duration(given) * 50 * time.Millisecond
				t.Logf("%d in %v, %d turns, asked %d times, %d in the worst second", len(next.times), last, given, asked, worst(next.times))
				if n := worst(next.times); n > 25 || len(next.times) != members*each || last > ideal+time.Second {
					t.Errorf("%d in %v, ideal %v, %d in the worst second", len(next.times), last, ideal, n)
				}
				if lost := given - members*each; lost > usualLeast*members || tt.there == 0 && lost > 0 {
					t.Errorf("%d turns were lost", lost)
				}
				if asked > 6*given {
					t.Errorf("asked %d times for %d turns", asked, given)
				}
				if !tt.low {
					return
				}
				done := map[string]int{} // by the middle of the time
				for _, name := range next.names[:len(next.names)/2] {
					done[name]++
				}
				t.Log(done)
				for _, name := range names(members) {
					if done[name] < each/6 {
						t.Errorf("%s had %d of its share of %d by the middle of the time", name, done[name], each/2)
					}
				}
			})
		})
	}
}

// A member with a lower rate keeps to that.
func TestLowerRateOfAMember(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		next := &passed{start: time.Now()}
		list, _ := joined(t, newCoordinator(), next, 20, 2)
		fast, slow := flood(t, list[0], "/fast", 60), flood(t, list[1], "/slow", 10)
		fast.Wait()
		slow.Wait()
		slowly := 0
		for i, at := range next.times {
			if next.names[i] == "/slow" && at < 3*time.Second {
				slowly++
			}
		}
		if slowly < 4 || slowly > 3+6 {
			t.Errorf("%d in 3 s at 2 a second", slowly)
		}
	})
}

// The turn that is reserved goes to who is most urgent when it is due.
func TestATurnOfThePoolGoesToTheMostUrgent(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		next := &passed{start: time.Now()}
		list, reach := joined(t, newCoordinator(), next, 5)
		p := list[0]
		var wg sync.WaitGroup
		start := func(name string, u *Priority) {
			wg.Go(func() { ask(WithPriority(t.Context(), u), p, name) })
			synctest.Wait()
		}
		for range 3 { // of the burst
			start("/first", nil)
		}
		raised := LowPriority()
		start("/low", LowPriority())
		start("/raised", raised)
		time.Sleep(100 * time.Millisecond)
		start("/urgent", nil)
		time.Sleep(time.Millisecond)
		raised.Raise()
		wg.Wait()
		if got, want := fmt.Sprint(next.names[3:]), "[/raised /urgent /low]"; got != want {
			t.Errorf("%s, want %s", got, want)
		}
		if _, given, _ := reach[0].count(); given != 6 {
			t.Errorf("%d turns were reserved for 6 requests", given)
		}
	})
}

// Who becomes urgent, or comes and is, does not wait until it is asked again for others.
func TestUrgentOnesAskThePoolAtOnce(t *testing.T) {
	for _, name := range []string{"raised", "comes"} {
		t.Run(name, func(t *testing.T) {
			inBubble(t, func(t *testing.T) {
				next := &passed{start: time.Now()}
				list, reach := joined(t, newCoordinator(), next, 20)
				reach[0].tat = time.Now().Add(reserveUrgent) // others have reserved much
				u := LowPriority()
				var wg sync.WaitGroup
				wg.Go(func() { ask(WithPriority(t.Context(), u), list[0], "/low") })
				time.Sleep(500 * time.Millisecond)
				if name == "raised" {
					u.Raise()
				} else {
					wg.Go(func() { ask(t.Context(), list[0], "/urgent") })
				}
				synctest.Wait()
				if _, given, _ := reach[0].count(); given != 1 {
					t.Errorf("%d turns are reserved", given)
				}
				wg.Wait()
				asked, _, _ := reach[0].count()
				if asked > 25 {
					t.Errorf("asked %d times in 2 s", asked)
				}
			})
		})
	}
}

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

// A turn whose requests have left is for those who come until it is due.
func TestATurnOfThePoolIsKeptForWhoComes(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		next := &passed{start: time.Now()}
		list, reach := joined(t, newCoordinator(), next, 20)
		reach[0].tat = time.Now().Add(2 * time.Second)
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		if err := ask(ctx, list[0], "/gone"); err == nil {
			t.Error("did not leave")
		}
		if err := ask(t.Context(), list[0], "/"); err != nil {
			t.Error(err)
		}
		if _, given, _ := reach[0].count(); given != 1 || next.times[0] != 1900*time.Millisecond {
			t.Errorf("%d turns, %v", given, next.times)
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

func smallAccountOf(n int) *apisim.Account {
	account := &apisim.Account{}
	for i := range n {
		account.Contracts = append(account.Contracts, apisim.Contract{ID: fmt.Sprintf("OCB%07d", i)})
	}
	return account
}

// Sixteen clients with fifty calls each: one token, never more than 25 in a second, and
// hardly fewer than the rate.
func TestAFleetOfClients(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		f := newFleet(t, 16, &apisim.Server{Account: smallAccountOf(1), Latency: 80 * time.Millisecond, Quirks: apisim.Quirks{RateLimit: 25}})
		before := time.Now()
		f.each(t, 50, contracts(t))
		took := time.Since(before)
		n := f.sim.Calls()
		if n.Token != 1 || n.Contracts != 800 || n.Limited != 0 || n.MaxPerSecond > 25 {
			t.Errorf("%d calls, %d for tokens, %d refused, %d in the worst second", n.Contracts, n.Token, n.Limited, n.MaxPerSecond)
		}
		if took > 42*time.Second {
			t.Errorf("took %v, ideal 40 s", took)
		}
		var used, tokens int64
		for _, c := range f.clients {
			s := c.Stats()
			used, tokens = used+s.PoolTurns, tokens+s.PoolTokens
			if s.PoolWait == 0 || s.PoolWait > took || s.PoolLost > 0 {
				t.Errorf("%+v", s)
			}
		}
		if used != 801 || tokens != 15 {
			t.Errorf("%d turns were used, %d tokens taken", used, tokens)
		}
	})
}

// What the API says of the rate to one holds for all of them.
func TestARateLimitAnswerSlowsAllMembers(t *testing.T) {
	for _, late := range []bool{false, true} {
		t.Run(fmt.Sprint("coordinator away meanwhile: ", late), func(t *testing.T) {
			inBubble(t, func(t *testing.T) {
				f := newFleet(t, 8, &apisim.Server{Account: smallAccountOf(1), Latency: 100 * time.Millisecond})
				f.each(t, 1, contracts(t))
				time.Sleep(time.Minute)
				f.sim.ResetCalls()
				f.sim.Faults.Add(apisim.Match{Op: apisim.OpContracts}, 1, apisim.Fault{Status: 429, Code: 53, RetryAfter: "5"})
				start := time.Now()
				if late {
					time.AfterFunc(50*time.Millisecond, func() { f.fails(errAway) })
					time.AfterFunc(2*time.Second, func() { f.fails(nil) })
				}
				done := make(chan error)
				go func() { done <- contracts(t)(f.clients[0]) }()
				time.Sleep(3 * time.Second)
				f.each(t, 5, contracts(t))
				if err := <-done; err != nil {
					t.Error(err)
				}
				_, _, slows := f.count()
				if slows != 1 {
					t.Errorf("the pool was told %d times", slows)
				}
				early, slowly := 0, 0
				for _, r := range f.sim.Requests()[1:] {
					if at := r.At.Sub(start); at < 5*time.Second {
						early++
					} else if at < 7*time.Second {
						slowly++
					}
				}
				if early > 0 || slowly > 3+20 {
					t.Errorf("%d before the pause was over, %d in two seconds at half the rate", early, slowly)
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

// The clients of a gateway leave the rate to that.
func TestAGatewayTakesNoTurnsOfThePool(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		m := &member{coordinator: newCoordinator()}
		f, c := newFake(t, func(cfg *Config) { cfg.RateLimit, cfg.Pool = 20, m })
		c.wire.clock = bubbleClock()
		f.onToken(func(w http.ResponseWriter, _ *http.Request) {
			writeJSON(w, 200, map[string]any{"access_token": testToken, "expires_in": 3600, "ccsfs_gateway": 1})
		})
		f.answer("/contracts", 200, `[]`)
		within(t, time.Second, func() {
			for range 100 {
				if _, err := c.Contracts(t.Context()); err != nil {
					t.Fatal(err)
				}
			}
		})
		if asked, _, _ := m.count(); asked != 1 { // for the token
			t.Errorf("%d turns", asked)
		}
		f.answer("/contract", 429, `{"code":53}`)
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		c.Contract(ctx, "OCB1")
		if _, _, slows := m.count(); slows != 0 {
			t.Error("its rate was taken for that of the API")
		}
	})
}

func TestAPoolNeedsARate(t *testing.T) {
	cfg := DefaultConfig()
	cfg.ClientID, cfg.ClientSecret, cfg.APIKey = "fake-id", "fake-secret", "fake-key"
	cfg.RateLimit, cfg.Pool = 0, &member{coordinator: newCoordinator()}
	if _, err := New(cfg); err == nil || !strings.Contains(err.Error(), "rate limit") {
		t.Error(err)
	}
}

// liar is a pool that says anything.
type liar struct {
	mu    sync.Mutex
	rand  *rand.Rand
	kinds []int
	asked int
}

func (l *liar) pick() int {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.asked++
	return l.kinds[l.rand.IntN(len(l.kinds))]
}

func (l *liar) Reserve(ctx context.Context, _ time.Duration, _ int, most time.Duration) (time.Duration, bool, error) {
	switch l.pick() {
	case 0:
		return -time.Hour, true, nil
	case 1:
		return 1 << 62, true, nil
	case 2:
		return -1 << 62, false, nil
	case 3:
		return 1 << 62, false, nil
	case 4:
		<-ctx.Done()
		return 0, true, ctx.Err()
	case 5:
		return 0, true, errAway
	case 6:
		time.Sleep(2 * time.Second)
	}
	return 0, true, nil
}

func (l *liar) Slow(ctx context.Context, _, _ time.Duration) error { return l.err(ctx) }

func (l *liar) err(ctx context.Context) error {
	switch l.pick() {
	case 4:
		<-ctx.Done()
		return ctx.Err()
	case 5:
		return errAway
	}
	return nil
}

func (l *liar) Share() float64 {
	return []float64{0, -1, 1e-300, 0.5, 1, 1e300, math.NaN()}[l.pick()%7]
}

func (l *liar) Note(ctx context.Context, _ string, _ []byte, _ time.Duration) error {
	return l.err(ctx)
}

func (l *liar) Noted(ctx context.Context, _ string) ([]byte, error) {
	values := []string{"", "null", "{}", "[1]", `{"value":"a b","life":1000}`, `{"value":"x","life":-1}`, `{"value":"x","life":9e18}`, `{"times":-1}`}
	return []byte(values[l.pick()%len(values)]), l.err(ctx)
}

func (l *liar) Hold(ctx context.Context, _ string) (func(), error) {
	if l.pick()%2 == 0 {
		return nil, l.err(ctx)
	}
	return func() {}, l.err(ctx)
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
