package apiclient

import (
	"context"
	"errors"
	"io"
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
	mu    sync.Mutex
	err   error
	wait  time.Duration
	calls int
}

func (s *scripted) RoundTrip(req *http.Request) (*http.Response, error) {
	s.mu.Lock()
	s.calls++
	err, wait := s.err, s.wait
	s.mu.Unlock()
	callOf(req).started = time.Now()
	time.Sleep(wait)
	if err != nil {
		var e *Error
		if errors.As(err, &e) {
			again := *e // as the layer below makes a new one each time
			err = &again
		}
		return nil, err
	}
	return &http.Response{StatusCode: http.StatusOK, Body: http.NoBody}, nil
}

func (s *scripted) set(err error, wait time.Duration) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.err, s.wait = err, wait
}

func (s *scripted) count() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.calls
}

const testPatience = 90 * time.Second

// newTestBreaker returns a breaker and the layers that it makes around next.
func newTestBreaker(next http.RoundTripper) (*breaker, http.RoundTripper) {
	b := newBreaker(30*time.Second, testPatience, slog.New(slog.DiscardHandler))
	return b, &door{next: &guard{next: next, breaker: b}, breaker: b}
}

// answered is a breaker that has met the API once.
func answered(t *testing.T, next *scripted) (*breaker, http.RoundTripper) {
	t.Helper()
	b, layers := newTestBreaker(next)
	if err := ask(t.Context(), layers, "/"); err != nil {
		t.Fatal(err)
	}
	return b, layers
}

// briefly asks without waiting.
func briefly(t *testing.T, layer http.RoundTripper) error {
	ctx, cancel := context.WithTimeout(t.Context(), time.Millisecond)
	defer cancel()
	return ask(ctx, layer, "/")
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
		{"unreachable", &Error{kind: ErrUnreachable}, 4},
		{"time-out", &Error{kind: ErrTimeout}, 3},
		{"page of a gateway", &Error{kind: ErrServer, Status: 502}, 4},
		{"error of the API", &Error{kind: ErrServer, Status: 500, Code: 1}, 12},
		{"408", &Error{kind: ErrServer, Status: 408, Code: 63}, 12},
		{"not found", &Error{kind: ErrNotFound, Status: 404}, 0},
		{"refused", &Error{kind: ErrForbidden, Status: 403}, 0},
		{"rate limit", &Error{kind: ErrRateLimited, Status: 429}, 0},
		{"canceled", canceled, 0},
		{"deadline of the caller", late, 0},
		{"well", nil, 0},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			inBubble(t, func(t *testing.T) {
				next := &scripted{err: tt.err}
				_, layers := newTestBreaker(next)
				for range 50 {
					briefly(t, layers)
				}
				want := tt.want
				if want == 0 {
					want = 50
				}
				if strings.Contains(tt.name, "time-out") {
					want++ // who timed out has waited long enough: the probe goes at once
				}
				if next.count() != want {
					t.Errorf("%d requests passed, want %d", next.count(), want)
				}
			})
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
	_, layers := newTestBreaker(next)
	for i := range 100 {
		next.err = &Error{kind: ErrUnreachable}
		if i%4 == 3 {
			next.err = nil
		}
		ask(t.Context(), layers, "/")
	}
	if next.calls != 100 {
		t.Errorf("%d requests passed", next.calls)
	}
}

