package apiclient

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"
)

// onlyToken answers /contracts with an empty list if ok accepts the number of
// the token, else with 401.
func (f *fake) onlyToken(ok func(n int) bool) {
	f.api("/contracts", func(w http.ResponseWriter, r *http.Request) {
		var n int
		fmt.Sscanf(r.Header.Get("Authorization"), "Bearer "+testToken+"%d", &n)
		if !ok(n) {
			writeJSON(w, 401, apiError(42, "Expired credentials"))
			return
		}
		w.Write([]byte(`[]`))
	})
}

func (f *fake) onToken(h http.HandlerFunc) { f.token.Store(&h) }

func TestTokenRequestOfTheGuide(t *testing.T) {
	f, c := newFake(t)
	f.onlyToken(func(int) bool { return true })
	f.onToken(func(w http.ResponseWriter, r *http.Request) {
		id, secret, _ := r.BasicAuth()
		body, _ := io.ReadAll(r.Body)
		got := []string{
			r.Method, id, secret, string(body), r.Header.Get("Accept"), r.Header.Get("User-Agent"),
			r.Header.Get("Content-Type"), r.Header.Get(headerAPIKey), r.Header.Get(headerContract),
		}
		want := []string{
			"POST", testID, testSecret, "grant_type=client_credentials", "application/json", "ccsfs/dev",
			"application/x-www-form-urlencoded", "", "",
		}
		if fmt.Sprint(got) != fmt.Sprint(want) {
			t.Errorf("%q, want %q", got, want)
		}
		w.Write([]byte(`{"token_type":"Bearer","access_token":"x","expires_in":3600}`))
	})
	if _, err := c.Contracts(t.Context()); err != nil {
		t.Error(err)
	}
}

func TestOneTokenForAHundredCallers(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		f, c := newFake(t)
		f.onlyToken(func(int) bool { return true })
		var wg sync.WaitGroup
		for range 100 {
			wg.Go(func() {
				if _, err := c.Contracts(t.Context()); err != nil {
					t.Error(err)
				}
			})
		}
		wg.Wait()
		if n := f.tokens(); n != 1 {
			t.Errorf("%d token calls", n)
		}
		if n := f.count("/api/contracts"); n != 100 {
			t.Errorf("%d calls", n)
		}
	})
}

func TestTokenIsRenewedEarly(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		f, c := newFake(t)
		f.onlyToken(func(int) bool { return true })
		get := func() {
			t.Helper()
			if _, err := c.Contracts(t.Context()); err != nil {
				t.Error(err)
			}
			synctest.Wait()
		}
		get()
		s := c.Stats()
		if life := s.TokenExpires.Sub(s.TokenObtained); life != time.Hour {
			t.Errorf("lives %v", life)
		}
		time.Sleep(56*time.Minute + 59*time.Second)
		get()
		if n := f.tokens(); n != 1 {
			t.Errorf("%d token calls before 95 %% of the lifetime", n)
		}
		time.Sleep(time.Second)
		get() // still with the old one: nobody waits
		if n := f.tokens(); n != 2 {
			t.Errorf("%d token calls at 95 %% of the lifetime", n)
		}
		time.Sleep(time.Hour)
		get() // nobody asked for long: it has expired, and the call waits
		if n := f.tokens(); n != 3 {
			t.Errorf("%d token calls after it expired", n)
		}
	})
}

func TestRejectedTokenIsRenewedOnce(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		f, c := newFake(t)
		var least atomic.Int32 // the first token that is good
		f.onlyToken(func(n int) bool { return n >= int(least.Load()) })
		if _, err := c.Contracts(t.Context()); err != nil {
			t.Fatal(err)
		}
		least.Store(2)
		var wg sync.WaitGroup
		for range 50 {
			wg.Go(func() {
				if _, err := c.Contracts(t.Context()); err != nil {
					t.Error(err)
				}
			})
		}
		wg.Wait()
		if n := f.tokens(); n != 2 {
			t.Errorf("%d token calls for 50 rejections of one token", n)
		}
	})
}

