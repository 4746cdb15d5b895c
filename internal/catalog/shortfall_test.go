package catalog

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"time"

	"ccsfs/apiclient"
	"ccsfs/internal/billing"
)

// short writes shortfalls as texts: kind, operation, contract, types.
func short(c *Catalog) []string {
	var out []string
	for _, s := range c.Shortfalls() {
		out = append(out, fmt.Sprint(s.Kind, " ", s.Op, " ", s.ContractID, s.Types))
	}
	return out
}

func wantShort(t *testing.T, c *Catalog, want ...string) {
	t.Helper()
	if got := short(c); fmt.Sprint(got) != fmt.Sprint(want) {
		t.Errorf("shortfalls %q, want %q", got, want)
	}
}

// ways are all the ways by which an answer of the catalog gets out.
func ways() map[string]func(c *Catalog) error {
	return map[string]func(c *Catalog) error{
		"contracts ": func(c *Catalog) error { _, err := c.Contracts(context.Background()); return err },
		"listing C1": func(c *Catalog) error { _, err := c.Listing(context.Background(), "C1"); return err },
		"known C1":   func(c *Catalog) error { _, err := c.Known("C1"); return err },
		"detail C1":  func(c *Catalog) error { _, err := c.Detail(context.Background(), "C1"); return err },
	}
}

// opOf is how a way is called in a Shortfall.
func opOf(way string) string {
	if way == "known C1" {
		return "listing C1"
	}
	return way
}

// Whatever hands out something old says so, by whatever way and for whatever
// reason it is old.
func TestEveryWayOutTellsOfStale(t *testing.T) {
	for way, ask := range ways() {
		for title, prepare := range map[string]func(api *fakeAPI){
			"unreachable": func(api *fakeAPI) { api.fail = down },
			"slow":        func(api *fakeAPI) { api.before = func(context.Context) { time.Sleep(20 * time.Second) } },
		} {
			t.Run(way+" "+title, func(t *testing.T) {
				bubble(t, Config{}, func(t *testing.T, c *Catalog, api *fakeAPI) {
					if _, err := c.Detail(t.Context(), "C1"); err != nil {
						t.Fatal(err)
					}
					wantShort(t, c)
					first := c.contracts.Peek().view.FetchedAt
					time.Sleep(3 * ttl)
					api.set(func() { prepare(api) })
					if err := ask(c); err != nil {
						t.Fatal(err)
					}
					wantShort(t, c, "stale "+opOf(way)+"[]")
					if got := c.Shortfalls(); len(got) > 0 && (!got[0].Since.Equal(first) || !apiclient.Temporary(got[0].Err)) {
						t.Errorf("since %v, want %v; %v", got[0].Since, first, got[0].Err)
					}
					// A fresh one that follows does not undo it.
					time.Sleep(time.Minute)
					api.set(func() { api.fail, api.before = nil, nil })
					if err := errors.Join(c.Refresh(t.Context(), ""), ask(c)); err != nil {
						t.Fatal(err)
					}
					wantShort(t, c, "stale "+opOf(way)+"[]")
				})
			})
		}
	}
}

func TestOfflineTellsOfStale(t *testing.T) {
	for way, ask := range ways() {
		dir := t.TempDir()
		api := seen(t, dir)
		c := open(t, Config{Dir: dir, Offline: true, Now: func() time.Time { return time.Now().Add(time.Hour) }}, api)
		if err := ask(c); err != nil {
			t.Fatal(err)
		}
		want := []string{"stale " + opOf(way) + "[]"}
		if opOf(way) == "listing C1" {
			want = append(want, "refused listing C1[reports]")
		}
		wantShort(t, c, want...)
	}
}

// What nobody was given is no shortfall.
func TestStaleThatNobodyGotIsNoShortfall(t *testing.T) {
	bubble(t, Config{}, func(t *testing.T, c *Catalog, api *fakeAPI) {
		time.Sleep(3 * ttl)
		api.set(func() { api.fail = down })
		if err := c.Refresh(t.Context(), ""); !errors.Is(err, apiclient.ErrUnreachable) {
			t.Errorf("%v", err)
		}
		api.set(func() { api.fail = nil })
		if err := c.Refresh(t.Context(), ""); err != nil {
			t.Fatal(err)
		}
		mustList(t, c, "C1")
		wantShort(t, c)
	})
}

