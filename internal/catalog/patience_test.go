package catalog

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"ccsfs/apiclient"
	"ccsfs/internal/billing"
	"ccsfs/internal/catalog/fresh"
)

// slowFor makes the answers to some contracts' listings take so long.
func slowFor(d time.Duration, contracts ...string) func(ctx context.Context, k call) {
	return func(ctx context.Context, k call) {
		for _, id := range contracts {
			if k.op == "documents" && k.contract == id {
				wait(ctx, d)
			}
		}
	}
}

func wait(ctx context.Context, d time.Duration) {
	select {
	case <-time.After(d):
	case <-ctx.Done():
	}
}

// A mount in the foreground asks Known at every lookup: that is no way to get
// an old listing that nobody tried to refresh.
func TestForegroundKnowsNothingThatIsDue(t *testing.T) {
	for _, age := range []time.Duration{ttl, 3 * ttl} {
		bubble(t, Config{Foreground: true}, func(t *testing.T, c *Catalog, api *fakeAPI) {
			mustList(t, c, "C2")
			if l, err := c.Known("C1"); l == nil || err != nil {
				t.Fatalf("young, and not known: %v", err)
			}
			time.Sleep(age)
			api.set(func() { api.slow = slowFor(20*time.Second, "C1", "C2") })
			for _, id := range []string{"C1", "C2", "C1"} {
				l, err := c.Known(id)
				if err != nil || l != nil && !l.FetchedAt.After(time.Now().Add(-ttl)) {
					t.Errorf("%s: handed out a listing of %v, %v", id, l.FetchedAt, err)
				}
				if l := mustList(t, c, id); l.Stale != nil || time.Since(l.FetchedAt) > ttl {
					t.Errorf("%s: stale %v, of %v", id, l.Stale, l.FetchedAt)
				}
			}
			wantShort(t, c)
		})
	}
}

// Once it was tried and failed the old one is known, until it is time to try
// again; then that is waited for again, not done behind.
func TestForegroundTriesAgain(t *testing.T) {
	bubble(t, Config{Foreground: true}, func(t *testing.T, c *Catalog, api *fakeAPI) {
		time.Sleep(ttl)
		api.set(func() { api.fail = down })
		if l := mustList(t, c, "C1"); l.Stale == nil {
			t.Fatal("fresh, of an API that is away")
		}
		if l, err := c.Known("C1"); err != nil || l == nil || !errors.Is(l.Stale, apiclient.ErrUnreachable) {
			t.Errorf("after the try: %v, %v", l, err)
		}
		api.set(func() { api.fail, api.slow = nil, slowFor(time.Minute, "C1") })
		time.Sleep(fresh.RetryFirst)
		if l, err := c.Known("C1"); err != nil || l != nil {
			t.Errorf("when it is time to try again: %v, %v", l, err)
		}
		if l := mustList(t, c, "C1"); l.Stale != nil {
			t.Errorf("not waited for: %v", l.Stale)
		}
		wantShort(t, c, "stale listing C1[]")
	})
}

// Whatever is shown stale is said, once for each thing and cause, and when it
// is over.
func TestStaleIsLogged(t *testing.T) {
	for title, tt := range map[string]struct {
		breaks func(api *fakeAPI)
		ask    func(c *Catalog) error
	}{
		"slow":        {func(api *fakeAPI) { api.slow = slowFor(20*time.Second, "C1") }, ways()["listing C1"]},
		"slow, known": {func(api *fakeAPI) { api.slow = slowFor(20*time.Second, "C1") }, ways()["known C1"]},
		"down":        {func(api *fakeAPI) { api.fail = errorFor(apiclient.ErrUnreachable, billing.TypeBills) }, ways()["listing C1"]},
	} {
		t.Run(title, func(t *testing.T) {
			out := &logs{}
			bubble(t, Config{Logger: out.logger()}, func(t *testing.T, c *Catalog, api *fakeAPI) {
				for round := 1; round <= 2; round++ {
					time.Sleep(3 * ttl)
					if _, err := c.Contracts(t.Context()); err != nil { // only the listing is old
						t.Fatal(err)
					}
					api.set(func() { tt.breaks(api) })
					for range 4 {
						if err := tt.ask(c); err != nil {
							t.Fatal(err)
						}
					}
					settle()
					if n := out.count("level=WARN"); n != round {
						t.Errorf("round %d: said %d times", round, n)
					}
					api.set(func() { api.fail, api.slow = nil, nil })
					time.Sleep(time.Minute)
					mustList(t, c, "C1")
					settle()
					if n := out.count("refreshed again"); n != round {
						t.Errorf("round %d: that it is over was said %d times", round, n)
					}
				}
				if n := out.count("contract=C1"); n != 4 {
					t.Errorf("%d lines name the contract", n)
				}
			})
		})
	}
}