// A document that breaks the connection of whoever reads it is not the API: its
// reader waits, once, and nobody else for longer than until the next probe.
func TestOneCallAloneDoesNotOpen(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		f, c := newFake(t)
		f.answer("/contracts", 200, `[]`)
		f.api("/documents/bad/file", func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) })
		f.api("/documents/good/file", func(w http.ResponseWriter, _ *http.Request) { io.WriteString(w, "bytes") })
		c.Contracts(t.Context())
		done := make(chan struct{})
		go func() {
			defer close(done)
			start := time.Now()
			if _, err := c.File(t.Context(), FileRequest{ContractID: "OCB1", DocumentID: "bad"}); !errors.Is(err, ErrUnreachable) {
				t.Error(err)
			}
			if d := time.Since(start); d > testPatience+probeMoment {
				t.Errorf("its own reader waited %v", d)
			}
		}()
		for range 20 {
			time.Sleep(6 * time.Second)
			start := time.Now()
			if _, err := c.Contracts(t.Context()); err != nil || time.Since(start) > 0 {
				t.Errorf("%v after %v", err, time.Since(start))
			}
			for _, contract := range []string{"OCB2", "OCB1"} {
				file, err := c.File(t.Context(), FileRequest{ContractID: contract, DocumentID: "good"})
				if err != nil {
					t.Fatal(err)
				}
				file.Body.Close()
				if d := time.Since(start); d > probeSilent || contract == "OCB2" && d > 0 {
					t.Errorf("%s waited %v", contract, d)
				}
			}
		}
		<-done
		if s := c.Stats(); s.Breaker != "closed" || s.Calls["file"]["network"] > 20 {
			t.Errorf("%+v", s)
		}
	})
}

// Who leaves says nothing about the API, and does not take the probe along: all
// who wait get what it finds.
func TestProbeBelongsToNobody(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		next := &scripted{}
		b, layers := answered(t, next)
		next.set(&Error{kind: ErrUnreachable}, 0)
		for range 4 {
			ask(t.Context(), layers, "/")
		}
		next.set(nil, 10*time.Second)
		time.Sleep(probeFirst)
		ctx, cancel := context.WithCancel(t.Context())
		var wg sync.WaitGroup
		wg.Go(func() {
			if err := ask(ctx, layers, "/"); !errors.Is(err, context.Canceled) {
				t.Error(err)
			}
		})
		synctest.Wait()
		before := next.count()
		for range 10 {
			wg.Go(func() {
				if err := ask(t.Context(), layers, "/"); err != nil {
					t.Error(err)
				}
			})
		}
		time.Sleep(time.Second)
		cancel()
		next.set(nil, 0)
		time.Sleep(probeSilent - 1500*time.Millisecond)
		if n := next.count(); n != before {
			t.Errorf("%d requests beside the probe", n-before)
		}
		wg.Wait()
		var s Stats
		if b.report(&s); s.Breaker != "closed" || s.Rejected != 0 || s.Waited != 10 || s.OutageWait == 0 {
			t.Errorf("%+v", s)
		}
		time.Sleep(time.Minute) // the first probe is answered, and nobody wants it
		b.stop()
	})
}

// Probes go at a tenth of the time that the outage has lasted, and a call that
// comes when it has lasted long fails at once.
func TestBreakerProbesAndRecovers(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		next := &scripted{}
		b, layers := answered(t, next)
		next.set(&Error{Op: "file", kind: ErrUnreachable, Message: "no route to host"}, 0)
		start := time.Now()
		var passed []time.Duration
		for time.Since(start) < 30*time.Minute {
			before := next.count()
			err := briefly(t, layers)
			synctest.Wait()
			switch {
			case next.count() > before:
				passed = append(passed, time.Since(start))
			case time.Since(start) > testPatience:
				if !errors.Is(err, ErrUnreachable) || !strings.Contains(err.Error(), "no route to host") || !strings.Contains(err.Error(), "next try at") {
					t.Fatal(err)
				}
			case !errors.Is(err, context.DeadlineExceeded):
				t.Fatal("not waited for:", err)
			}
			time.Sleep(99 * time.Millisecond)
		}
		for i := 4; i < len(passed); i++ {
			want := min(max(passed[i-1]/10, probeFirst), probeMost)
			if gap := passed[i] - passed[i-1]; gap < want || gap > want+100*time.Millisecond {
				t.Errorf("passed at %v", passed)
				break
			}
		}
		var s Stats
		if b.report(&s); s.Breaker != "open" || s.BreakerSince.Sub(start) > time.Second || s.NextTry.Before(time.Now()) || s.Rejected == 0 {
			t.Errorf("%+v", s)
		}
		next.set(nil, 0)
		time.Sleep(probeMost)
		for range 3 {
			if err := ask(t.Context(), layers, "/"); err != nil {
				t.Error("not recovered:", err)
			}
		}
		s = Stats{}
		if b.report(&s); s.Breaker != "closed" || !s.NextTry.IsZero() {
			t.Errorf("%+v", s)
		}
	})
}

