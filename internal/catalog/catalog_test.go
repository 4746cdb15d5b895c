package catalog

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"ccsfs/apiclient"
	"ccsfs/internal/billing"
	"ccsfs/internal/catalog/fresh"
)

const ttl = 10 * time.Minute

// bubble runs a test on a clock of its own, with a catalog that has listed
// contract C1 with ten bills; the calls for that are forgotten.
func bubble(t *testing.T, cfg Config, f func(t *testing.T, c *Catalog, api *fakeAPI)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		api := newFake("C1", "C2")
		api.docs["C1"] = monthly(billing.TypeBills, 11, 1)
		c := open(t, cfg, api)
		mustList(t, c, "C1")
		api.reset()
		f(t, c, api)
	})
}

// settle lets everything run that does not wait for time to pass.
func settle() { synctest.Wait() }

func wantCalls(t *testing.T, api *fakeAPI, op string, want int) {
	t.Helper()
	settle()
	if n := api.count(op); n != want {
		t.Errorf("%d calls for %s, want %d", n, op, want)
	}
}

func down(call) error { return apiclient.ErrUnreachable }

func TestAges(t *testing.T) {
	for _, tt := range []struct {
		age   time.Duration
		at    int // listing calls when it is served
		after int // once all is quiet
	}{
		{age: ttl - 10*time.Second},
		{age: ttl, after: 7},
		{age: 2*ttl - time.Second, after: 7},
		{age: 2 * ttl, at: 7, after: 7},
		{age: 1000 * time.Hour, at: 7, after: 7},
	} {
		t.Run(tt.age.String(), func(t *testing.T) {
			bubble(t, Config{}, func(t *testing.T, c *Catalog, api *fakeAPI) {
				fetched := mustList(t, c, "C1").FetchedAt
				time.Sleep(tt.age)
				// An answer that takes a moment tells what was waited for.
				api.set(func() { api.before = func(context.Context) { time.Sleep(time.Second) } })
				l := mustList(t, c, "C1")
				if waited := tt.at > 0; l.Stale != nil || l.FetchedAt.Equal(fetched) == waited {
					t.Errorf("stale %v, fetched %v, the first was %v", l.Stale, l.FetchedAt, fetched)
				}
				if tt.at > 0 {
					wantCalls(t, api, "documents", tt.at)
				}
				time.Sleep(2 * time.Second)
				wantCalls(t, api, "documents", tt.after)
				if l := mustList(t, c, "C1"); l.FetchedAt.Equal(fetched) == (tt.after > 0) {
					t.Errorf("fetched %v, the first was %v", l.FetchedAt, fetched)
				}
				wantCalls(t, api, "documents", tt.after)
			})
		})
	}
}

func TestKnownNeverWaits(t *testing.T) {
	bubble(t, Config{}, func(t *testing.T, c *Catalog, api *fakeAPI) {
		api.set(func() { api.before = func(context.Context) { time.Sleep(time.Minute) } })
		start := time.Now()
		for _, tt := range []struct {
			later time.Duration
			stale bool
			calls int
		}{
			{0, false, 0},
			{ttl, false, 7},
			{time.Hour, true, 14},
		} {
			time.Sleep(tt.later)
			start = start.Add(tt.later)
			l, err := c.Known("C1")
			if err != nil || l == nil || (l.Stale != nil) != tt.stale {
				t.Fatalf("after %v: %v, %v, want stale: %v", tt.later, l, err, tt.stale)
			}
			wantCalls(t, api, "documents", tt.calls)
		}
		if l, err := c.Known("C2"); l != nil || err != nil {
			t.Errorf("of a contract not seen: %v, %v", l, err)
		}
		wantCalls(t, api, "documents", 14)
		if !time.Now().Equal(start) {
			t.Errorf("it took %v", time.Since(start))
		}
	})
}