// A server that rejects every token, whatever lifetime it announces.
func TestEveryTokenRejected(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		f, c := newFake(t)
		fixed := false
		f.onlyToken(func(int) bool { return fixed })
		var perMinute []int
		for range 10 {
			before := f.tokens()
			for range 60 {
				_, err := c.Contracts(t.Context())
				if !errors.Is(err, ErrUnauthorized) || errors.Is(err, ErrCredentials) || !Refused(err) {
					t.Fatal(err)
				}
				time.Sleep(time.Second)
			}
			perMinute = append(perMinute, f.tokens()-before)
		}
		for _, n := range perMinute {
			if n > 2 {
				t.Errorf("token calls in each minute: %v", perMinute)
			}
		}
		if n := f.count("/api/contracts"); n > 10 {
			t.Errorf("600 calls sent %d requests with rejected tokens", n)
		}
		if c.Stats().TokenNextTry.IsZero() {
			t.Error("no next try")
		}
		fixed = true
		time.Sleep(uselessMost)
		for range 3 {
			if _, err := c.Contracts(t.Context()); err != nil {
				t.Error("not recovered:", err)
			}
		}
	})
}

// A contract that is always answered with 401 must cost neither the others nor
// a token for each try.
func TestOneThingAlwaysUnauthorized(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		f, c := newFake(t)
		f.onlyToken(func(int) bool { return true })
		f.answer("/contract", 401, `{"code":41,"message":"Invalid credentials"}`)
		for range 60 {
			if _, err := c.Contracts(t.Context()); err != nil {
				t.Fatal(err)
			}
			if _, err := c.Contract(t.Context(), "OCB1"); !errors.Is(err, ErrUnauthorized) {
				t.Fatal(err)
			}
			time.Sleep(time.Second / 2)
		}
		if n := f.tokens(); n > 2 {
			t.Errorf("%d token calls in half a minute", n)
		}
	})
}

// Tokens that live two seconds, whatever the server says, still work.
func TestServerLiesAboutTheLifetime(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		f, c := newFake(t)
		var born sync.Map
		f.onToken(func(w http.ResponseWriter, r *http.Request) {
			n := f.tokens()
			born.Store(n, time.Now())
			writeJSON(w, 200, map[string]any{"access_token": fmt.Sprint(testToken, n), "expires_in": "3600"})
		})
		f.onlyToken(func(n int) bool {
			b, ok := born.Load(n)
			return ok && time.Since(b.(time.Time)) < 2*time.Second
		})
		for range 60 {
			if _, err := c.Contracts(t.Context()); err != nil {
				t.Fatal(err)
			}
			time.Sleep(time.Second)
		}
		if n := f.tokens(); n > 40 {
			t.Errorf("%d token calls a minute, the endpoint allows 50", n)
		}
	})
}

func TestCredentialsRefused(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		f, c := newFake(t)
		good := false
		f.onlyToken(func(int) bool { return true })
		f.onToken(func(w http.ResponseWriter, r *http.Request) {
			if good {
				writeJSON(w, 200, map[string]any{"access_token": testToken + "1", "expires_in": 3600})
				return
			}
			w.Header().Set("WWW-Authenticate", "Basic")
			writeJSON(w, 401, map[string]any{"error": "invalid_client", "error_description": "The client " + testSecret + " is unknown"})
		})
		start := time.Now()
		var times []time.Duration
		for time.Since(start) < 2*time.Hour {
			before := f.tokens()
			_, err := c.Contracts(t.Context())
			if !errors.Is(err, ErrCredentials) || !errors.Is(err, ErrUnauthorized) || !strings.Contains(err.Error(), "check the client id") {
				t.Fatal(err)
			}
			if strings.Contains(err.Error(), testSecret) {
				t.Fatal("the secret shows:", err)
			}
			if f.tokens() > before {
				times = append(times, time.Since(start).Round(time.Second))
			}
			time.Sleep(time.Second)
		}
		want := "[0s 30s 1m30s 3m30s 7m30s 15m30s 30m30s 45m30s"
		if !strings.HasPrefix(fmt.Sprint(times), want) {
			t.Errorf("asked at %v, want %v…", times, want)
		}
		if f.count("/api/contracts") != 0 {
			t.Error("asked the API without a token")
		}
		if said := strings.Count(f.logged(), `"level":"ERROR"`); said != len(times) {
			t.Errorf("said %d times, asked %d times", said, len(times))
		}
		good = true
		time.Sleep(refusedMost)
		if _, err := c.Contracts(t.Context()); err != nil {
			t.Error("not recovered:", err)
		}
	})
}

