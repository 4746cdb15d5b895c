package fresh

import (
	"context"
	"encoding/json"
	"errors"
	"log/slog"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"ccsfs/apiclient"
	"ccsfs/internal/lease"
)

const toyTTL = 10 * time.Minute

// toy is what these tests fetch: a number.
type toy struct {
	Number int       `json:"number"`
	At     time.Time `json:"at"`
	stale  error
}

// toyAPI has one number for all keys.
type toyAPI struct {
	mu     sync.Mutex
	number int
	takes  time.Duration // to answer
	fail   error
	calls  int
}

func (a *toyAPI) set(change func()) {
	a.mu.Lock()
	defer a.mu.Unlock()
	change()
}

func (a *toyAPI) fetch(ctx context.Context, e *Scope) (*toy, error) {
	_, asked := e.Asking(ctx)
	a.mu.Lock()
	a.calls++
	n, takes, err := a.number, a.takes, a.fail
	a.mu.Unlock()
	select {
	case <-time.After(takes):
	case <-ctx.Done():
		return nil, ctx.Err()
	}
	if err != nil {
		return nil, err
	}
	return &toy{Number: n, At: asked()}, nil
}

// toys is what one process has of them.
type toys struct {
	*Map[toy]
	scope *Scope
}

func (a *toyAPI) source(e *Scope) *Source[toy] {
	file := func(key string) string { return "toys/" + key + ".json" }
	return &Source[toy]{
		Name:  "toy",
		Fetch: func(ctx context.Context, _ string, _ *toy) (*toy, error) { return a.fetch(ctx, e) },
		File:  file,
		Load: func(key string) (*toy, *Refusal) {
			var v *toy
			r := e.Store.Read(file(key), func(payload []byte) (time.Time, error) {
				var in toy
				if err := json.Unmarshal(payload, &in); err != nil {
					return time.Time{}, err
				}
				v = &in
				return in.At, nil
			})
			return v, r
		},
		Parse: func(_ string, payload []byte) (*toy, error) {
			var in toy
			err := json.Unmarshal(payload, &in)
			return &in, err
		},
		Saved:     func(_ string, v *toy) any { return v },
		Deny:      func(key string, f *Failure) { e.Store.Deny(file(key), f, nil) },
		FetchedAt: func(v *toy) time.Time { return v.At },
		WithStale: func(v *toy, err error) *toy {
			out := *v
			out.stale = err
			return &out
		},
		Fingerprint: func(v *toy) uint64 { return uint64(v.Number) },
		Same:        func(a, b *toy) bool { return a.Number == b.Number },
		Changed:     func(string, *toy, *toy, error) {},
	}
}

// toyConfig is of a process that shares a directory.
func toyConfig(dir string) Config {
	return Config{
		Dir: dir, Subdirs: []string{"toys"}, Magic: "ccsfs-toys 1 ", What: "toys", Subject: "box", TTL: toyTTL,
		Credentials: func() string { return "" }, Log: slog.New(slog.DiscardHandler), Now: time.Now,
	}
}

// process starts one.
func (a *toyAPI) process(t *testing.T, cfg Config) *toys {
	t.Helper()
	e := New(cfg)
	t.Cleanup(e.Close)
	g, err := NewMap(e, a.source(e), 8)
	if err != nil {
		t.Fatal(err)
	}
	return &toys{Map: g, scope: e}
}

func (p *toys) want(t *testing.T, number int) *toy {
	t.Helper()
	v, err := p.Get(t.Context(), "A")
	if err != nil || v.Number != number || v.stale != nil {
		t.Fatalf("%+v, %v, want number %d", v, err, number)
	}
	return v
}

// What is fetched is served while it is young, also by the next process; what is old is
// asked for again, or served with the reason why it is old.
func TestValuesByTheirAge(t *testing.T) {
	dir := t.TempDir()
	synctest.Test(t, func(t *testing.T) {
		a := &toyAPI{number: 1}
		first := a.process(t, toyConfig(dir))
		first.want(t, 1)
		a.set(func() { a.number = 2 })
		synctest.Wait()
		next := a.process(t, toyConfig(dir))
		next.want(t, 1)
		if a.calls != 1 {
			t.Errorf("%d calls", a.calls)
		}
		time.Sleep(2 * toyTTL)
		next.want(t, 2)
		synctest.Wait()
		time.Sleep(LookEvery)
		if first.want(t, 2); a.calls != 2 {
			t.Errorf("%d calls, want 2", a.calls)
		}
		a.set(func() { a.fail = apiclient.ErrUnreachable })
		time.Sleep(2 * toyTTL)
		if v, err := first.Get(t.Context(), "A"); err != nil || v.Number != 2 || !errors.Is(v.stale, apiclient.ErrUnreachable) {
			t.Errorf("%+v, %v, want the old one", v, err)
		}
	})
}

