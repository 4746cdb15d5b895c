package apiclient

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"sync"
	"testing"
	"testing/synctest"
	"time"
)

// held is a gate's next layer whose answers stay open until let go.
type held struct {
	mu    sync.Mutex
	names []string
	open  int
	most  int
	leave chan struct{}
}

func (h *held) RoundTrip(req *http.Request) (*http.Response, error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.names = append(h.names, req.URL.Path)
	h.open++
	h.most = max(h.most, h.open)
	return &http.Response{StatusCode: http.StatusOK, Body: &heldBody{h: h}}, nil
}

type heldBody struct {
	h *held
	io.Reader
}

func (b *heldBody) Close() error {
	<-b.h.leave
	b.h.mu.Lock()
	defer b.h.mu.Unlock()
	b.h.open--
	return nil
}

func newTestGate(size int) (*gate, *held) {
	h := &held{leave: make(chan struct{})}
	return &gate{next: h, breaker: newBreaker(time.Minute, time.Minute, slog.New(slog.DiscardHandler)), size: size, holders: map[*waiter]struct{}{}}, h
}

func TestSlots(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		g, h := newTestGate(3)
		var wg sync.WaitGroup
		for range 10 {
			wg.Go(func() { ask(t.Context(), g, "/") })
		}
		synctest.Wait()
		if inFlight, waiting := g.load(); inFlight != 3 || waiting != 7 {
			t.Errorf("%d in flight, %d wait", inFlight, waiting)
		}
		close(h.leave)
		wg.Wait()
		if inFlight, waiting := g.load(); h.most != 3 || len(h.names) != 10 || inFlight != 0 || waiting != 0 {
			t.Errorf("at most %d, %d in all, left %d and %d", h.most, len(h.names), inFlight, waiting)
		}
	})
}

func TestUrgentGoFirstForSlots(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		g, h := newTestGate(1)
		raised := LowPriority()
		var wg sync.WaitGroup
		start := func(name string, u *Priority) {
			wg.Go(func() { ask(WithPriority(t.Context(), u), g, name) })
			synctest.Wait()
		}
		start("/first", LowPriority())
		start("/low1", LowPriority())
		start("/low2", raised)
		start("/urgent", nil)
		raised.Raise()
		close(h.leave)
		wg.Wait()
		// Raised, low2 is as urgent as the other, and came before it.
		if got, want := fmt.Sprint(h.names), "[/first /low2 /urgent /low1]"; got != want {
			t.Errorf("%v, want %v", got, want)
		}
	})
}

// Background requests leave one slot for the urgent; a raised one may take it.
func TestASlotIsKeptForTheUrgent(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		g, h := newTestGate(3)
		list := []*Priority{LowPriority(), LowPriority(), LowPriority(), LowPriority()}
		var wg sync.WaitGroup
		for i, u := range list {
			wg.Go(func() { ask(WithPriority(t.Context(), u), g, fmt.Sprint("/", i)) })
			synctest.Wait()
		}
		want := func(inFlight, waiting int) {
			t.Helper()
			synctest.Wait()
			if a, b := g.load(); a != inFlight || b != waiting {
				t.Errorf("%d in flight, %d wait; want %d, %d", a, b, inFlight, waiting)
			}
		}
		want(2, 2)
		list[3].Raise()
		want(3, 1)
		if h.names[2] != "/3" {
			t.Errorf("%v", h.names)
		}
		close(h.leave)
		wg.Wait()
	})
}

func TestLeavingTheGate(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		g, h := newTestGate(1)
		var wg sync.WaitGroup
		wg.Go(func() { ask(t.Context(), g, "/") })
		synctest.Wait()
		ctx, cancel := context.WithCancel(t.Context())
		wg.Go(func() {
			if err := ask(ctx, g, "/gone"); !errors.Is(err, context.Canceled) {
				t.Error(err)
			}
		})
		synctest.Wait()
		cancel()
		close(h.leave)
		wg.Wait()
		ask(t.Context(), g, "/")
		if inFlight, waiting := g.load(); inFlight != 0 || waiting != 0 || len(h.names) != 2 {
			t.Errorf("%d, %d, %v", inFlight, waiting, h.names)
		}
	})
}

// A body that is not closed keeps its slot; one that is closed twice gives one.
func TestSlotUntilTheBodyIsClosed(t *testing.T) {
	f, c := newFake(t, func(cfg *Config) { cfg.Connections = 2 })
	f.api("/documents/d/file", func(w http.ResponseWriter, r *http.Request) { io.WriteString(w, "bytes") })
	get := func() *File {
		t.Helper()
		file, err := c.File(t.Context(), FileRequest{ContractID: "OCB1", DocumentID: "d"})
		if err != nil {
			t.Fatal(err)
		}
		return file
	}
	a, b := get(), get()
	if n := c.Stats().InFlight; n != 2 {
		t.Errorf("%d in flight", n)
	}
	a.Body.Close()
	a.Body.Close()
	if n := c.Stats().InFlight; n != 1 {
		t.Errorf("%d in flight", n)
	}
	io.ReadAll(b.Body)
	if n := c.Stats().InFlight; n != 1 {
		t.Errorf("%d in flight after the end, before Close", n)
	}
	b.Body.Close()
}
