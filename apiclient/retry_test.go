package apiclient

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"testing/synctest"
	"time"
)

// failing answers /contracts with status until n requests came, then well.
func (f *fake) failing(n, status, code int, header ...string) *atomic.Int32 {
	var calls atomic.Int32
	f.api("/contracts", func(w http.ResponseWriter, r *http.Request) {
		if calls.Add(1) > int32(n) {
			w.Write([]byte(`[]`))
			return
		}
		for i := 0; i+1 < len(header); i += 2 {
			w.Header().Set(header[i], header[i+1])
		}
		writeJSON(w, status, apiError(code, "No"))
	})
	return &calls
}

func TestServerErrorsPass(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		f, c := newFake(t)
		calls := f.failing(maxTries-1, 503, 5)
		start := time.Now()
		if _, err := c.Contracts(t.Context()); err != nil {
			t.Error(err)
		}
		if calls.Load() != maxTries {
			t.Errorf("%d calls", calls.Load())
		}
		// 0.5 + 1 + 2 seconds, give or take a fifth.
		if d := time.Since(start); d < 2800*time.Millisecond || d > 4200*time.Millisecond {
			t.Errorf("took %v", d)
		}
		s := c.Stats()
		if s.Retries != 3 || s.Calls["contracts"]["server"] != 3 || s.Calls["contracts"]["ok"] != 1 {
			t.Errorf("%+v", s)
		}
	})
}

func TestRetryAfterOfABusyServer(t *testing.T) {
	for header, want := range map[string]time.Duration{"7": 7 * time.Second, "3600": 0} {
		inBubble(t, func(t *testing.T) {
			f, c := newFake(t)
			f.failing(1, 503, 5, "Retry-After", header)
			start := time.Now()
			_, err := c.Contracts(t.Context())
			if (err == nil) != (want > 0) || time.Since(start) != want {
				t.Errorf("%s: %v after %v", header, err, time.Since(start))
			}
		})
	}
}

func TestRateLimitAnswers(t *testing.T) {
	tests := []struct {
		status, code int
		retryAfter   string
		least, most  time.Duration
	}{
		{403, 53, "", time.Second, 2 * time.Second},
		{429, 0, "", time.Second, 2 * time.Second},
		{429, 53, "7", 7 * time.Second, 7 * time.Second},
		{403, 53, "3600", pauseMost, pauseMost},
		{429, 53, "0", time.Second, 2 * time.Second},
	}
	for _, tt := range tests {
		inBubble(t, func(t *testing.T) {
			f, c := newFake(t)
			calls := f.failing(1, tt.status, tt.code, "Retry-After", tt.retryAfter)
			start := time.Now()
			if _, err := c.Contracts(t.Context()); err != nil {
				t.Error(err)
			}
			if d := time.Since(start); d < tt.least || d > tt.most || calls.Load() != 2 {
				t.Errorf("%+v: %d calls, %v", tt, calls.Load(), d)
			}
			if c.Stats().Calls["contracts"]["rate_limited"] != 1 {
				t.Errorf("%+v", c.Stats())
			}
		})
	}
}

func TestRateLimitForEver(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		f, c := newFake(t)
		calls := f.failing(1000, 429, 53)
		for _, want := range []struct {
			calls       int32 // at most
			least, most time.Duration
		}{
			// It may pass: as long as an outage is waited for. Waits are 1, 2, 4 and then 8 s at
			// the least, and 90 s all together: that is 13 of them.
			{14, 60 * time.Second, limitedMost},
			// Waits are 1.5, 3, 6 and 12 s at the most, and each call has its turn at the
			// slowed rate.
			{maxLimited, 14 * time.Second, 24 * time.Second},
			{maxLimited, 14 * time.Second, 24 * time.Second},
		} {
			start, before := time.Now(), calls.Load()
			_, err := c.Contracts(t.Context())
			if n := calls.Load() - before; !errors.Is(err, ErrRateLimited) || n > want.calls || n < maxLimited {
				t.Errorf("%d calls, %v", n, err)
			}
			if d := time.Since(start); d < want.least || d > want.most {
				t.Errorf("took %v", d)
			}
		}
	})
}