func TestGrace(t *testing.T) {
	bubble(t, Config{}, func(t *testing.T, c *Catalog, api *fakeAPI) {
		time.Sleep(2 * ttl)
		api.set(func() { api.before = func(context.Context) { time.Sleep(20 * time.Second) } })
		start := time.Now()
		l := mustList(t, c, "C1")
		if waited := time.Since(start); waited != fresh.Grace || !errors.Is(l.Stale, apiclient.ErrTimeout) {
			t.Errorf("waited %v, stale: %v", waited, l.Stale)
		}
		start = time.Now()
		if l := mustList(t, c, "C1"); time.Since(start) != 0 || l.Stale == nil {
			t.Errorf("the next one waited %v, stale: %v", time.Since(start), l.Stale)
		}
		time.Sleep(30 * time.Second)
		if l := mustList(t, c, "C1"); l.Stale != nil || time.Since(l.FetchedAt) > time.Minute {
			t.Errorf("later: fetched %v ago, stale: %v", time.Since(l.FetchedAt), l.Stale)
		}
		wantCalls(t, api, "documents", 7)
	})
}

// Without a network not every contract need find out for itself that nobody
// answers: the list of contracts does, or two of them. (One may just be slow.)
func TestGraceIsTakenOnce(t *testing.T) {
	bubble(t, Config{}, func(t *testing.T, c *Catalog, api *fakeAPI) {
		mustList(t, c, "C2")
		time.Sleep(2 * ttl)
		api.set(func() { api.before = func(context.Context) { time.Sleep(20 * time.Second) } })
		start := time.Now()
		if _, err := c.Contracts(t.Context()); err != nil {
			t.Fatal(err)
		}
		mustList(t, c, "C1")
		mustList(t, c, "C2")
		if waited := time.Since(start); waited != fresh.Grace {
			t.Errorf("after the list of contracts: all together waited %v", waited)
		}
	})
	bubble(t, Config{}, func(t *testing.T, c *Catalog, api *fakeAPI) {
		mustList(t, c, "C2")
		time.Sleep(2 * ttl)
		api.set(func() { api.before = func(context.Context) { time.Sleep(20 * time.Second) } })
		start := time.Now()
		for _, id := range []string{"C1", "C2", "C1", "C2"} {
			if l := mustList(t, c, id); l.Stale == nil {
				t.Errorf("%s: not stale", id)
			}
		}
		if waited := time.Since(start); waited != 2*fresh.Grace {
			t.Errorf("all together waited %v", waited)
		}
		time.Sleep(time.Minute) // it has answered, slowly
		api.set(func() { api.before = func(context.Context) { time.Sleep(time.Second) } })
		time.Sleep(2 * ttl)
		start = time.Now()
		if l := mustList(t, c, "C2"); l.Stale != nil || time.Since(start) < time.Second {
			t.Errorf("of an API that answers again: stale %v after %v", l.Stale, time.Since(start))
		}
	})
}

func TestStaleWhileUnreachable(t *testing.T) {
	out := &logs{}
	bubble(t, Config{Logger: out.logger()}, func(t *testing.T, c *Catalog, api *fakeAPI) {
		time.Sleep(3 * ttl)
		api.set(func() { api.fail = down })
		tries := 0
		perTry := func() int { defer api.reset(); settle(); return api.count("documents") }
		// One try at once, then after 5, 10, 20, … seconds, each by whoever asks.
		for i := range 200 {
			l := mustList(t, c, "C1")
			if !errors.Is(l.Stale, apiclient.ErrUnreachable) && i > 0 || len(l.Documents) != 11 {
				t.Fatalf("access %d: %d documents, stale: %v", i, len(l.Documents), l.Stale)
			}
			if perTry() > 0 {
				tries++
			}
			time.Sleep(time.Second)
		}
		if tries != 6 { // at 0, 5, 15, 35, 75, 155 seconds
			t.Errorf("%d tries in 200 seconds, want 6", tries)
		}
		if n := out.count("cannot be refreshed"); n != 2 { // the contracts and the listing
			t.Errorf("said %d times, want twice", n)
		}
		s := c.Stats()
		if len(s.Failing) != 2 || s.Failing[1].ContractID != "C1" || s.Failing[1].Denied || s.Failing[1].Since.IsZero() {
			t.Errorf("status says %+v", s.Failing)
		}
		api.set(func() { api.fail = nil })
		time.Sleep(fresh.RetryMost)
		mustList(t, c, "C1") // due: refreshed behind
		settle()
		if l := mustList(t, c, "C1"); l.Stale != nil || len(c.Stats().Failing) != 0 || out.count("refreshed again") != 2 {
			t.Errorf("after recovery: %v, %+v", l.Stale, c.Stats().Failing)
		}
	})
}