// An outage that has lasted longer than anybody's patience is over as soon as
// one asks: whoever comes with the probe waits for what it finds.
func TestFirstListingAfterALongOutage(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		f, c := newFake(t)
		f.answer("/contracts", 200, `[]`)
		f.answer("/documents", 200, `[]`)
		c.Contracts(t.Context())
		c.transport.CloseIdleConnections()
		var down error = &net.OpError{Op: "dial", Net: "tcp", Err: syscall.ECONNREFUSED}
		f.net.fail.Store(&down)
		c.Contracts(t.Context())
		time.Sleep(10 * time.Minute)
		f.net.fail.Store(nil)
		var wg sync.WaitGroup
		ctx, cancel := context.WithCancel(t.Context())
		defer cancel()
		for range 7 {
			wg.Go(func() {
				if _, err := c.Documents(ctx, "OCB1", DocumentsQuery{}); err != nil {
					cancel() // as an errgroup does
					t.Error(err)
				}
			})
		}
		wg.Wait()
	})
}

// A probe that gets no answer is not the last: the server it was sent to may be
// gone for good while another one answers.
func TestSilentProbeIsNotTheLast(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		next := &scripted{}
		b, layers := answered(t, next)
		next.set(&Error{kind: ErrUnreachable}, 0)
		for range 4 {
			ask(t.Context(), layers, "/")
		}
		next.set(&Error{kind: ErrTimeout}, 30*time.Second)
		go ask(t.Context(), layers, "/")
		time.Sleep(5 * time.Second)
		next.set(nil, 0)
		start := time.Now()
		if err := ask(t.Context(), layers, "/"); err != nil || time.Since(start) > probeSilent {
			t.Errorf("%v after %v", err, time.Since(start))
		}
		time.Sleep(time.Minute) // the silent one times out, and says nothing any more
		var s Stats
		if b.report(&s); s.Breaker != "closed" {
			t.Errorf("%+v", s)
		}
	})
}

// Answers to requests sent before it opened change nothing.
func TestLateAnswers(t *testing.T) {
	for name, late := range map[string]error{"good": nil, "bad": &Error{kind: ErrUnreachable}} {
		t.Run(name, func(t *testing.T) {
			inBubble(t, func(t *testing.T) {
				next := &scripted{}
				b, layers := answered(t, next)
				var wg sync.WaitGroup
				for i := range 8 {
					next.set(late, time.Duration(600+100*i)*time.Millisecond)
					wg.Go(func() { ask(t.Context(), layers, "/") })
					synctest.Wait()
				}
				next.set(&Error{kind: ErrUnreachable}, 0)
				for range 4 {
					ask(t.Context(), layers, "/")
				}
				var before, after Stats
				b.report(&before)
				time.Sleep(probeFirst / 2)
				wg.Wait()
				calls := next.count()
				b.report(&after)
				if after.Breaker == "closed" || !after.BreakerSince.Equal(before.BreakerSince) {
					t.Errorf("%+v, then %+v", before, after)
				}
				if err := briefly(t, layers); err == nil || next.count() != calls+1 {
					t.Errorf("no probe: %v", err)
				}
			})
		})
	}
}

// One contract whose listing fails for ever harms no other, nor its own documents.
func TestFailingContractHarmsNoOther(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		f, c := newFake(t)
		f.api("/documents", func(w http.ResponseWriter, r *http.Request) {
			if r.Header.Get(headerContract) == "BAD" {
				writeJSON(w, 500, apiError(1, "Internal error"))
				return
			}
			w.Write([]byte(`[]`))
		})
		f.api("/documents/d/file", func(w http.ResponseWriter, r *http.Request) { w.Write([]byte("bytes")) })
		start := time.Now()
		var wg sync.WaitGroup
		for range 7 {
			wg.Go(func() {
				if _, err := c.Documents(t.Context(), "BAD", DocumentsQuery{}); !errors.Is(err, ErrServer) {
					t.Error(err)
				}
			})
		}
		synctest.Wait()
		for time.Since(start) < 10*time.Minute {
			before := time.Now()
			if _, err := c.Documents(t.Context(), "GOOD", DocumentsQuery{}); err != nil {
				t.Fatal(err)
			}
			file, err := c.File(t.Context(), FileRequest{ContractID: "BAD", DocumentID: "d"})
			if err != nil {
				t.Fatal(err)
			}
			file.Body.Close()
			if d := time.Since(before); d != 0 {
				t.Fatalf("waited %v", d)
			}
			time.Sleep(time.Second)
			wg.Go(func() { c.Documents(t.Context(), "BAD", DocumentsQuery{}) })
		}
		wg.Wait()
		if s := c.Stats(); s.Breaker != "closed" || s.Calls["documents"]["server"] > 130 {
			t.Errorf("%+v", s)
		}
	})
}

