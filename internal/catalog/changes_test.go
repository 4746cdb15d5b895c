package catalog

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"ccsfs/apiclient"
	"ccsfs/internal/billing"
	"ccsfs/internal/catalog/fresh"
)

// told collects changes.
type told struct {
	mu   sync.Mutex
	list []Change
}

func (l *told) add(c Change) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.list = append(l.list, c)
}

// take returns the changes since the last time, once all is quiet.
func (l *told) take() []Change {
	synctest.Wait()
	l.mu.Lock()
	defer l.mu.Unlock()
	defer func() { l.list = nil }()
	return l.list
}

func TestChanges(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		api, got := newFake("C1", "C2"), &told{}
		api.docs["C1"] = monthly(billing.TypeBills, 3, 1)
		c := open(t, Config{}, api)
		c.OnChange(got.add)
		refresh := func() error { return c.Refresh(t.Context(), "C1") }
		must := func(err error) {
			t.Helper()
			if err != nil {
				t.Fatal(err)
			}
		}
		first := mustList(t, c, "C1")
		must(refresh())
		must(c.Refresh(t.Context(), ""))
		if l := got.take(); len(l) != 0 {
			t.Fatalf("nothing changed, told %+v", l)
		}
		if l := mustList(t, c, "C1"); l == first || l.Tree != first.Tree {
			t.Error("the same documents do not share their tree")
		}

		api.set(func() { api.docs["C1"][1].UpdatedAt = "2026-11-01" })
		must(refresh())
		l := got.take()
		if len(l) != 1 || l[0].ContractID != "C1" || l[0].Old.Documents[1].UpdatedAt != "" ||
			l[0].New.Documents[1].UpdatedAt == "" || l[0].Err != nil {
			t.Fatalf("updated: told %+v", l)
		}

		api.set(func() { api.fail = errorFor(apiclient.ErrServer, billing.TypeBills) })
		_ = refresh()
		if l := got.take(); len(l) != 0 {
			t.Fatalf("a failure is no change, told %+v", l)
		}

		api.set(func() { api.fail = errorFor(apiclient.ErrForbidden, append(billing.Types(), "")...) })
		_, _ = refresh(), refresh()
		l = got.take()
		if len(l) != 1 || l[0].New != nil || l[0].Old == nil || !errors.Is(l[0].Err, apiclient.ErrForbidden) {
			t.Fatalf("refused twice: told %+v", l)
		}

		api.set(func() { api.fail = nil })
		must(refresh())
		l = got.take()
		if len(l) != 1 || l[0].New == nil || l[0].Old != nil || l[0].Err != nil {
			t.Fatalf("access returned: told %+v", l)
		}

		api.set(func() { api.contracts = api.contracts[:1] })
		must(c.Refresh(t.Context(), ""))
		l = got.take()
		if len(l) != 1 || l[0].ContractID != "" || len(l[0].OldContracts.Entries) != 2 || len(l[0].NewContracts.Entries) != 1 {
			t.Fatalf("a contract less: told %+v", l)
		}

		api.set(func() { api.fail = func(call) error { return apiclient.ErrUnauthorized } })
		_ = c.Refresh(t.Context(), "")
		l = got.take()
		if len(l) != 1 || l[0].ContractID != "" || l[0].NewContracts != nil || !errors.Is(l[0].Err, apiclient.ErrUnauthorized) {
			t.Fatalf("account refused: told %+v", l)
		}
		if _, err := c.Known("C1"); !errors.Is(err, apiclient.ErrUnauthorized) {
			t.Errorf("Known when the account is refused: %v", err)
		}
	})
}

// TestChangeOfAnEvictedListing is about what the kernel may still believe of
// a listing that is not in memory any more.
func TestChangeOfAnEvictedListing(t *testing.T) {
	for _, tt := range []struct {
		saved bool
		limit Config
	}{{false, Config{Listings: 1}}, {true, Config{Listings: 1}}, {false, Config{ListedDocuments: 2}}, {true, Config{ListedDocuments: 2}}} {
		saved, cfg := tt.saved, tt.limit
		if saved {
			cfg.Dir = t.TempDir()
		}
		synctest.Test(t, func(t *testing.T) {
			api, got := newFake("C1", "C2"), &told{}
			api.docs["C1"] = monthly(billing.TypeBills, 3, 1)
			c := open(t, cfg, api)
			c.OnChange(got.add)
			visit := func() {
				mustList(t, c, "C1")
				synctest.Wait() // saved
				mustList(t, c, "C2")
				synctest.Wait()
			}
			visit()
			visit()
			time.Sleep(2 * ttl)
			visit()
			// What is not saved stays where documents are counted: it would cost calls.
			kept := !saved && cfg.ListedDocuments > 0
			if (c.Peek("C1") != nil) != kept || c.Peek("C2") == nil {
				t.Errorf("%+v: in memory is %v, %v", tt, c.Peek("C1"), c.Peek("C2"))
			}
			if l := got.take(); len(l) != 0 {
				t.Errorf("saved %v: nothing changed, told %+v", saved, l)
			}
			api.set(func() { api.docs["C1"] = monthly(billing.TypeBills, 4, 1) })
			time.Sleep(2 * ttl)
			visit()
			l := got.take()
			if len(l) != 1 || l[0].ContractID != "C1" || len(l[0].New.Documents) != 4 || (l[0].Old != nil) != (saved || kept) {
				t.Errorf("saved %v: told %+v", saved, l)
			}
		})
	}
}