// Types that are refused, documents that may be hidden, contracts that are not
// there, also where the listing was saved by a process that knew.
func TestWhatIsLeftOutIsAShortfall(t *testing.T) {
	dir := t.TempDir()
	for _, saved := range []bool{false, true} {
		api := newFake("C1")
		api.docs["C1"] = together(monthly(billing.TypeBills, 40, 1), monthly(billing.TypeReports, 10, 8))
		api.cap = 20
		api.fail = errorFor(apiclient.ErrForbidden, billing.TypeInvoices)
		c := open(t, Config{
			Dir: dir, Offline: saved, Contracts: []string{"C1", "C9"}, Types: []string{billing.TypeBills, billing.TypeReports, billing.TypeInvoices},
		}, api)
		if _, err := c.Contracts(t.Context()); err != nil {
			t.Fatal(err)
		}
		mustList(t, c, "C1")
		mustList(t, c, "C1")
		wantShort(t, c, "refused listing C1[invoices]", "suspect listing C1[]", "missing contracts C9[]")
		if got := c.Shortfalls(); !got[0].Named || !errors.Is(got[0].Err, apiclient.ErrForbidden) {
			t.Errorf("%+v", got[0])
		}
		c.Close()
	}
	api := newFake("C1")
	api.docs["C1"] = monthly(billing.TypeBills, 1, 1)
	api.fail = errorFor(apiclient.ErrForbidden, billing.TypeInvoices)
	c := open(t, Config{}, api)
	mustList(t, c, "C1")
	if got := c.Shortfalls(); len(got) != 1 || got[0].Named || got[0].Kind != Refused {
		t.Errorf("of a type that nobody named: %+v", got)
	}
}

// Of a type that somebody named, and of which nothing at all is listed, that is said:
// the API answers the same for a type that the user may not see.
func TestNamedTypesOfWhichNothingIsListed(t *testing.T) {
	dir := t.TempDir()
	for _, saved := range []bool{false, true} {
		api := newFake("C1", "C2")
		api.docs["C1"] = monthly(billing.TypeBills, 3, 1)
		c := open(t, Config{Dir: dir, Offline: saved, Types: []string{billing.TypeBills, billing.TypeInvoices, billing.TypePartialBills, "credits"}}, api)
		if got := c.Shortfalls(); len(got) != 0 {
			t.Errorf("nothing was looked at, and yet %+v", got)
		}
		mustList(t, c, "C2")
		wantShort(t, c, "unlisted listing [bills credits invoices]")
		mustList(t, c, "C1")
		wantShort(t, c, "unlisted listing [credits invoices]")
		if got := c.Unsaid(); len(got) != 1 || !got[0].Named {
			t.Errorf("%+v", got)
		}
		c.Close()
	}
	api, now := newFake("C1"), time.Now() // of a clock that goes in steps, as on Windows
	c := open(t, Config{Types: []string{billing.TypeInvoices}, Now: func() time.Time { return now }}, api)
	mustList(t, c, "C1")
	wantShort(t, c, "unlisted listing [invoices]")
	api.docs["C1"] = monthly(billing.TypeInvoices, 1, 100)
	if err := c.Refresh(t.Context(), "C1"); err != nil {
		t.Fatal(err)
	}
	mustList(t, c, "C1")
	wantShort(t, c)

	// Without names it is a matter of all of them, in all that was looked at.
	api = newFake("C1", "C2")
	api.docs["C2"] = monthly(billing.TypePartialBills, 1, 1)
	c = open(t, Config{}, api)
	wantShort(t, c)
	mustList(t, c, "C1")
	wantShort(t, c, "unlisted listing []")
	mustList(t, c, "C2")
	wantShort(t, c)

	// Types that are refused are no documents.
	api = newFake("C1")
	api.fail = errorFor(apiclient.ErrForbidden, billing.TypeInvoices, billing.TypeBills)
	c = open(t, Config{}, api)
	mustList(t, c, "C1")
	wantShort(t, c, "unlisted listing []", "refused listing C1[bills invoices]")
}

// An error is a shortfall until the same is had after all: the program that
// got it may have gone on without.
func TestFailuresAreShortfallsUntilTheyPass(t *testing.T) {
	for way, ask := range ways() {
		bubble(t, Config{}, func(t *testing.T, c *Catalog, api *fakeAPI) {
			time.Sleep(ttl)
			refuse := func(call) error { return apiclient.ErrForbidden }
			api.set(func() { api.fail = refuse })
			_ = c.Refresh(t.Context(), "C1")
			if way != "known C1" {
				_ = c.Refresh(t.Context(), "")
			}
			if err := ask(c); !errors.Is(err, apiclient.ErrForbidden) {
				t.Fatalf("%s: %v", way, err)
			}
			wantShort(t, c, "failed "+opOf(way)+"[]")
			api.set(func() { api.fail = nil })
			time.Sleep(time.Hour)
			if err := errors.Join(c.Refresh(t.Context(), ""), c.Refresh(t.Context(), "C1"), ask(c)); err != nil {
				t.Fatal(err)
			}
			wantShort(t, c)
			// Who leaves, or asks for what is not there, was not served short.
			gone, cancel := context.WithCancel(t.Context())
			cancel()
			_, _ = c.Detail(gone, "C2")
			_, _ = c.Listing(t.Context(), "C9")
			wantShort(t, c)
		})
	}
}

// A mount that lives for long gathers no more than one of a kind and subject.
func TestShortfallsStayFew(t *testing.T) {
	bubble(t, Config{}, func(t *testing.T, c *Catalog, api *fakeAPI) {
		api.set(func() { api.fail = down })
		for range 200 {
			time.Sleep(ttl)
			_, _ = c.Contracts(t.Context())
			mustList(t, c, "C1")
			_, _ = c.Listing(t.Context(), "C2")
			_, _ = c.Known("C1")
		}
		wantShort(t, c, "stale contracts []", "stale listing C1[]", "failed listing C2[]")
	})
}
