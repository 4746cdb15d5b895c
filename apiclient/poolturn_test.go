package apiclient

import (
	"context"
	"fmt"
	"math"
	"math/rand/v2"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"ccsfs/apiclient/apisim"
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