func TestFreshListingSurvivesAFailedRefresh(t *testing.T) {
	bubble(t, Config{}, func(t *testing.T, c *Catalog, api *fakeAPI) {
		api.set(func() { api.fail = down })
		if err := c.Refresh(t.Context(), "C1"); !errors.Is(err, apiclient.ErrUnreachable) {
			t.Errorf("Refresh: %v", err)
		}
		if l := mustList(t, c, "C1"); l.Stale != nil {
			t.Errorf("stale though younger than the TTL: %v", l.Stale)
		}
	})
}

func TestRefusal(t *testing.T) {
	for _, cause := range []error{apiclient.ErrForbidden, apiclient.ErrNotFound} {
		t.Run(cause.Error(), func(t *testing.T) {
			dir := t.TempDir()
			bubble(t, Config{Dir: dir}, func(t *testing.T, c *Catalog, api *fakeAPI) {
				time.Sleep(2 * ttl)
				api.set(func() { api.fail = errorFor(cause, append(billing.Types(), "")...) })
				tries := 0
				for range 240 {
					if l, err := c.Listing(t.Context(), "C1"); !errors.Is(err, cause) {
						t.Fatalf("%v, %v, want %v", l, err, cause)
					}
					if l, err := c.Known("C1"); !errors.Is(err, cause) {
						t.Fatalf("Known: %v, %v", l, err)
					}
					settle()
					if api.count("documents") > 0 {
						tries++
					}
					api.reset()
					time.Sleep(time.Second)
				}
				if tries != 4 { // at 0, 30, 90, 210 seconds
					t.Errorf("%d tries in 4 minutes, want 4", tries)
				}
				if s := c.Stats(); len(s.Failing) != 1 || !s.Failing[0].Denied || s.Listings != 0 {
					t.Errorf("status says %+v", s)
				}
				// Meanwhile the network fails: still refused, never the old one.
				api.set(func() { api.fail = down })
				time.Sleep(fresh.DeniedMost)
				if l, err := c.Listing(t.Context(), "C1"); err == nil {
					t.Fatalf("served %v", l)
				}
				if _, err := c.Known("C1"); !errors.Is(err, cause) {
					t.Errorf("Known: %v, want %v", err, cause)
				}
				api.set(func() { api.fail = nil })
				time.Sleep(fresh.DeniedMost)
				if l := mustList(t, c, "C1"); l.Stale != nil || len(l.Documents) != 11 {
					t.Errorf("after access returned: %+v", l)
				}
			})
		})
	}
}

// TestWithdrawnCredentials has many listings to renew when the account is
// refused: each may not find out by a call of its own.
func TestWithdrawnCredentials(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var ids []string
		for i := range 50 {
			ids = append(ids, fmt.Sprintf("C%d", i))
		}
		api := newFake(ids...)
		out := &logs{}
		c := open(t, Config{Logger: out.logger()}, api)
		for _, id := range ids {
			mustList(t, c, id)
		}
		time.Sleep(2 * ttl)
		if _, err := c.Contracts(t.Context()); err != nil { // fresh: only listings are due
			t.Fatal(err)
		}
		api.reset()
		api.set(func() { api.fail = func(call) error { return apiclient.ErrUnauthorized } })
		for _, id := range ids {
			if l, err := c.Listing(t.Context(), id); !errors.Is(err, apiclient.ErrUnauthorized) {
				t.Fatalf("%v, %v", l, err)
			}
		}
		wantCalls(t, api, "", 7)
		if n := out.count("no longer shown"); n != 1 {
			t.Errorf("said %d times", n)
		}

		// Access returns: all of them, as soon as one has found out.
		api.set(func() { api.fail = nil })
		if err := c.Refresh(t.Context(), ids[7]); err != nil {
			t.Fatal(err)
		}
		for _, id := range ids {
			mustList(t, c, id)
		}
	})
}

func TestNothingToServe(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		api := newFake("C1")
		c := open(t, Config{}, api)
		api.fail = errorFor(apiclient.ErrServer, billing.Types()...)
		for range 100 { // a burst
			if _, err := c.Listing(t.Context(), "C1"); !errors.Is(err, apiclient.ErrServer) {
				t.Fatal(err)
			}
		}
		settle()
		if n := api.count("documents"); n > 7 {
			t.Errorf("%d calls", n)
		}
		time.Sleep(fresh.RetryNothing)
		api.set(func() { api.fail = nil })
		mustList(t, c, "C1")
	})
}