// While the API is away few requests are sent however many calls there are, they
// wait no longer than their patience, and all is well again by itself.
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
		start := time.Now()
		var wg sync.WaitGroup
		// Below the 255 goroutines that the race detector follows at once: above, it
		// takes places away from running ones, and was seen to end the process by a
		// failed check of its own (tsan_rtl.cpp, SlotDetach).
		const storm = 200
		for range storm {
			wg.Go(func() {
				if _, err := c.Contracts(t.Context()); !errors.Is(err, ErrUnreachable) {
					t.Error(err)
				}
			})
		}
		time.Sleep(time.Second)
		// As many as there are slots were on their way; each of the failures before the
		// one that opens the circuit may have let one more in; and two probes.
		if n := f.net.dials.Load(); n > 16+(circuitLimit/weightNetwork-1)+2 {
			t.Errorf("%d calls dialled %d times in the first second", storm, n)
		}
		wg.Wait()
		if n := f.net.dials.Load(); n > 16+45 {
			t.Errorf("%d calls dialled %d times", storm, n)
		}
		if d := time.Since(start); d < testPatience || d > testPatience+probeMoment {
			t.Errorf("they waited %v", d)
		}
		if n := len(c.Stats().Errors); n == 0 || n > keptFailures {
			t.Errorf("%d failures kept", n)
		}
		start = time.Now()
		c.Contracts(t.Context())
		if time.Since(start) != 0 {
			t.Errorf("waited %v", time.Since(start))
		}
		f.net.fail.Store(nil)
		time.Sleep(probeMost)
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

// What was never reached is not waited for: it may be a wrong address.
func TestNoPatienceWithAStranger(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		f, c := newFake(t)
		var down error = &net.OpError{Op: "dial", Net: "tcp", Err: syscall.ECONNREFUSED}
		f.net.fail.Store(&down)
		for range 3 {
			start := time.Now()
			if _, err := c.Contracts(t.Context()); !errors.Is(err, ErrUnreachable) || time.Since(start) > patienceFirst+time.Second {
				t.Errorf("%v after %v", err, time.Since(start))
			}
		}
		if n := f.net.dials.Load(); n > 10 {
			t.Errorf("%d dials", n)
		}
	})
}

// The token endpoint has a circuit of its own: with a token in hand the API goes
// on while it is away, and the reverse.
func TestBreakerAndToken(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		f, c := newFake(t)
		f.answer("/contracts", 200, `[]`)
		away := true
		f.onToken(func(w http.ResponseWriter, r *http.Request) {
			if away {
				w.WriteHeader(http.StatusBadGateway)
				return
			}
			writeJSON(w, 200, map[string]any{"access_token": testToken, "expires_in": 3600})
		})
		var wg sync.WaitGroup
		for range 5 {
			wg.Go(func() {
				if _, err := c.Contracts(t.Context()); !errors.Is(err, ErrServer) && !errors.Is(err, ErrUnreachable) {
					t.Error(err)
				}
			})
		}
		wg.Wait()
		if f.count("/api/contracts") != 0 || c.breaker.api.score != 0 {
			t.Errorf("%+v", c.Stats())
		}
		away = false
		time.Sleep(probeMost)
		if _, err := c.Contracts(t.Context()); err != nil {
			t.Error(err)
		}
		away = true
		for range 100 {
			time.Sleep(36 * time.Second) // beyond the end of the token
			if _, err := c.Contracts(t.Context()); err != nil {
				if s := c.Stats(); time.Now().Before(s.TokenExpires) {
					t.Errorf("%v, though the token is good until %v", err, s.TokenExpires)
				}
			}
		}
		away = false
		time.Sleep(probeMost)
		if _, err := c.Contracts(t.Context()); err != nil {
			t.Error(err)
		}
	})
}