func TestOfflineSaysOnceThatAllIsOld(t *testing.T) {
	dir, out := t.TempDir(), &logs{}
	api := seen(t, dir)
	later := func() time.Time { return time.Now().Add(time.Hour) }
	c := open(t, Config{Dir: dir, Offline: true, Now: later, Logger: out.logger()}, api)
	for _, ask := range ways() {
		if err := ask(c); err != nil {
			t.Fatal(err)
		}
	}
	if n := out.count("offline"); n != 1 {
		t.Errorf("said %d times", n)
	}
}

// One contract that answers slowly says nothing about the others: those are
// waited for, and fresh.
func TestOneSlowContractMakesNoOtherStale(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ids := []string{"C1", "C2", "C3", "C4"}
		api := newFake(ids...)
		api.docs["C2"] = monthly(billing.TypeBills, 1, 1)
		c := open(t, Config{}, api)
		for _, id := range ids {
			mustList(t, c, id)
		}
		time.Sleep(2 * ttl)
		if _, err := c.Contracts(t.Context()); err != nil {
			t.Fatal(err)
		}
		api.set(func() { api.slow = slowFor(30*time.Second, "C1") })
		for _, id := range ids {
			start := time.Now()
			l := mustList(t, c, id)
			if slow := id == "C1"; (l.Stale != nil) != slow || !slow && time.Since(start) > 0 {
				t.Errorf("%s: stale %v after %v", id, l.Stale, time.Since(start))
			}
		}
		wantShort(t, c, "stale listing C1[]")
	})
}

// One contract whose listing fails makes no other unreachable or old.
func TestOneBrokenContractLeavesTheOthersAlone(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ids := []string{"C1", "C2", "C3", "C4"}
		api, out := newFake(ids...), &logs{}
		api.docs["C2"] = monthly(billing.TypeBills, 1, 1)
		c := open(t, Config{Logger: out.logger()}, api)
		broken := func(k call) error {
			if k.contract == "C1" {
				return apiclient.ErrServer
			}
			return nil
		}
		api.fail = broken
		for range 3 { // at first, when due, and long after
			for _, id := range ids {
				l, err := c.Listing(t.Context(), id)
				if bad := id == "C1"; bad != errors.Is(err, apiclient.ErrServer) || !bad && l.Stale != nil {
					t.Errorf("%s: %v, %v", id, l, err)
				}
			}
			time.Sleep(3 * ttl)
		}
		if err := c.Refresh(t.Context(), ""); !errors.Is(err, apiclient.ErrServer) {
			t.Errorf("%v", err)
		}
		wantShort(t, c, "failed listing C1[]")
	})
}

// Contracts that are slow while others are answered are just that.
func TestSlowContractsBesideFastOnes(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ids := []string{"C1", "C2", "C3", "C4"}
		api := newFake(ids...)
		c := open(t, Config{}, api)
		for _, id := range ids {
			mustList(t, c, id)
		}
		time.Sleep(2 * ttl)
		if _, err := c.Contracts(t.Context()); err != nil {
			t.Fatal(err)
		}
		slow := slowFor(30*time.Second, "C1", "C3")
		api.set(func() {
			api.slow = func(ctx context.Context, k call) { slow(ctx, k); wait(ctx, time.Second) }
		})
		for _, id := range []string{"C1", "C3"} {
			go func() { _, _ = c.Listing(t.Context(), id) }()
		}
		time.Sleep(time.Second)
		mustList(t, c, "C2")
		time.Sleep(fresh.Grace)
		if l := mustList(t, c, "C4"); l.Stale != nil {
			t.Errorf("not waited for: %v", l.Stale)
		}
		time.Sleep(time.Minute)
	})
}
