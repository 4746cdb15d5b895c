package apiclient

import (
	"context"
	"fmt"
	"net/http"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"pgregory.net/rapid"
)

// passed is a pacer's next layer that notes when each request went.
type passed struct {
	mu    sync.Mutex
	start time.Time
	names []string
	times []time.Duration
	err   error
}

func (p *passed) RoundTrip(req *http.Request) (*http.Response, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.names = append(p.names, req.URL.Path)
	p.times = append(p.times, time.Since(p.start).Round(time.Millisecond))
	if p.err != nil {
		return nil, p.err
	}
	return &http.Response{StatusCode: http.StatusOK, Body: http.NoBody}, nil
}

// ask sends a request of that name through the layer.
func ask(ctx context.Context, layer http.RoundTripper, name string) error {
	req, err := http.NewRequestWithContext(withCall(ctx, &call{op: opFile}), http.MethodGet, "http://localhost"+name, nil)
	if err != nil {
		return err
	}
	resp, err := layer.RoundTrip(req)
	if err == nil {
		resp.Body.Close()
	}
	return err
}

func TestRate(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		next := &passed{start: time.Now()}
		p := newPacer(next, 10, 3)
		var wg sync.WaitGroup
		for range 8 {
			wg.Go(func() { ask(t.Context(), p, "/") })
		}
		wg.Wait()
		want := "[0s 0s 0s 100ms 200ms 300ms 400ms 500ms]"
		if got := fmt.Sprint(next.times); got != want {
			t.Errorf("went at %v, want %v", got, want)
		}
		if _, waited, _ := p.load(); waited.Round(time.Millisecond) != 500*time.Millisecond { // not the sum of who waited beside whom
			t.Errorf("waited %v", waited)
		}
	})
}

func TestUrgentGoFirstForTheRate(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		next := &passed{start: time.Now()}
		p := newPacer(next, 1, 1)
		raised := LowPriority()
		var wg sync.WaitGroup
		start := func(name string, u *Priority) {
			wg.Go(func() { ask(WithPriority(t.Context(), u), p, name) })
			synctest.Wait()
		}
		start("/first", nil)
		start("/low1", LowPriority())
		start("/low2", raised)
		start("/urgent", nil)
		time.Sleep(1500 * time.Millisecond) // urgent has gone
		raised.Raise()
		raised.Raise()
		wg.Wait()
		if got, want := fmt.Sprint(next.names), "[/first /urgent /low2 /low1]"; got != want {
			t.Errorf("%v, want %v", got, want)
		}
	})
}

func TestLeavingTheRateQueue(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		next := &passed{start: time.Now()}
		p := newPacer(next, 1, 1)
		ask(t.Context(), p, "/")
		ctx, cancel := context.WithTimeout(t.Context(), 300*time.Millisecond)
		defer cancel()
		if err := ask(ctx, p, "/gone"); err == nil {
			t.Error("did not leave")
		}
		ask(t.Context(), p, "/") // the one who left took nothing from the rate
		if got := fmt.Sprint(next.times); got != "[0s 1s]" {
			t.Error(got)
		}
	})
}

func TestSlowerAfterRateLimit(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		next := &passed{start: time.Now()}
		p := newPacer(next, 16, 1)
		rate := func() float64 { _, _, r := p.load(); return r }
		next.err = &Error{kind: ErrRateLimited}
		ask(t.Context(), p, "/")
		if rate() != 8 {
			t.Errorf("%v a second after one", rate())
		}
		for range 10 {
			ask(t.Context(), p, "/")
		}
		if rate() != 1 {
			t.Errorf("%v a second after many: never below a sixteenth", rate())
		}
		for i := 1; i < len(next.times); i++ {
			if gap := next.times[i] - next.times[i-1]; gap < pauseLeast {
				t.Errorf("%v after a rate limit answer", gap)
			}
		}
		next.err = nil
		var got []float64
		for range 5 {
			time.Sleep(slowFor + pauseLeast)
			got = append(got, rate())
		}
		if fmt.Sprint(got) != "[2 4 8 16 16]" {
			t.Errorf("recovers as %v", got)
		}
	})
}

func TestOneBurstHalvesOnce(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		p := newPacer(nil, 16, 1)
		time.Sleep(time.Second)
		sent := p.clock()
		time.Sleep(time.Second)
		for range 10 {
			p.slow(sent, 0)
		}
		if _, _, r := p.load(); r != 8 {
			t.Errorf("%v a second", r)
		}
	})
}

func TestSlowerWithoutALimit(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		p := newPacer(&passed{}, 0, 1)
		rate := func() float64 { _, _, r := p.load(); return r }
		p.slow(p.clock(), 0)
		if rate() != slowUnlimited/2 {
			t.Errorf("%v a second", rate())
		}
		time.Sleep(2 * slowFor)
		if rate() != 0 {
			t.Errorf("%v a second, want no limit again", rate())
		}
	})
}

// However requests come, are raised and leave: none is lost, the rate holds,
// and no background request goes while an urgent one waits.
func TestRateProperties(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		kinds := rapid.SliceOfN(rapid.IntRange(0, 3), 1, 30).Draw(rt, "kinds")
		gaps := rapid.SliceOfN(rapid.IntRange(0, 150), len(kinds), len(kinds)).Draw(rt, "gaps")
		synctest.Test(t, func(t *testing.T) {
			next := &passed{start: time.Now()}
			p := newPacer(next, 10, 2)
			var wg sync.WaitGroup
			want := 0
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
					want--
				}
				want++
				wg.Go(func() { ask(WithPriority(ctx, u), p, "/") })
				time.Sleep(time.Duration(gaps[i]) * time.Millisecond)
			}
			wg.Wait()
			if len(next.times) < want || len(next.times) > len(kinds) {
				t.Errorf("%d went, want at least %d", len(next.times), want)
			}
			for i := 3; i < len(next.times); i++ {
				if gap := next.times[i] - next.times[i-3]; gap < 99*time.Millisecond {
					t.Errorf("4 requests in %v", gap)
				}
			}
			if waiting, _, _ := p.load(); waiting != 0 {
				t.Errorf("%d still wait", waiting)
			}
		})
	})
}
