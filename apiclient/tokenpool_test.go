package apiclient

import (
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"ccsfs/apiclient/apisim"
)

// tokensOf counts what the clients of a fleet took from the pool.
func (f *fleet) tokensTaken() (n int64) {
	for _, c := range f.clients {
		n += c.Stats().PoolTokens
	}
	return n
}

// A hundred clients that start at one moment ask for one token; who comes later for none.
// One of them renews it in time, and the others take that.
func TestOneTokenForAFleet(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		const clients = 100
		f := newFleet(t, clients, &apisim.Server{Account: smallAccountOf(1)})
		f.sim.Faults.Add(apisim.Match{Op: apisim.OpToken}, 0, apisim.Fault{Delay: 2 * time.Second})
		f.each(t, 1, contracts(t))
		if n := f.sim.Calls().Token; n != 1 || f.tokensTaken() != clients-1 {
			t.Errorf("%d tokens, %d taken", n, f.tokensTaken())
		}
		time.Sleep(30 * time.Minute)
		late := f.join(t)
		if err := contracts(t)(late); err != nil || f.sim.Calls().Token != 1 {
			t.Errorf("%v, %d tokens", err, f.sim.Calls().Token)
		}
		for hour := range 3 {
			time.Sleep(28 * time.Minute) // the pool's is due a moment before anybody's
			f.each(t, 1, contracts(t))
			time.Sleep(time.Minute)
			if n := f.sim.Calls().Token; n != 2+hour {
				t.Errorf("%d tokens after %d renewals", n, hour+1)
			}
			f.each(t, 1, contracts(t))
			time.Sleep(28 * time.Minute)
		}
		for _, c := range f.clients {
			if n := c.Stats().Calls[opContracts][resultClient]; n != 0 {
				t.Errorf("%d calls with a token that was not good", n)
			}
		}
	})
}

// A token that is rejected is replaced once for all, by whoever meets it first.
func TestARejectedTokenIsRenewedOnceForAFleet(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		f := newFleet(t, 20, &apisim.Server{Account: smallAccountOf(1)})
		f.each(t, 1, contracts(t))
		for i := range 3 {
			f.sim.RevokeTokens()
			f.each(t, 2, contracts(t))
			if n := f.sim.Calls().Token; n != i+2 {
				t.Errorf("%d tokens for %d rejected ones", n, i+1)
			}
			time.Sleep(10 * time.Minute)
		}
	})
}

// Where every token is rejected, members do not ask for one after the other.
func TestEveryTokenOfAFleetRejected(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		f := newFleet(t, 50, &apisim.Server{Account: smallAccountOf(1)})
		f.sim.Faults.Add(apisim.Match{Op: apisim.OpContracts}, 0, apisim.Fault{Status: 401, Code: 41})
		start := time.Now()
		var wg sync.WaitGroup
		for _, c := range f.clients {
			wg.Go(func() {
				for time.Since(start) < 10*time.Minute {
					if err := contracts(t)(c); !errors.Is(err, ErrUnauthorized) {
						t.Error(err)
					}
					time.Sleep(time.Second)
				}
			})
		}
		wg.Wait()
		var times []time.Time
		for _, r := range f.sim.Requests() {
			if r.Op == apisim.OpToken {
				times = append(times, r.At)
			}
		}
		for i, from := range times {
			n, _ := slices.BinarySearchFunc(times, from.Add(time.Minute), time.Time.Compare)
			if n-i > 15 {
				t.Fatalf("%d tokens in a minute, of 50 that the API allows", n-i)
			}
		}
		t.Log(len(times), "tokens in ten minutes")
	})
}