func TestOneLoadForAll(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		api := newFake("C1")
		api.before = func(context.Context) { time.Sleep(time.Second) }
		c := open(t, Config{}, api)
		first, leave := context.WithCancel(t.Context())
		var wg sync.WaitGroup
		wg.Go(func() {
			if _, err := c.Listing(first, "C1"); !errors.Is(err, context.Canceled) {
				t.Errorf("the one who left: %v", err)
			}
		})
		settle()
		for range 99 {
			wg.Go(func() {
				if _, err := c.Listing(t.Context(), "C1"); err != nil {
					t.Error(err)
				}
			})
		}
		time.Sleep(1500 * time.Millisecond) // the listing is under way
		leave()
		wg.Wait()
		wantCalls(t, api, "contracts", 1)
		wantCalls(t, api, "documents", 7)

		late, cancel := context.WithTimeout(t.Context(), time.Millisecond)
		defer cancel()
		if _, err := c.Detail(late, "C1"); !errors.Is(err, apiclient.ErrTimeout) || !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("past its deadline: %v", err)
		}
	})
}

func TestUnknownContract(t *testing.T) {
	bubble(t, Config{}, func(t *testing.T, c *Catalog, api *fakeAPI) {
		if _, err := c.Listing(t.Context(), "C9"); !errors.Is(err, apiclient.ErrNotFound) {
			t.Errorf("%v, want ErrNotFound", err)
		}
		wantCalls(t, api, "", 0)
		time.Sleep(2 * ttl)
		api.set(func() { api.fail = down })
		for range 2 {
			_, err := c.Listing(t.Context(), "C9")
			if errors.Is(err, apiclient.ErrNotFound) || !errors.Is(err, apiclient.ErrUnreachable) {
				t.Errorf("by an old list of contracts: %v, want ErrUnreachable", err)
			}
		}
		api.set(func() { api.fail, api.contracts = nil, newFake("C9").contracts })
		time.Sleep(fresh.RetryMost)
		if _, err := c.Listing(t.Context(), "C9"); !errors.Is(err, apiclient.ErrUnreachable) {
			t.Errorf("while the list is refreshed behind: %v", err)
		}
		settle()
		mustList(t, c, "C9")
	})
}

func TestContractsAskedFor(t *testing.T) {
	out := &logs{}
	api := newFake("C1", "C2", "C/3")
	c := open(t, Config{Contracts: []string{"C2", "C/3", "C8"}, Logger: out.logger()}, api)
	for range 3 {
		if err := c.Refresh(t.Context(), ""); err != nil {
			t.Fatal(err)
		}
	}
	list, err := c.Contracts(t.Context())
	if err != nil || len(list.Entries) != 2 || list.Entries[0].Name != "C2" || list.Entries[1].Name != "C_3" {
		t.Errorf("%+v, %v", list, err)
	}
	if e, ok := list.Lookup("C_3"); !ok || e.ID != "C/3" || e.Contract.Name != "contract C/3" {
		t.Errorf("Lookup: %+v, %v", e, ok)
	}
	if _, ok := list.Lookup("C1"); ok {
		t.Error("found one that is not shown")
	}
	if n := out.count("contract=C8"); n != 1 {
		t.Errorf("the missing one was said %d times", n)
	}
	if _, err := c.Listing(t.Context(), "C1"); !errors.Is(err, apiclient.ErrNotFound) {
		t.Errorf("one not asked for: %v", err)
	}
}