// What this process holds for others does not stand behind its own work that
// somebody waits for.
func TestARefreshBehindBecomesUrgent(t *testing.T) {
	dir := t.TempDir()
	synctest.Test(t, func(t *testing.T) {
		a := &toyAPI{number: 1}
		p := a.process(t, toyConfig(dir))
		p.want(t, 1)
		time.Sleep(toyTTL)
		a.set(func() { a.takes = 20 * time.Second })
		if _, err := p.Known("A"); err != nil {
			t.Fatal(err)
		}
		synctest.Wait()
		c := p.at("A")
		c.mu.Lock()
		cl := c.call
		c.mu.Unlock()
		for _, want := range []bool{false, true} {
			select {
			case <-cl.waited:
				if !want {
					t.Error("urgent at once")
				}
			default:
				if want {
					t.Error("behind for long")
				}
			}
			time.Sleep(Grace + time.Second)
		}
	})
}

// A process that could not share its lease does not put what it asked for
// before in the place of what another one asked for since.
func TestALateAnswerReplacesNothing(t *testing.T) {
	dir := t.TempDir()
	synctest.Test(t, func(t *testing.T) {
		a := &toyAPI{number: 1, takes: 10 * time.Second}
		late, other := a.process(t, toyConfig(dir)), a.process(t, toyConfig(dir))
		late.scope.leases.Close()
		late.scope.leases = lease.Open(dir + "/no/such/place")
		done := make(chan error)
		go func() { done <- late.Refresh(t.Context(), "A") }()
		time.Sleep(5 * time.Second) // its call is under way
		a.set(func() { a.number, a.takes = 2, 0 })
		if err := other.Refresh(t.Context(), "A"); err != nil {
			t.Fatal(err)
		}
		synctest.Wait()
		if err := <-done; err != nil {
			t.Fatal(err)
		}
		synctest.Wait()
		if a.calls != 2 {
			t.Fatalf("%d calls, want one of each", a.calls)
		}
		cfg := toyConfig(dir)
		cfg.Offline = true
		if saved, want := a.process(t, cfg).want(t, 2), other.want(t, 2); !saved.At.Equal(want.At) {
			t.Errorf("saved is what was asked for at %v, want %v", saved.At, want.At)
		}
	})
}

// What is on disk counts only if it is later than what is known.
func TestWhatIsSavedMayBeOlder(t *testing.T) {
	dir := t.TempDir()
	synctest.Test(t, func(t *testing.T) {
		a := &toyAPI{number: 1}
		p := a.process(t, toyConfig(dir))
		v := p.want(t, 1)
		synctest.Wait()
		c := p.at("A")
		for title, save := range map[string]func(){
			"a refusal": func() {
				at := v.At.Add(-time.Minute)
				p.scope.Store.saveRefusal(c.source.File("A"), &Failure{Err: apiclient.ErrForbidden, at: at, Since: at, delay: DeniedMost})
			},
			"a value":                 func() { c.saveValue(&toy{Number: 2, At: v.At.Add(-time.Minute)}) },
			"a value from the future": func() { c.saveValue(&toy{Number: 3, At: v.At.Add(24 * time.Hour)}) },
		} {
			save()
			time.Sleep(LookEvery)
			if again, err := p.Known("A"); err != nil || again.Number != 1 || again.stale != nil {
				t.Errorf("%s: %v, %v", title, again, err)
			}
		}
		if a.calls != 1 {
			t.Errorf("%d calls", a.calls)
		}
	})
}

// A refresh that is asked for just as this process takes in what another one has asked
// for before is not answered by that.
func TestARefreshBesideWhatIsTakenIn(t *testing.T) {
	dir := t.TempDir()
	synctest.Test(t, func(t *testing.T) {
		api := &toyAPI{number: 1, takes: time.Second}
		a, b := api.process(t, toyConfig(dir)), api.process(t, toyConfig(dir))
		a.want(t, 1)
		b.want(t, 1)
		time.Sleep(3 * toyTTL)
		var asked time.Time
		var wg sync.WaitGroup
		var once sync.Once
		touched := b.source.touched
		b.source.touched = func(c *Value[toy]) {
			touched(c)
			if time.Since(c.Peek().At) > toyTTL { // the old one
				return
			}
			once.Do(func() {
				api.set(func() { api.number = 12 })
				asked = time.Now()
				wg.Go(func() {
					if err := b.Refresh(t.Context(), "A"); err != nil {
						t.Error(err)
					}
				})
				time.Sleep(time.Second / 2) // until it waits for what is under way
			})
		}
		wg.Go(func() {
			if err := a.Refresh(t.Context(), "A"); err != nil {
				t.Error(err)
			}
		})
		time.Sleep(time.Second / 2) // a has the lease, and asks
		_, _ = b.Get(t.Context(), "A")
		time.Sleep(time.Second)
		wg.Wait()
		if asked.IsZero() {
			t.Fatal("nothing of the other process was taken in")
		}
		if v := b.want(t, 12); v.At.Before(asked) {
			t.Errorf("asked for %v before the refresh was", asked.Sub(v.At))
		}
	})
}