// Credentials that are refused are refused to all: five tries at once, then one every
// half minute, whoever makes it.
func TestRefusedCredentialsOfAFleet(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		f := newFleet(t, 30, &apisim.Server{Account: smallAccountOf(1)})
		f.sim.SetCredentials(apisim.ClientID, "another-one", apisim.APIKey)
		var wg sync.WaitGroup
		start := time.Now()
		for _, c := range f.clients {
			wg.Go(func() {
				for time.Since(start) < 5*time.Minute {
					if err := contracts(t)(c); !errors.Is(err, ErrCredentials) {
						t.Error(err)
					}
					time.Sleep(time.Second)
				}
			})
		}
		time.Sleep(20 * time.Second)
		if n := f.sim.Calls().Token; n != refusedAtOnce {
			t.Errorf("asked %d times at first", n)
		}
		wg.Wait()
		if n := f.sim.Calls().Token; n > refusedAtOnce+10 || n == refusedAtOnce {
			t.Errorf("asked %d times in five minutes", n)
		}
		f.sim.SetCredentials(apisim.ClientID, apisim.ClientSecret, apisim.APIKey)
		time.Sleep(refusedFirst)
		before := f.sim.Calls().Token
		if err := contracts(t)(f.join(t)); err != nil { // who has just come knows of it by the pool alone
			t.Error(err)
		}
		for name, n := range f.notes {
			if n.value != nil && !strings.HasPrefix(name, "token-") {
				t.Errorf("%s is still noted: %s", name, n.value)
			}
		}
		time.Sleep(refusedMost)
		f.each(t, 1, contracts(t))
		if n := f.sim.Calls().Token - before; n != 1 {
			t.Errorf("%d tokens once they are good", n)
		}
	})
}

// Names tell nothing of the credentials, and values are of the token alone.
func TestWhatThePoolIsTold(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		f := newFleet(t, 2, &apisim.Server{Account: smallAccountOf(1)})
		other := f.join(t, func(cfg *Config) { cfg.ClientSecret = "another-one" })
		f.sim.Faults.Add(apisim.Match{Op: apisim.OpToken}, 1, apisim.Fault{Status: 401})
		contracts(t)(other)
		f.clients = f.clients[:2]
		t.Cleanup(other.Close)
		f.each(t, 1, contracts(t))
		if len(f.notes) < 2 {
			t.Errorf("%d notes", len(f.notes))
		}
		for name, n := range f.notes {
			if len(name) > 64 || strings.ContainsFunc(name, func(r rune) bool { return r != '-' && !isAlphanumeric(r) }) || len(n.value) > 16<<10 {
				t.Errorf("%q: %d bytes", name, len(n.value))
			}
			for _, secret := range []string{apisim.ClientID, apisim.ClientSecret, apisim.APIKey, "another-one"} {
				if strings.Contains(name, secret) || strings.Contains(string(n.value), secret) {
					t.Errorf("%q: %s", name, n.value)
				}
			}
			if plain := digestOf(apisim.ClientID, apisim.ClientSecret); strings.Contains(name, plain) {
				t.Errorf("%q is told elsewhere, too", name)
			}
		}
	})
}

func isAlphanumeric(r rune) bool {
	return '0' <= r && r <= '9' || 'a' <= r && r <= 'z' || 'A' <= r && r <= 'Z'
}

// A token of the pool is as secret as one of our own.
func TestATokenOfThePoolIsHidden(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		m := &member{coordinator: newCoordinator()}
		f, c := newFake(t, func(cfg *Config) { cfg.RateLimit, cfg.Pool = 20, m })
		c.wire.clock = bubbleClock()
		name := c.tokens.pool.name("token", c.tokens.wallet.now.Load())
		m.notes[name] = noted{[]byte(`{"value":"T0kenOfThePool","life":3000000,"renew":1}`), time.Now().Add(time.Hour)}
		f.api("/contracts", func(w http.ResponseWriter, r *http.Request) {
			writeJSON(w, 400, apiError(22, "you sent "+r.Header.Get("Authorization")[7:]))
		})
		_, err := c.Contracts(t.Context())
		if err == nil || strings.Contains(err.Error()+f.logged(), "T0kenOfThePool") || !strings.Contains(err.Error(), redacted) || f.tokens() != 0 {
			t.Errorf("%v, %d tokens", err, f.tokens())
		}
	})
}

