package catalog

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"ccsfs/apiclient"
	"ccsfs/internal/catalog/fresh"
)

// A program that ends soon never starts what its end would cut short: an old
// listing is refreshed before it is served, however long that takes.
func TestForegroundRefreshesFirst(t *testing.T) {
	for _, tt := range []struct {
		age   time.Duration
		calls int
	}{{ttl - time.Second, 0}, {ttl, 7}, {3 * ttl, 7}} {
		t.Run(tt.age.String(), func(t *testing.T) {
			bubble(t, Config{Foreground: true}, func(t *testing.T, c *Catalog, api *fakeAPI) {
				time.Sleep(tt.age)
				api.set(func() { api.before = func(context.Context) { time.Sleep(10 * fresh.Grace) } })
				l := mustList(t, c, "C1")
				if l.Stale != nil || time.Since(l.FetchedAt) > 24*time.Hour {
					t.Errorf("stale: %v, fetched %v", l.Stale, l.FetchedAt)
				}
				if tt.calls > 0 && time.Since(l.FetchedAt) >= ttl {
					t.Errorf("served a listing that is %v old", time.Since(l.FetchedAt))
				}
				wantCalls(t, api, "documents", tt.calls)
			})
		})
	}
}

// What cannot be refreshed is still served, and says so.
func TestForegroundServesWhatIsThere(t *testing.T) {
	bubble(t, Config{Foreground: true}, func(t *testing.T, c *Catalog, api *fakeAPI) {
		time.Sleep(ttl)
		api.set(func() { api.fail = down })
		l := mustList(t, c, "C1")
		if !errors.Is(l.Stale, apiclient.ErrUnreachable) || len(l.Documents) != 11 {
			t.Errorf("%d documents, stale: %v", len(l.Documents), l.Stale)
		}
	})
}

// Asked afresh, what was saved a moment ago is asked for again, once, and is old
// if that fails.
func TestAfresh(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		dir, api := t.TempDir(), newFake("C1", "C2")
		mustList(t, open(t, Config{Dir: dir}, api), "C1")
		for _, tt := range []struct {
			cfg   Config
			calls int
			stale bool
		}{
			{Config{Foreground: true}, 0, false},
			{Config{Foreground: true, Afresh: true}, 7, false},
			{Config{Foreground: true, Afresh: true, Offline: true}, 0, false},
		} {
			time.Sleep(time.Second)
			api.reset()
			tt.cfg.Dir = dir
			c := open(t, tt.cfg, api)
			for range 3 {
				if l := mustList(t, c, "C1"); l.Stale != nil {
					t.Errorf("%+v: stale: %v", tt.cfg, l.Stale)
				}
			}
			wantCalls(t, api, "documents", tt.calls)
		}
		time.Sleep(time.Second)
		api.set(func() { api.fail = down })
		c := open(t, Config{Dir: dir, Foreground: true, Afresh: true}, api)
		if l := mustList(t, c, "C1"); !errors.Is(l.Stale, apiclient.ErrUnreachable) {
			t.Errorf("stale: %v", l.Stale)
		}
	})
}

// What a filter hides can be told from what is not there.
func TestHiddenContracts(t *testing.T) {
	api := newFake("C1", "C2", "C3")
	for _, tt := range []struct {
		only []string
		want string
	}{{nil, ""}, {[]string{"C2"}, "C1 C3 "}, {[]string{"C9"}, "C1 C2 C3 "}} {
		contracts, err := open(t, Config{Contracts: tt.only}, api).Contracts(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		got := ""
		for _, e := range contracts.Hidden {
			got += e.ID + " "
		}
		if got != tt.want {
			t.Errorf("only %v: %q is hidden, want %q", tt.only, got, tt.want)
		}
	}
}