// One that gets nothing but rate limit answers while others are answered is not waited
// for as long as for an outage, and what passed long ago does not count.
func TestRateLimitOfOne(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		f, c := newFake(t)
		var over atomic.Bool
		f.api("/contracts", func(w http.ResponseWriter, r *http.Request) {
			if !over.Load() {
				writeJSON(w, 429, apiError(53, "Too many requests"))
				return
			}
			writeJSON(w, 200, []any{})
		})
		var others sync.WaitGroup
		ctx, cancel := context.WithCancel(t.Context())
		others.Go(func() {
			for ctx.Err() == nil {
				_, _ = c.Contract(ctx, "B") // 404, which is an answer
				time.Sleep(time.Second)
			}
		})
		start := time.Now()
		_, err := c.Contracts(t.Context())
		if n := f.count("/api/contracts"); !errors.Is(err, ErrRateLimited) || n != maxLimited || time.Since(start) > 40*time.Second {
			t.Errorf("%d calls in %v, %v", n, time.Since(start), err)
		}
		cancel()
		others.Wait()

		soon, giveUp := context.WithTimeout(t.Context(), 5*time.Second)
		defer giveUp()
		_, _ = c.Contracts(soon)
		time.Sleep(20 * time.Minute)
		begun := time.Now()
		time.AfterFunc(time.Minute, func() { over.Store(true) })
		if _, err := c.Contracts(t.Context()); err != nil {
			t.Errorf("after %v: %v", time.Since(begun), err)
		}
	})
}

// A minute of rate limit answers costs no call its answer.
func TestRateLimitForAMinute(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		f, c := newFake(t)
		start := time.Now()
		f.api("/contracts", func(w http.ResponseWriter, r *http.Request) {
			if time.Since(start) < time.Minute {
				writeJSON(w, 429, apiError(53, "Too many requests"))
				return
			}
			writeJSON(w, 200, []any{})
		})
		var all sync.WaitGroup
		for range 20 {
			all.Go(func() {
				if _, err := c.Contracts(t.Context()); err != nil {
					t.Error(err)
				}
			})
		}
		all.Wait()
		if n := f.count("/api/contracts"); n > 20+60*2 {
			t.Errorf("%d calls", n)
		}
	})
}

func TestNetworkErrorsPass(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		f, c := newFake(t)
		f.answer("/contracts", 200, `[]`)
		var down error = &net.OpError{Op: "dial", Net: "tcp", Err: syscall.ECONNREFUSED}
		f.net.fail.Store(&down)
		time.AfterFunc(time.Second, func() { f.net.fail.Store(nil) })
		if _, err := c.Contracts(t.Context()); err != nil {
			t.Error(err)
		}
		if s := c.Stats(); s.Calls["token"]["network"] == 0 || s.Retries == 0 {
			t.Errorf("%+v", s)
		}
	})
}

func TestNetworkErrorsNamed(t *testing.T) {
	tests := []struct {
		err  error
		want error
		says string
	}{
		{&net.OpError{Op: "dial", Net: "tcp", Err: syscall.ECONNREFUSED}, ErrUnreachable, "connection refused"},
		{&net.DNSError{Err: "no such host", Name: "api.orange.com", IsNotFound: true}, ErrUnreachable, "no such host"},
		{&net.DNSError{Err: "i/o timeout", Name: "api.orange.com", IsTimeout: true}, ErrUnreachable, "timeout"},
		{&net.OpError{Op: "dial", Net: "tcp", Err: syscall.ETIMEDOUT}, ErrTimeout, "timed out"},
		{&net.OpError{Op: "read", Net: "tcp", Err: syscall.ECONNRESET}, ErrUnreachable, "reset"},
	}
	for _, tt := range tests {
		inBubble(t, func(t *testing.T) {
			f, c := newFake(t)
			f.net.fail.Store(&tt.err)
			_, err := c.Contracts(t.Context())
			if !errors.Is(err, tt.want) || !strings.Contains(err.Error(), tt.says) {
				t.Errorf("%v: %v", tt.err, err)
			}
			if n := f.net.dials.Load(); n > maxTries {
				t.Errorf("%v: %d dials", tt.err, n)
			}
		})
	}
}

