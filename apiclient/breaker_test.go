package apiclient

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"strings"
	"sync"
	"syscall"
	"testing"
	"testing/synctest"
	"time"
)

// scripted is a breaker's next layer that fails as told.
type scripted struct {
	err   error
	wait  time.Duration
	calls int
	mu    sync.Mutex
}

func (s *scripted) RoundTrip(req *http.Request) (*http.Response, error) {
	s.mu.Lock()
	s.calls++
	err := s.err
	s.mu.Unlock()
	time.Sleep(s.wait)
	if err != nil {
		return nil, err
	}
	return &http.Response{StatusCode: http.StatusOK, Body: http.NoBody}, nil
}

func newTestBreaker(next http.RoundTripper) *breaker {
	return newBreaker(next, slog.New(slog.DiscardHandler))
}

func TestBreakerOpens(t *testing.T) {
	canceled := (&call{}).left(canceledContext())
	passed, cancel := context.WithTimeout(t.Context(), 0)
	defer cancel()
	late := (&call{}).left(passed)
	tests := []struct {
		name string
		err  error
		want int // requests until it opens, 0: never
	}{
		{"unreachable", &Error{kind: ErrUnreachable}, 5},
		{"time-out", &Error{kind: ErrTimeout}, 3},
		{"server", &Error{kind: ErrServer}, 12},
		{"not found", &Error{kind: ErrNotFound}, 0},
		{"refused", &Error{kind: ErrForbidden}, 0},
		{"rate limit", &Error{kind: ErrRateLimited}, 0},
		{"canceled", canceled, 0},
		{"deadline of the caller", late, 0},
		{"well", nil, 0},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			next := &scripted{err: tt.err}
			b := newTestBreaker(next)
			for range 50 {
				ask(t.Context(), b, "/")
			}
			want := tt.want
			if want == 0 {
				want = 50
			}
			if next.calls != want {
				t.Errorf("%d requests passed, want %d", next.calls, want)
			}
		})
	}
}

func canceledContext() context.Context {
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	return ctx
}

func TestBreakerCountsFailuresInARow(t *testing.T) {
	next := &scripted{}
	b := newTestBreaker(next)
	for i := range 100 {
		next.err = &Error{kind: ErrUnreachable}
		if i%5 == 4 {
			next.err = nil
		}
		ask(t.Context(), b, "/")
	}
	if next.calls != 100 {
		t.Errorf("%d requests passed", next.calls)
	}
}

// The caller who leaves says nothing about the API: not a failure, nor a sign
// that it is there again.
func TestCallerWhoLeavesDoesNotClose(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		next := &scripted{err: &Error{kind: ErrUnreachable}}
		b := newTestBreaker(next)
		for range 10 {
			ask(t.Context(), b, "/")
		}
		time.Sleep(breakerFirst)
		next.err = (&call{}).left(canceledContext())
		ask(t.Context(), b, "/")
		var s Stats
		if b.report(&s); s.Breaker != "half-open" {
			t.Errorf("%+v", s)
		}
	})
}

func TestBreakerProbesAndRecovers(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		next := &scripted{err: &Error{Op: "file", kind: ErrUnreachable, Message: "no route to host"}}
		b := newTestBreaker(next)
		start := time.Now()
		var passed []time.Duration
		for time.Since(start) < 5*time.Minute {
			before := next.calls
			err := ask(t.Context(), b, "/")
			if next.calls > before {
				passed = append(passed, time.Since(start))
			} else if !errors.Is(err, ErrUnreachable) || !strings.Contains(err.Error(), "no route to host") || !strings.Contains(err.Error(), "next try at") {
				t.Fatal(err)
			}
			time.Sleep(100 * time.Millisecond)
		}
		want := "[0s 100ms 200ms 300ms 400ms 1.4s 3.4s 7.4s 15.4s 31.4s 1m3.4s 2m3.4s 3m3.4s 4m3.4s]"
		if got := fmt.Sprint(passed); got != want {
			t.Errorf("passed at %v, want %v", got, want)
		}
		var s Stats
		if b.report(&s); s.Breaker != "open" || !s.BreakerSince.Equal(start.Add(400*time.Millisecond)) || s.NextTry.Before(time.Now()) || s.Rejected == 0 {
			t.Errorf("%+v", s)
		}
		next.err = nil
		time.Sleep(breakerMost)
		for range 3 {
			if err := ask(t.Context(), b, "/"); err != nil {
				t.Error("not recovered:", err)
			}
		}
		s = Stats{}
		if b.report(&s); s.Breaker != "closed" || !s.NextTry.IsZero() {
			t.Errorf("%+v", s)
		}
	})
}

func TestOneProbeAtATime(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		next := &scripted{err: &Error{kind: ErrTimeout}}
		b := newTestBreaker(next)
		for range 3 {
			ask(t.Context(), b, "/")
		}
		time.Sleep(breakerFirst)
		next.wait, next.err = 10*time.Second, nil
		var wg sync.WaitGroup
		wg.Go(func() { ask(t.Context(), b, "/") })
		synctest.Wait()
		start := time.Now()
		for range 10 {
			if err := ask(t.Context(), b, "/"); !errors.Is(err, ErrUnreachable) {
				t.Error(err)
			}
		}
		if next.calls != 4 || time.Since(start) != 0 {
			t.Errorf("%d requests passed, %v", next.calls, time.Since(start))
		}
		wg.Wait()
	})
}

// While the API is away calls fail at once, with few requests however many
// calls there are, and all is well again by itself.
func TestStormAgainstADeadAPI(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		f, c := newFake(t)
		f.answer("/contracts", 200, `[]`)
		if _, err := c.Contracts(t.Context()); err != nil {
			t.Fatal(err)
		}
		c.transport.CloseIdleConnections()
		var down error = &net.OpError{Op: "dial", Net: "tcp", Err: syscall.ENETUNREACH}
		f.net.fail.Store(&down)
		f.net.dials.Store(0)
		var wg sync.WaitGroup
		for range 500 {
			wg.Go(func() {
				if _, err := c.Contracts(t.Context()); !errors.Is(err, ErrUnreachable) {
					t.Error(err)
				}
			})
		}
		wg.Wait()
		if n := f.net.dials.Load(); n > 20 {
			t.Errorf("500 calls dialled %d times", n)
		}
		if n := len(c.Stats().Errors); n == 0 || n > keptFailures {
			t.Errorf("%d failures kept", n)
		}
		start := time.Now()
		c.Contracts(t.Context())
		if time.Since(start) != 0 {
			t.Errorf("waited %v", time.Since(start))
		}
		f.net.fail.Store(nil)
		time.Sleep(breakerMost)
		if _, err := c.Contracts(t.Context()); err != nil {
			t.Error("not recovered:", err)
		}
		for _, say := range []string{"API out of reach", "API in reach again"} {
			if !strings.Contains(f.logged(), say) {
				t.Errorf("%q is not in the log", say)
			}
		}
	})
}

// The endpoint of the token counts too, and the probe may need a token first.
func TestBreakerAndToken(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		f, c := newFake(t)
		f.answer("/contracts", 200, `[]`)
		var down error = &net.OpError{Op: "dial", Net: "tcp", Err: syscall.ECONNREFUSED}
		f.net.fail.Store(&down)
		for range 3 {
			c.Contracts(t.Context())
		}
		if s := c.Stats(); s.Breaker != "open" {
			t.Errorf("%+v", s)
		}
		f.net.fail.Store(nil)
		time.Sleep(breakerMost)
		if _, err := c.Contracts(t.Context()); err != nil {
			t.Error(err)
		}
	})
}