// TestReceiverThatIsHeldUp is the kernel's case: telling it waits for a
// request that waits for the listing.
func TestReceiverThatIsHeldUp(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		api := newFake("C1")
		c := open(t, Config{}, api)
		release, order := make(chan struct{}), []int(nil)
		c.OnChange(func(ch Change) {
			<-release
			order = append(order, len(ch.New.Documents))
		})
		mustList(t, c, "C1")
		for n := range 5 {
			api.set(func() {
				api.docs["C1"] = append(api.docs["C1"], apiclient.Document{ID: fmt.Sprint(n)})
			})
			if err := c.Refresh(t.Context(), "C1"); err != nil {
				t.Fatal(err)
			}
			if l := mustList(t, c, "C1"); len(l.Documents) != n+1 {
				t.Errorf("%d documents, want %d", len(l.Documents), n+1)
			}
		}
		close(release)
		synctest.Wait()
		if fmt.Sprint(order) != "[1 2 3 4 5]" {
			t.Errorf("told in the order %v", order)
		}
	})
}

func TestClockSetBack(t *testing.T) {
	now := time.Date(2026, 11, 23, 12, 0, 0, 0, time.UTC)
	api := newFake("C1")
	c := open(t, Config{Now: func() time.Time { return now }}, api)
	mustList(t, c, "C1")
	now = now.Add(-time.Second) // a correction
	mustList(t, c, "C1")
	if n := api.count(""); n != 8 {
		t.Errorf("%d calls after a correction of the clock, want 8", n)
	}
	now = now.Add(-24 * time.Hour)
	api.fail = down
	if l := mustList(t, c, "C1"); l.Stale == nil {
		t.Error("an answer from the future counts as fresh")
	}
	now = now.Add(-24 * time.Hour) // must not put off the next try by a day
	api.set(func() { api.fail = nil })
	for mustList(t, c, "C1").Stale != nil { // refreshed behind
		time.Sleep(time.Millisecond)
	}
}

func TestWaitersPreferTheAnswer(t *testing.T) {
	// A context that has ended does not matter where nothing is waited for.
	api := newFake("C1")
	c := open(t, Config{}, api)
	mustList(t, c, "C1")
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := c.Listing(ctx, "C1"); err != nil {
		t.Error(err)
	}
}

// TestManyRefreshesBehind is a walk over listings that are all due.
func TestManyRefreshesBehind(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var ids []string
		for i := range 50 {
			ids = append(ids, fmt.Sprintf("C%d", i))
		}
		api := newFake(ids...)
		c := open(t, Config{}, api)
		for _, id := range ids {
			mustList(t, c, id)
		}
		time.Sleep(ttl)
		api.reset()
		var mu sync.Mutex
		now, most := 0, 0
		api.set(func() {
			api.before = func(context.Context) {
				mu.Lock()
				now++
				most = max(most, now)
				mu.Unlock()
				time.Sleep(time.Second)
				mu.Lock()
				now--
				mu.Unlock()
			}
		})
		for _, id := range ids {
			if _, err := c.Known(id); err != nil {
				t.Fatal(err)
			}
		}
		synctest.Wait()
		start := time.Now()
		if err := c.Refresh(t.Context(), ids[49]); err != nil || time.Since(start) != time.Second {
			t.Errorf("who waits had to for %v: %v", time.Since(start), err)
		}
		time.Sleep(time.Minute)
		mu.Lock()
		defer mu.Unlock()
		if most > 7*(fresh.CallsBehind+1) || api.count("documents") != 7*len(ids) {
			t.Errorf("%d calls at once, %d in all", most, api.count("documents"))
		}
	})
}