// Clocks that are wrong cost a look at the pool now and then, or a call; no token.
func TestClocksOfAFleetDisagree(t *testing.T) {
	for _, wrong := range []time.Duration{-2 * time.Hour, -10 * time.Minute, 10 * time.Minute, 2 * time.Hour} {
		t.Run(wrong.String(), func(t *testing.T) {
			inBubble(t, func(t *testing.T) {
				f := newFleet(t, 1, &apisim.Server{Account: smallAccountOf(1)})
				f.each(t, 1, contracts(t))
				late := f.join(t)
				for name, n := range f.notes { // of one whose clock is wrong
					var v int64
					s := string(n.value)
					i := strings.Index(s, `"renew":`) + len(`"renew":`)
					fmt.Sscan(strings.TrimRight(s[i:], "}"), &v)
					n.value = []byte(fmt.Sprintf("%s%d}", s[:i], v+wrong.Milliseconds()))
					f.notes[name] = n
				}
				for range 55 {
					if err := contracts(t)(late); err != nil {
						t.Fatal(err)
					}
					time.Sleep(time.Minute)
				}
				if n := f.sim.Calls(); n.Token != 1 || n.Contracts != 56 {
					t.Errorf("%d tokens, %d calls", n.Token, n.Contracts)
				}
				if n := late.Stats().PoolTokens; n != 1 {
					t.Errorf("%d tokens were taken", n)
				}
				time.Sleep(10 * time.Minute)
				if err := contracts(t)(late); err != nil {
					t.Error(err)
				}
				time.Sleep(time.Second)
				if n := f.sim.Calls(); n.Token != 2 || n.Contracts > 58 {
					t.Errorf("%d tokens, %d calls", n.Token, n.Contracts)
				}
			})
		})
	}
}

// Who has the lease and does not get through, or is stopped, keeps nobody from a token.
func TestTheHolderOfTheExchangeStandsStill(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		f := newFleet(t, 5, &apisim.Server{Account: smallAccountOf(1)})
		c := f.clients[0]
		release, err := f.members[0].Hold(t.Context(), c.tokens.pool.name("token", c.tokens.wallet.now.Load()))
		if err != nil || release == nil {
			t.Fatal(err)
		}
		within(t, 2*holdMost+time.Second, func() { f.each(t, 1, contracts(t)) })
		if n := f.sim.Calls().Token; n > 2 {
			t.Errorf("%d tokens", n)
		}
	})
}

// A coordinator that restarts while a fleet starts does not cost a token for each.
func TestAFleetStartsWhileTheCoordinatorRestarts(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		f := newFleet(t, 20, &apisim.Server{Account: smallAccountOf(1)})
		f.fails(errAway)
		time.AfterFunc(2*time.Second, func() { f.fails(nil) })
		f.each(t, 1, contracts(t))
		if n := f.sim.Calls().Token; n != 1 {
			t.Errorf("%d tokens", n)
		}
	})
}

// A token of the pool may be withdrawn like the one before it: that tells nothing of a new
// one, which is asked for.
func TestATokenOfThePoolWasWithdrawnToo(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		f := newFleet(t, 2, &apisim.Server{Account: smallAccountOf(1)})
		f.each(t, 1, contracts(t))
		f.sim.RevokeTokens()
		if err := contracts(t)(f.clients[0]); err != nil {
			t.Error(err)
		}
		f.sim.RevokeTokens()
		if err := contracts(t)(f.clients[1]); err != nil {
			t.Error(err)
		}
		if n := f.sim.Calls(); n.Token != 3 || n.Contracts != 2+2+3 {
			t.Errorf("%d tokens, %d calls", n.Token, n.Contracts)
		}
	})
}

// So it is for who had met nothing but tokens that are rejected, and tries one of the pool: it
// may have been withdrawn since, and says nothing of a new one.
func TestATokenOfThePoolIsNoProbe(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		f := newFleet(t, 2, &apisim.Server{Account: smallAccountOf(1)})
		f.each(t, 1, contracts(t))
		f.sim.Faults.Add(apisim.Match{Op: apisim.OpContracts}, 0, apisim.Fault{Status: 401, Code: 41})
		for range 20 {
			if err := contracts(t)(f.clients[1]); !errors.Is(err, ErrUnauthorized) {
				t.Error(err)
			}
			time.Sleep(time.Second)
		}
		f.sim.Faults.Clear()
		f.sim.RevokeTokens()
		time.Sleep(2 * uselessMost)
		if err := contracts(t)(f.clients[0]); err != nil {
			t.Error(err)
		}
		f.sim.RevokeTokens()
		time.Sleep(2 * uselessMost)
		if err := contracts(t)(f.clients[1]); err != nil {
			t.Error(err)
		}
	})
}