// Secrets are renewed while a client lives: it takes the new ones before a token is
// asked for, and at once where the ones before are refused, by the endpoint or by the API.
func TestCredentialsRenewed(t *testing.T) {
	const newSecret, newKey = "N3wSecretOfTheTests", "N3wKeyOfTheTests"
	for _, tt := range []struct {
		name   string
		key    string             // that the API wants after the change
		before func(c *Client)    // the change
		life   int                // of tokens, in seconds
		tokens int                // asked for in all
		wait   time.Duration      // until the call that must go well
		other  func(*Credentials) // what is set meanwhile
	}{
		{name: "refused by the endpoint", key: testKey, life: 3600, tokens: 2, other: func(c *Credentials) { c.ClientSecret = newSecret }},
		{name: "with the next token", key: testKey, life: 60, wait: time.Minute, tokens: 2, other: func(c *Credentials) { c.ClientSecret = newSecret }},
		{name: "refused by the API", key: newKey, life: 3600, tokens: 3, other: func(c *Credentials) { c.APIKey = newKey }},
	} {
		t.Run(tt.name, func(t *testing.T) {
			inBubble(t, func(t *testing.T) {
				set := Credentials{testID, testSecret, testKey}
				wanted := set
				f, c := newFake(t, func(cfg *Config) { cfg.Renewed = func() (Credentials, bool) { return set, true } })
				f.onToken(func(w http.ResponseWriter, r *http.Request) {
					if _, secret, _ := r.BasicAuth(); secret != wanted.ClientSecret {
						writeJSON(w, 401, map[string]any{"error": "invalid_client"})
						return
					}
					writeJSON(w, 200, map[string]any{"access_token": fmt.Sprint(testToken, f.tokens()), "expires_in": tt.life})
				})
				f.api("/contracts", func(w http.ResponseWriter, r *http.Request) {
					if r.Header.Get(headerAPIKey) != wanted.APIKey {
						writeJSON(w, 401, map[string]any{"code": 40, "message": "no"})
						return
					}
					writeJSON(w, 200, []any{})
				})
				ask := func() error { _, err := c.Contracts(t.Context()); return err }
				if tt.wait > 0 {
					if err := ask(); err != nil {
						t.Fatal(err)
					}
				}
				tt.other(&wanted)
				if tt.wait == 0 { // they are refused before others are set
					if err := ask(); !errors.Is(err, ErrUnauthorized) {
						t.Fatal(err)
					}
					time.Sleep(2 * lookAgain)
					if err := ask(); !errors.Is(err, ErrUnauthorized) {
						t.Fatal(err)
					}
					time.Sleep(2 * lookAgain)
				}
				set = wanted
				time.Sleep(tt.wait)
				if err := ask(); err != nil {
					t.Fatal(err)
				}
				if n := f.tokens(); n != tt.tokens {
					t.Errorf("%d tokens were asked for, want %d", n, tt.tokens)
				}
				if text := c.clean.clean("x " + newSecret + testSecret + newKey + testKey); tt.key == newKey && strings.Contains(text, newKey) || strings.Contains(text, testSecret) {
					t.Errorf("secrets show: %s", text)
				}
				if strings.Contains(f.logged(), newSecret) || strings.Contains(f.logged(), newKey) || !strings.Contains(f.logged(), "credentials have changed") {
					t.Errorf("log: %s", f.logged())
				}
			})
		})
	}
}

// Credentials that change while a token is asked for with the ones before are not held
// against what became of that.
func TestRenewDuringAnExchange(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		var changed atomic.Bool
		f, c := newFake(t, func(cfg *Config) {
			cfg.Renewed = func() (Credentials, bool) {
				if changed.Load() {
					return Credentials{testID, "another-one", testKey}, true
				}
				return Credentials{testID, testSecret, testKey}, true
			}
		})
		f.onlyToken(func(int) bool { return true })
		f.onToken(func(w http.ResponseWriter, r *http.Request) {
			if _, secret, _ := r.BasicAuth(); secret == testSecret {
				time.Sleep(2 * time.Second)
				writeJSON(w, 401, map[string]any{"error": "invalid_client"})
				return
			}
			writeJSON(w, 200, map[string]any{"access_token": testToken + "1", "expires_in": 3600})
		})
		first := make(chan error, 1)
		go func() { _, err := c.Contracts(t.Context()); first <- err }()
		time.Sleep(time.Second)
		changed.Store(true)
		c.Renew()
		start := time.Now()
		if _, err := c.Contracts(t.Context()); err != nil || time.Since(start) > 5*time.Second {
			t.Errorf("after %v: %v", time.Since(start), err)
		}
		if err := <-first; err != nil {
			t.Error(err)
		}
		if f.tokens() != 2 {
			t.Errorf("%d tokens were asked for", f.tokens())
		}
	})
}