// Close ends a probe.
func TestCloseEndsAProbe(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		f, c := newFake(t)
		f.answer("/contracts", 200, `[]`)
		c.Contracts(t.Context())
		c.transport.CloseIdleConnections()
		var down error = &net.OpError{Op: "dial", Net: "tcp", Err: syscall.ECONNREFUSED}
		f.net.fail.Store(&down)
		f.api("/contract", func(_ http.ResponseWriter, r *http.Request) { <-r.Context().Done() })
		ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
		defer cancel()
		c.Contracts(ctx)
		f.net.fail.Store(nil)
		time.Sleep(2 * time.Second)
		done := make(chan error)
		go func() {
			_, err := c.Contract(t.Context(), "OCB1")
			done <- err
		}()
		synctest.Wait()
		if s := c.Stats(); s.Breaker != "half-open" {
			t.Errorf("%+v", s)
		}
		start := time.Now()
		c.Close()
		if err := <-done; err == nil || time.Since(start) != 0 {
			t.Errorf("%v after %v", err, time.Since(start))
		}
	})
}

// The body of a probe is its caller's like any other: it ends with the caller's
// context, and its slot is free when it is closed. If the caller left before the
// answer came, nothing of it stays.
func TestBodyOfAProbe(t *testing.T) {
	for _, leaves := range []bool{false, true} {
		inBubble(t, func(t *testing.T) {
			f, c := newFake(t)
			f.answer("/contracts", 200, `[]`)
			f.api("/documents/d/file", func(w http.ResponseWriter, r *http.Request) {
				time.Sleep(time.Second)
				io.WriteString(w, "first")
				http.NewResponseController(w).Flush()
				<-r.Context().Done()
			})
			c.Contracts(t.Context())
			c.transport.CloseIdleConnections()
			var down error = &net.OpError{Op: "dial", Net: "tcp", Err: syscall.ECONNREFUSED}
			f.net.fail.Store(&down)
			impatient, enough := context.WithTimeout(t.Context(), 10*time.Second)
			defer enough()
			c.Contracts(impatient)
			f.net.fail.Store(nil)
			time.Sleep(5 * time.Second)
			ctx, cancel := context.WithCancel(t.Context())
			defer cancel()
			if leaves {
				time.AfterFunc(500*time.Millisecond, cancel)
			}
			file, err := c.File(ctx, FileRequest{ContractID: "OCB1", DocumentID: "d"})
			if leaves {
				if !errors.Is(err, context.Canceled) {
					t.Error(err)
				}
			} else if err != nil {
				t.Fatal(err)
			} else {
				time.AfterFunc(time.Second, cancel)
				got, err := io.ReadAll(file.Body)
				if string(got) != "first" || !errors.Is(err, context.Canceled) || Temporary(err) {
					t.Errorf("%q, %v", got, err)
				}
				file.Body.Close()
			}
			time.Sleep(2 * time.Second)
			if s := c.Stats(); s.InFlight != 0 || s.Breaker != "closed" || s.Probes == 0 {
				t.Errorf("%+v", s)
			}
		})
	}
}

// A server that sends headers and never a body costs a time-out, not for ever.
func TestHeadersAndNoBody(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		f, c := newFake(t)
		f.answer("/contract", 200, `{"id":"OCB1"}`)
		f.api("/contracts", func(w http.ResponseWriter, r *http.Request) {
			http.NewResponseController(w).Flush()
			<-r.Context().Done()
		})
		c.Contract(t.Context(), "OCB1")
		var wg sync.WaitGroup
		start := time.Now()
		for range 20 {
			wg.Go(func() {
				if _, err := c.Contracts(t.Context()); !errors.Is(err, ErrTimeout) {
					t.Error(err)
				}
			})
		}
		wg.Wait()
		if d := time.Since(start); d > 2*c.cfg.Timeout || f.count("/api/contracts") > 2*20 {
			t.Errorf("%d calls, %v", f.count("/api/contracts"), d)
		}
	})
}