// A server that accepts and never answers costs one time-out, not four.
func TestNoAnswer(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		f, c := newFake(t)
		f.api("/contracts", func(w http.ResponseWriter, r *http.Request) { <-r.Context().Done() })
		start := time.Now()
		_, err := c.Contracts(t.Context())
		if !errors.Is(err, ErrTimeout) || time.Since(start) != 30*time.Second {
			t.Errorf("%v after %v", err, time.Since(start))
		}
	})
}

func TestCancelDuringTheWait(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		f, c := newFake(t)
		f.failing(1000, 500, 1)
		ctx, cancel := context.WithCancel(t.Context())
		time.AfterFunc(200*time.Millisecond, cancel)
		start := time.Now()
		_, err := c.Contracts(ctx)
		if !errors.Is(err, context.Canceled) || Temporary(err) || time.Since(start) != 200*time.Millisecond {
			t.Errorf("%v after %v", err, time.Since(start))
		}
	})
}

// A listing that breaks on the way is asked for again, from its beginning.
func TestCutListingIsAskedForAgain(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		f, c := newFake(t)
		var calls atomic.Int32
		f.api("/contracts", func(w http.ResponseWriter, r *http.Request) {
			body := `[{"id":"a"},{"id":"b"}]`
			if calls.Add(1) == 1 {
				w.Header().Set("Content-Length", fmt.Sprint(len(body)))
				io.WriteString(w, body[:13])
				http.NewResponseController(w).Flush()
				panic(http.ErrAbortHandler)
			}
			io.WriteString(w, body)
		})
		list, err := c.Contracts(t.Context())
		if err != nil || len(list) != 2 || calls.Load() != 2 {
			t.Errorf("%d calls, %v, %v", calls.Load(), list, err)
		}
	})
}

func TestCutListingForEver(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		f, c := newFake(t)
		f.api("/contracts", func(w http.ResponseWriter, r *http.Request) {
			io.WriteString(w, `[{"id":"a"},`)
			http.NewResponseController(w).Flush()
			panic(http.ErrAbortHandler)
		})
		list, err := c.Contracts(t.Context())
		if !errors.Is(err, ErrUnreachable) || !errors.Is(err, io.ErrUnexpectedEOF) || list != nil {
			t.Errorf("%v, %v", list, err)
		}
		if n := f.count("/api/contracts"); n != maxTries {
			t.Errorf("%d calls", n)
		}
	})
}

// Who waits to be tried again holds no slot.
func TestRetryHoldsNoSlot(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		f, c := newFake(t, func(cfg *Config) { cfg.Connections = 1 })
		f.failing(1000, 500, 1)
		f.answer("/contract", 200, `{"id":"OCB1"}`)
		var wg sync.WaitGroup
		wg.Go(func() { c.Contracts(t.Context()) })
		synctest.Wait() // it waits now
		start := time.Now()
		if _, err := c.Contract(t.Context(), "OCB1"); err != nil || time.Since(start) != 0 {
			t.Errorf("%v after %v", err, time.Since(start))
		}
		wg.Wait()
	})
}

func TestBackoffGrows(t *testing.T) {
	for n, want := range []time.Duration{1: time.Second, 2: 2 * time.Second, 3: 4 * time.Second, 60: backoffMost} {
		if n == 0 || want == 0 {
			continue
		}
		for range 100 {
			if d := backoff(time.Second, n); d < want*79/100 || d > want*121/100 {
				t.Errorf("%d: %v", n, d)
			}
		}
	}
}