func TestContractNamesDoNotDependOnTheFilter(t *testing.T) {
	name := func(cfg Config) string {
		c := open(t, cfg, newFake("a/b", "a_b"))
		list, err := c.Contracts(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		for _, e := range list.Entries {
			if e.ID == "a/b" {
				return e.Name
			}
		}
		return ""
	}
	all, some := name(Config{}), name(Config{Contracts: []string{"a/b"}})
	if all != some || all != "a_b~"+digest("a/b")[:8] {
		t.Errorf("%q and %q", all, some)
	}
}

func TestContractNames(t *testing.T) {
	dir := t.TempDir()
	api := newFake("C/1", "C2", "C3")
	api.set(func() { api.contracts[1].Name = " ../étage \x1b[31m"; api.contracts[2].Name = "" })
	for range 2 { // asked, and then as it was saved
		c := open(t, Config{ContractNames: true, Dir: dir}, api)
		list, err := c.Contracts(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		var names []string
		for _, e := range list.Entries {
			names = append(names, e.Name)
		}
		if want := []string{"C2 .._étage _[31m", "C3", "C_1 contract C_1"}; !slices.Equal(names, want) {
			t.Errorf("%q, want %q", names, want)
		}
		if e, ok := list.Lookup("C_1 contract C_1"); !ok || e.ID != "C/1" {
			t.Errorf("Lookup: %+v, %v", e, ok)
		}
	}
}

func TestContractWithoutID(t *testing.T) {
	api := newFake("C1", "")
	c := open(t, Config{}, api)
	if _, err := c.Contracts(t.Context()); !errors.Is(err, apiclient.ErrProtocol) {
		t.Errorf("%v, want ErrProtocol", err)
	}
}

func TestRefreshAll(t *testing.T) {
	bubble(t, Config{}, func(t *testing.T, c *Catalog, api *fakeAPI) {
		if _, err := c.Detail(t.Context(), "C1"); err != nil {
			t.Fatal(err)
		}
		api.reset()
		if err := c.Refresh(t.Context(), ""); err != nil {
			t.Fatal(err)
		}
		wantCalls(t, api, "contracts", 1)
		wantCalls(t, api, "documents", 7) // of C1; C2 was never looked at
		wantCalls(t, api, "contract", 1)
		mustList(t, c, "C2")
		api.set(func() { api.fail = errorFor(apiclient.ErrServer, billing.TypeBills) })
		if err := c.Refresh(t.Context(), ""); !errors.Is(err, apiclient.ErrServer) {
			t.Errorf("%v, want ErrServer", err)
		}
	})
}

func TestDetail(t *testing.T) {
	bubble(t, Config{}, func(t *testing.T, c *Catalog, api *fakeAPI) {
		api.set(func() { api.detail = "\n{\"id\" :\t\"C1\",\"n\":1.50, \"x\":\"<\xff>\",\"list\":[ ]}\r\n\n" })
		want := "{\n  \"id\": \"C1\",\n  \"n\": 1.50,\n  \"x\": \"<\ufffd>\",\n  \"list\": []\n}\n"
		for range 2 {
			d, err := c.Detail(t.Context(), "C1")
			if err != nil || string(d.JSON) != want {
				t.Errorf("%v, %q", err, d.JSON)
			}
		}
		wantCalls(t, api, "contract", 1)
		time.Sleep(2 * ttl)
		api.set(func() { api.detail = "{" })
		d, err := c.Detail(t.Context(), "C1")
		if err != nil || !errors.Is(d.Stale, apiclient.ErrProtocol) || string(d.JSON) != want {
			t.Errorf("when it is no JSON any more: %v, %+v", err, d)
		}
		if _, err := c.Detail(t.Context(), "C9"); !errors.Is(err, apiclient.ErrNotFound) {
			t.Errorf("of no contract: %v", err)
		}
	})
}

func TestClose(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		api := newFake("C1")
		api.before = func(ctx context.Context) { <-ctx.Done() }
		c := open(t, Config{}, api)
		done := make(chan error)
		go func() {
			_, err := c.Listing(t.Context(), "C1")
			done <- err
		}()
		settle()
		go c.Close()
		if err := <-done; !errors.Is(err, context.Canceled) {
			t.Errorf("who waited got %v", err)
		}
		if _, err := c.Listing(t.Context(), "C1"); !errors.Is(err, context.Canceled) {
			t.Errorf("after Close: %v", err)
		}
		if err := c.Refresh(t.Context(), ""); !errors.Is(err, context.Canceled) {
			t.Errorf("Refresh after Close: %v", err)
		}
	})
}

func TestBadConfig(t *testing.T) {
	for _, cfg := range []Config{{TTL: -1}, {Listings: -1}, {ListedDocuments: -1}, {Types: []string{"bill"}}} {
		if c, err := New(cfg, newFake()); err == nil {
			c.Close()
			t.Errorf("%+v was taken", cfg)
		}
	}
}
