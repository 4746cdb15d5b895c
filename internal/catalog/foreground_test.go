package catalog

import (
	"context"
	"errors"
	"testing"
	"time"

	"ccsfs/apiclient"
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
				api.set(func() { api.before = func(context.Context) { time.Sleep(10 * Grace) } })
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