// A token endpoint that is away for a while, and says so, costs no call its answer, though
// the API itself goes on, and is asked rarely.
func TestTokenEndpointAwayForAWhile(t *testing.T) {
	for name, answer := range map[string]func(w http.ResponseWriter){
		"too many":           func(w http.ResponseWriter) { writeJSON(w, 429, apiError(53, "Too many requests")) },
		"too many, as a 403": func(w http.ResponseWriter) { writeJSON(w, 403, apiError(53, "Too many requests")) },
		"come back later": func(w http.ResponseWriter) {
			w.Header().Set("Retry-After", "20")
			writeJSON(w, 503, apiError(5, "Away"))
		},
		"gateway, later": func(w http.ResponseWriter) { w.Header().Set("Retry-After", "20"); w.WriteHeader(502) },
	} {
		t.Run(name, func(t *testing.T) {
			inBubble(t, func(t *testing.T) {
				f, c := newFake(t, func(cfg *Config) { cfg.RateLimit = 20 })
				var away atomic.Bool
				f.onToken(func(w http.ResponseWriter, _ *http.Request) {
					if away.Load() {
						answer(w)
						return
					}
					writeJSON(w, 200, map[string]any{"access_token": fmt.Sprint(testToken, f.tokens()), "expires_in": 10})
				})
				f.api("/documents/{id}/file", func(w http.ResponseWriter, _ *http.Request) {
					time.Sleep(400 * time.Millisecond)
					io.WriteString(w, "bytes")
				})
				time.AfterFunc(time.Second, func() {
					away.Store(true)
					time.AfterFunc(time.Minute, func() { away.Store(false) })
				})
				var wg sync.WaitGroup
				for worker := range 16 {
					wg.Go(func() {
						for n := range 50 {
							file, err := c.File(t.Context(), FileRequest{ContractID: "OCB1", DocumentID: fmt.Sprint(worker, "-", n)})
							if err != nil {
								t.Error(err)
								continue
							}
							file.Body.Close()
						}
					})
				}
				wg.Wait()
				if n := f.tokens(); n > 40 {
					t.Errorf("%d tokens were asked for", n)
				}
			})
		})
	}
}

// A command that has just read its settings does not read them again for its first token.
func TestFirstTokenReadsNothing(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		var reads atomic.Int32
		f, c := newFake(t, func(cfg *Config) {
			cfg.Renewed = func() (Credentials, bool) { reads.Add(1); return Credentials{}, false }
		})
		f.onlyToken(func(int) bool { return true })
		for hour, want := range []int32{0, 1, 2} {
			if _, err := c.Contracts(t.Context()); err != nil {
				t.Fatal(err)
			}
			if n := reads.Load(); n != want {
				t.Errorf("in hour %d: read %d times", hour, n)
			}
			time.Sleep(time.Hour)
		}
	})
}

