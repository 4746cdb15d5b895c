package apiclient

import (
	"context"
	"fmt"
	"net"
	"net/http"
	"slices"
	"sync"
	"testing"
	"time"
)

// arrivals is when requests came to a server.
type arrivals struct {
	mu    sync.Mutex
	times []time.Time
}

func (a *arrivals) note() {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.times = append(a.times, time.Now())
}

// worst is the most requests in any second.
func (a *arrivals) worst() (most int) {
	a.mu.Lock()
	defer a.mu.Unlock()
	slices.SortFunc(a.times, time.Time.Compare)
	for i, from := range a.times {
		n, _ := slices.BinarySearchFunc(a.times, from.Add(time.Second), time.Time.Compare)
		most = max(most, n-i)
	}
	return most
}

// standing holds up who passes until a moment, as what stops a whole process does.
type standing struct {
	next  http.RoundTripper
	until time.Time
}

func (s *standing) RoundTrip(req *http.Request) (*http.Response, error) {
	time.Sleep(time.Until(s.until))
	return s.next.RoundTrip(req)
}

// apace are settings with the default rate, and an API that notes each call but those
// for tokens.
func apace(t *testing.T, change ...func(*Config)) (*fake, *Client, *arrivals) {
	t.Helper()
	f, c := newFake(t, append(change, func(cfg *Config) { cfg.RateLimit = DefaultConfig().RateLimit })...)
	var came arrivals
	f.HandleFunc("/api/", func(w http.ResponseWriter, _ *http.Request) {
		came.note()
		writeJSON(w, 200, []any{})
	})
	return f, c, &came
}

// askForMany makes calls, all at once.
func askForMany(t *testing.T, c *Client, n int) {
	t.Helper()
	var wg sync.WaitGroup
	for i := range n {
		wg.Go(func() {
			if _, err := c.Documents(t.Context(), fmt.Sprint("OCB", i), DocumentsQuery{Type: "bills", Limit: 10}); err != nil {
				t.Error(err)
			}
		})
	}
	wg.Wait()
}

// A process that is stopped (SIGSTOP), or a machine that sleeps, between the turn of a
// request and its sending does not send all of them at once when it goes on.
func TestTurnsOfAStoppedProcessAreTakenAnew(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		_, c, came := apace(t)
		if _, err := c.Contracts(t.Context()); err != nil { // with a token
			t.Fatal(err)
		}
		g := c.wire.next.(*guard)
		g.next = &standing{next: g.next, until: time.Now().Add(3 * time.Second)}
		askForMany(t, c, 80)
		if n := came.worst(); n > 25 {
			t.Errorf("%d calls in one second", n)
		}
	})
}

// So it is where connections take long to come about, and then all come at once.
func TestTurnsThatWaitedForAConnectionAreTakenAnew(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		f, c, came := apace(t)
		if _, err := c.Contracts(t.Context()); err != nil { // with a token, and one connection
			t.Fatal(err)
		}
		open := time.Now().Add(3 * time.Second)
		dial := c.transport.DialContext
		c.transport.DialContext = func(ctx context.Context, network, addr string) (net.Conn, error) {
			time.Sleep(time.Until(open))
			return dial(ctx, network, addr)
		}
		c.transport.CloseIdleConnections()
		askForMany(t, c, 80)
		if n := came.worst(); n > 25 {
			t.Errorf("%d calls in one second, over %d connections", n, f.net.dials.Load())
		}
	})
}

// Each redirect within the API is a call of it.
func TestRedirectsWithinTheAPITakeTurns(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		f, c, came := apace(t)
		f.HandleFunc("/api/documents/{id}/file", func(w http.ResponseWriter, r *http.Request) {
			came.note()
			if r.URL.Query().Get("again") == "" {
				http.Redirect(w, r, r.URL.Path+"?again=1", http.StatusFound)
				return
			}
			w.Write([]byte("%PDF-"))
		})
		var wg sync.WaitGroup
		for i := range 60 {
			wg.Go(func() {
				file, err := c.File(t.Context(), FileRequest{ContractID: "OCB1", DocumentID: fmt.Sprint(i)})
				if err != nil {
					t.Error(err)
					return
				}
				file.Body.Close()
			})
		}
		wg.Wait()
		if n := came.worst(); n > 25 {
			t.Errorf("%d calls in one second", n)
		}
	})
}

// Who leaves while its turn is taken anew sends nothing, and leaves nothing behind.
func TestLeavingWhileATurnIsTakenAnew(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		_, c, came := apace(t)
		if _, err := c.Contracts(t.Context()); err != nil {
			t.Fatal(err)
		}
		time.Sleep(time.Minute)
		g := c.wire.next.(*guard)
		next, until := g.next, time.Now().Add(3*time.Second)
		g.next = &standing{next: next, until: until}
		ctx, cancel := context.WithDeadline(t.Context(), until.Add(time.Second))
		defer cancel()
		time.AfterFunc(time.Second, func() { c.wire.slow(c.wire.clock(), 30*time.Second) })
		before := len(came.times)
		if _, err := c.Contracts(ctx); err == nil || time.Now().After(until.Add(2*time.Second)) {
			t.Errorf("did not leave: %v", err)
		}
		if n := len(came.times) - before; n != 0 {
			t.Errorf("%d calls without a turn", n)
		}
		g.next = next
		if _, err := c.Contracts(t.Context()); err != nil {
			t.Error(err)
		}
	})
}

// Waiting for another turn is no time that the API took.
func TestWaitingForATurnIsNoTimeOut(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		_, c, _ := apace(t, func(cfg *Config) { cfg.Timeout = 4 * time.Second })
		if _, err := c.Contracts(t.Context()); err != nil {
			t.Fatal(err)
		}
		g := c.wire.next.(*guard)
		g.next = &standing{next: g.next, until: time.Now().Add(3 * time.Second)}
		time.AfterFunc(time.Second, func() { c.wire.slow(c.wire.clock(), 30*time.Second) })
		before := time.Now()
		if _, err := c.Contracts(t.Context()); err != nil {
			t.Errorf("after %v: %v", time.Since(before), err)
		}
		if n := c.Stats().Retries; n != 0 {
			t.Errorf("%d tries more", n)
		}
	})
}