// A settings file on a server that is away keeps no call, and Close, waiting: those in
// use stay until it can be read, and then the others are taken.
func TestSettingsThatStandStill(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		var stands atomic.Pointer[chan struct{}]
		var reads atomic.Int32
		var other atomic.Bool
		f, c := newFake(t, func(cfg *Config) {
			cfg.Renewed = func() (Credentials, bool) {
				reads.Add(1)
				now := Credentials{testID, testSecret, testKey}
				if other.Load() {
					now.ClientSecret = "another-one"
				}
				if still := stands.Load(); still != nil {
					<-*still
				}
				return now, true
			}
		})
		f.onToken(func(w http.ResponseWriter, r *http.Request) {
			if _, secret, _ := r.BasicAuth(); other.Load() && secret == testSecret {
				writeJSON(w, 401, map[string]any{"error": "invalid_client"})
				return
			}
			writeJSON(w, 200, map[string]any{"access_token": fmt.Sprint(testToken, f.tokens()), "expires_in": 60})
		})
		f.answer("/contracts", 200, `[]`)
		ask := func() error {
			start := time.Now()
			_, err := c.Contracts(t.Context())
			if took := time.Since(start); took > lookMost {
				t.Errorf("took %v", took)
			}
			return err
		}
		if err := ask(); err != nil {
			t.Fatal(err)
		}
		still := make(chan struct{})
		stands.Store(&still)
		for range 5 {
			time.Sleep(time.Minute)
			if err := ask(); err != nil {
				t.Fatal(err)
			}
		}
		start := time.Now()
		if c.Renew(); time.Since(start) > lookMost {
			t.Errorf("Renew took %v", time.Since(start))
		}
		if n := reads.Load(); n != 1 {
			t.Errorf("read %d times at once", n)
		}
		other.Store(true)
		time.Sleep(time.Minute)
		for range 5 {
			if err := ask(); !errors.Is(err, ErrCredentials) {
				t.Error(err)
			}
			time.Sleep(2 * lookAgain)
		}
		stands.Store(nil)
		close(still)
		time.Sleep(time.Second)
		if err := ask(); err != nil {
			t.Error(err)
		}
		if log := f.logged(); strings.Count(log, "cannot be read now") != 1 {
			t.Error(log)
		}
	})
}

// What is asked for by name looks for other credentials without waiting for a refusal.
func TestRenew(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		set := Credentials{testID, testSecret, testKey}
		f, c := newFake(t, func(cfg *Config) { cfg.Renewed = func() (Credentials, bool) { return set, true } })
		f.onlyToken(func(int) bool { return true })
		ask := func() {
			t.Helper()
			if _, err := c.Contracts(t.Context()); err != nil {
				t.Fatal(err)
			}
		}
		ask()
		c.Renew() // the same
		ask()
		if f.tokens() != 1 {
			t.Errorf("%d tokens for the same credentials", f.tokens())
		}
		set.ClientSecret = "another-one"
		c.Renew()
		ask()
		set.ClientSecret = "" // not fit to be sent
		c.Renew()
		ask()
		if f.tokens() != 2 {
			t.Errorf("%d tokens, want 2", f.tokens())
		}
	})
}

func TestTokenEndpointAnswers(t *testing.T) {
	tests := []struct {
		name   string
		status int
		body   string
		want   error // nil: works
	}{
		{"number", 200, `{"access_token":"x","expires_in":10}`, nil},
		{"text", 200, `{"access_token":"x","expires_in":"10"}`, nil},
		{"nonsense", 200, `{"access_token":"x","expires_in":{},"token_type":"bearer"}`, nil},
		{"no token", 200, `{"expires_in":10}`, ErrProtocol},
		{"null", 200, `null`, ErrProtocol},
		{"list", 200, `[]`, ErrProtocol},
		{"page", 200, `<html>login</html>`, ErrProtocol},
		{"error", 200, `{"error":"invalid_client"}`, ErrProtocol},
		{"header injection", 200, `{"access_token":"x\r\nX-Evil: 1"}`, ErrProtocol},
		{"other type", 200, `{"access_token":"x","token_type":"mac"}`, ErrProtocol},
		{"bad request", 400, `{"error":"invalid_request"}`, ErrCredentials},
		{"forbidden", 403, `{"code":50}`, ErrCredentials},
		{"not found", 404, `{"code":60,"message":"no"}`, ErrProtocol},
		{"forbidden page", 403, `<html>blocked</html>`, ErrProtocol},
		{"down", 503, `{}`, ErrServer},
		{"too many", 429, `{}`, ErrRateLimited},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			inBubble(t, func(t *testing.T) {
				f, c := newFake(t)
				f.onToken(func(w http.ResponseWriter, r *http.Request) {
					w.WriteHeader(tt.status)
					io.WriteString(w, tt.body)
				})
				f.answer("/contracts", 200, `[]`)
				_, err := c.Contracts(t.Context())
				if !errors.Is(err, tt.want) || errors.Is(err, ErrNotFound) || errors.Is(err, ErrForbidden) {
					t.Errorf("%v, want %v", err, tt.want)
				}
				// A second call must not start all over where that cannot help.
				n := f.tokens()
				_, err2 := c.Contracts(t.Context())
				if !errors.Is(tt.want, ErrServer) && !errors.Is(tt.want, ErrRateLimited) {
					want := 1
					if tt.name == "page" { // something on the way may be out of order for a moment
						want = maxTries
					}
					if n != want || f.tokens() != want || !errors.Is(err2, tt.want) {
						t.Errorf("%d, then %d token calls; %v", n, f.tokens(), err2)
					}
				}
			})
		})
	}
}

func TestWaiterLeavesTheOthersStay(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		f, c := newFake(t)
		f.onlyToken(func(int) bool { return true })
		f.onToken(func(w http.ResponseWriter, r *http.Request) {
			time.Sleep(10 * time.Second)
			w.Write([]byte(`{"access_token":"` + testToken + `1"}`))
		})
		start := time.Now()
		first, leave := context.WithCancel(t.Context())
		var wg sync.WaitGroup
		wg.Go(func() {
			_, err := c.Contracts(first)
			if !errors.Is(err, context.Canceled) || Temporary(err) || time.Since(start) != time.Second {
				t.Errorf("%v after %v", err, time.Since(start))
			}
		})
		synctest.Wait()
		wg.Go(func() {
			ctx, cancel := context.WithTimeout(t.Context(), 2*time.Second)
			defer cancel()
			_, err := c.Contracts(ctx)
			if !errors.Is(err, ErrTimeout) || !errors.Is(err, context.DeadlineExceeded) {
				t.Error(err)
			}
		})
		wg.Go(func() {
			if _, err := c.Contracts(t.Context()); err != nil {
				t.Error(err)
			}
		})
		time.Sleep(time.Second)
		leave() // the one who started the exchange
		wg.Wait()
		if n := f.tokens(); n != 1 {
			t.Errorf("%d token calls", n)
		}
	})
}

func TestCloseEndsAnExchange(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		f, c := newFake(t)
		f.onToken(func(w http.ResponseWriter, r *http.Request) {
			io.Copy(io.Discard, r.Body) // net/http looks for the client's leaving only then
			<-r.Context().Done()
		})
		done := make(chan error)
		go func() {
			_, err := c.Contracts(t.Context())
			done <- err
		}()
		synctest.Wait()
		c.Close()
		if err := <-done; !errors.Is(err, ErrUnreachable) {
			t.Error(err)
		}
		if _, err := c.Contracts(t.Context()); !errors.Is(err, ErrUnreachable) || f.tokens() != 1 {
			t.Errorf("a call after Close: %v, %d token calls", err, f.tokens())
		}
	})
}

func TestLifetimes(t *testing.T) {
	tests := map[string]time.Duration{
		`3600`: time.Hour, `"3600"`: time.Hour, `"3599.9"`: 3599 * time.Second, `1.5e3`: 1500 * time.Second,
		``: usualLifetime, `null`: usualLifetime, `0`: usualLifetime, `-1`: usualLifetime, `""`: usualLifetime,
		`"NaN"`: usualLifetime, `{}`: usualLifetime, `true`: usualLifetime, `"1h"`: usualLifetime,
		`99999999999999`: mostLifetime, `"Inf"`: mostLifetime, `1e999`: usualLifetime, `1`: time.Second,
	}
	for in, want := range tests {
		if got := parseLifetime([]byte(in)); got != want {
			t.Errorf("%s: %v, want %v", in, got, want)
		}
	}
}

func FuzzTokenAnswer(f *testing.F) {
	f.Add([]byte(`{"token_type":"Bearer","access_token":"abc","expires_in":"3600"}`))
	f.Add([]byte(`{"error":"invalid_client"}`))
	f.Add([]byte("\xef\xbb\xbf{\"access_token\":1,\"expires_in\":[]}"))
	f.Fuzz(func(t *testing.T, b []byte) {
		a, err := parseToken(b)
		life := time.Duration(a.ExpiresIn) * time.Second
		if err == nil && (a.AccessToken == "" || !isToken(a.AccessToken) || life < time.Second || life > mostLifetime) {
			t.Errorf("%+v", a)
		}
	})
}
