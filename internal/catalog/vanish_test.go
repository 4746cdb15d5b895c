package catalog

import (
	"errors"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"ccsfs/apiclient"
	"ccsfs/internal/billing"
	"ccsfs/internal/catalog/fresh"
)

// full is an account with documents of several final types, one of them not
// known to us, and of one that changes.
func full() []apiclient.Document {
	return together(monthly(billing.TypeBills, 7, 1), monthly(billing.TypeInvoices, 3, 1), monthly("credits", 2, 1), monthly(billing.TypePartialBills, 1, 1))
}

// A type that lists nothing where it listed documents before, for one answer,
// loses nothing and worries nobody.
func TestATypeThatIsEmptyForAMoment(t *testing.T) {
	for _, types := range [][]string{{billing.TypeBills}, {""}, {billing.TypeBills, billing.TypeInvoices, "", billing.TypePartialBills}} {
		bubble(t, Config{}, func(t *testing.T, c *Catalog, api *fakeAPI) {
			api.set(func() { api.docs["C1"] = full() })
			if err := c.Refresh(t.Context(), "C1"); err != nil {
				t.Fatal(err)
			}
			empty := slices.Clone(types)
			api.set(func() {
				api.null = func(k call) bool {
					i := slices.Index(empty, k.typ)
					if i >= 0 {
						empty = slices.Delete(empty, i, i+1)
					}
					return i >= 0
				}
			})
			api.reset()
			if err := c.Refresh(t.Context(), "C1"); err != nil {
				t.Fatal(err)
			}
			if l := mustList(t, c, "C1"); len(l.Documents) != 13 || l.Suspect != "" {
				t.Errorf("%q empty: %d documents, suspect %q", types, len(l.Documents), l.Suspect)
			}
			if n := api.count("documents"); n > 7+len(types) {
				t.Errorf("%q empty: %d calls", types, n)
			}
		})
	}
}

// One that stays empty is not believed for an hour: the documents stay, and it
// is said why. After that they are gone. Also over a restart.
func TestATypeThatStaysEmpty(t *testing.T) {
	for title, null := range map[string]func(k call) bool{
		"bills":     func(k call) bool { return k.typ == billing.TypeBills || k.typ == "" },
		"all types": func(call) bool { return true },
	} {
		dir := t.TempDir()
		bubble(t, Config{Dir: dir}, func(t *testing.T, c *Catalog, api *fakeAPI) {
			api.set(func() { api.docs["C1"] = full() })
			if err := c.Refresh(t.Context(), "C1"); err != nil {
				t.Fatal(err)
			}
			api.set(func() { api.null = func(k call) bool { return k.op == "documents" && null(k) } })
			for round := range 3 {
				api.reset()
				if err := c.Refresh(t.Context(), "C1"); err != nil {
					t.Fatal(err)
				}
				if n := api.count("documents"); (n > 7) != (round == 0) {
					t.Errorf("%s: %d calls in round %d", title, n, round)
				}
				l := mustList(t, c, "C1")
				if bills := count(l, billing.TypeBills); bills != 7 || l.Suspect == "" {
					t.Errorf("%s: %d bills, suspect %q", title, bills, l.Suspect)
				}
				wantShort(t, c, "suspect listing C1[]")
				if s := c.Stats().Suspect; !l.Old || !c.Shortfalls()[0].Old || len(s) != 1 || !s[0].Old {
					t.Errorf("%s: it is not said that what is shown is old: %+v", title, s)
				}
				c.Close()
				time.Sleep(25 * time.Minute)
				c = open(t, Config{Dir: dir}, api)
			}
			if err := c.Refresh(t.Context(), "C1"); err != nil {
				t.Fatal(err)
			}
			if l := mustList(t, c, "C1"); count(l, billing.TypeBills) != 0 || l.Suspect != "" || l.Old {
				t.Errorf("%s: after an hour: %d bills, suspect %q", title, count(l, billing.TypeBills), l.Suspect)
			} else if len(l.Gone) == 0 || l.Gone[0].String() != "7 documents of type bills are not listed any more since 2000-01-01" {
				t.Errorf("%s: after an hour: gone %+v", title, l.Gone)
			}
			// They may come back at any time.
			api.set(func() { api.null = nil })
			if err := c.Refresh(t.Context(), "C1"); err != nil {
				t.Fatal(err)
			}
			if l := mustList(t, c, "C1"); len(l.Documents) != 13 || l.Suspect != "" || len(l.Gone) != 0 {
				t.Errorf("%s: back: %d documents, suspect %q", title, len(l.Documents), l.Suspect)
			}
		})
	}
}

func count(l *Listing, typ string) int {
	n := 0
	for i := range l.Documents {
		if l.Documents[i].Type == typ {
			n++
		}
	}
	return n
}

// Some documents that are gone are asked for once more; if they are gone then,
// they are.
func TestAPageThatShrinks(t *testing.T) {
	bubble(t, Config{}, func(t *testing.T, c *Catalog, api *fakeAPI) {
		api.set(func() { api.docs["C1"] = full() })
		if err := c.Refresh(t.Context(), "C1"); err != nil {
			t.Fatal(err)
		}
		api.reset()
		short := 2 // answers: of its own type, and of all
		api.set(func() {
			api.null = func(k call) bool {
				if (k.typ == billing.TypeBills || k.typ == "") && short > 0 {
					short--
					return true
				}
				return false
			}
			api.nullIs = 4
		})
		if err := c.Refresh(t.Context(), "C1"); err != nil {
			t.Fatal(err)
		}
		if l := mustList(t, c, "C1"); len(l.Documents) != 13 || l.Suspect != "" {
			t.Errorf("for a moment: %d documents, suspect %q", len(l.Documents), l.Suspect)
		}
		api.set(func() {
			api.null, api.docs["C1"] = nil, slices.DeleteFunc(full(), func(d apiclient.Document) bool { return d.ID == "bills-202607-0" })
		})
		api.reset()
		if err := c.Refresh(t.Context(), "C1"); err != nil {
			t.Fatal(err)
		}
		if l := mustList(t, c, "C1"); len(l.Documents) != 12 || l.Suspect != "" {
			t.Errorf("for good: %d documents, suspect %q", len(l.Documents), l.Suspect)
		}
		wantCalls(t, api, "documents", 8)
	})
}

// The second answer may fail, too: then so does the listing, as with any of
// its answers, and what was there stays.
func TestWhatVanishesIsAskedForInVain(t *testing.T) {
	for _, cause := range []error{apiclient.ErrServer, apiclient.ErrForbidden, apiclient.ErrNotFound} {
		bubble(t, Config{}, func(t *testing.T, c *Catalog, api *fakeAPI) {
			bills := 0
			api.set(func() {
				api.null = func(k call) bool { return k.op == "documents" }
				api.fail = func(k call) error {
					if k.typ == billing.TypeBills {
						if bills++; bills > 1 {
							return cause
						}
					}
					return nil
				}
			})
			err := c.Refresh(t.Context(), "C1")
			if err == nil || fresh.Denied(err) {
				t.Errorf("%v: %v", cause, err)
			}
			if l := mustList(t, c, "C1"); len(l.Documents) != 11 {
				t.Errorf("%d documents", len(l.Documents))
			}
		})
	}
}

// Where the query that finds types unknown to us is refused, those documents
// stay, for as long as nobody says what has become of them.
func TestUnknownTypesOutliveTheEmptyType(t *testing.T) {
	for _, cause := range []error{apiclient.ErrForbidden, apiclient.ErrInvalid, apiclient.ErrNotFound} {
		bubble(t, Config{}, func(t *testing.T, c *Catalog, api *fakeAPI) {
			api.set(func() { api.docs["C1"] = full() })
			if err := c.Refresh(t.Context(), "C1"); err != nil {
				t.Fatal(err)
			}
			api.set(func() { api.fail = errorFor(cause, "") })
			for range 3 {
				if err := c.Refresh(t.Context(), "C1"); err != nil {
					t.Fatal(err)
				}
				if l := mustList(t, c, "C1"); count(l, "credits") != 2 || l.Suspect == "" || len(l.Documents) != 13 || l.Old {
					t.Errorf("%v: %d documents, suspect %q", cause, len(l.Documents), l.Suspect)
				}
				time.Sleep(2 * time.Hour)
			}
		})
	}
}

// What changes during the month comes and goes.
func TestDocumentsOfTheMonthGoAtOnce(t *testing.T) {
	bubble(t, Config{}, func(t *testing.T, c *Catalog, api *fakeAPI) {
		api.set(func() { api.docs["C1"] = full() })
		if err := c.Refresh(t.Context(), "C1"); err != nil {
			t.Fatal(err)
		}
		api.set(func() {
			api.docs["C1"] = slices.DeleteFunc(full(), func(d apiclient.Document) bool { return d.Type == billing.TypePartialBills })
		})
		api.reset()
		if err := c.Refresh(t.Context(), "C1"); err != nil {
			t.Fatal(err)
		}
		if l := mustList(t, c, "C1"); len(l.Documents) != 12 || l.Suspect != "" {
			t.Errorf("%d documents, suspect %q", len(l.Documents), l.Suspect)
		}
		wantCalls(t, api, "documents", 7)
	})
}

// Documents that are found under another type now are not gone.
func TestDocumentsThatChangeTheirType(t *testing.T) {
	bubble(t, Config{}, func(t *testing.T, c *Catalog, api *fakeAPI) {
		api.set(func() {
			for i := range api.docs["C1"] {
				api.docs["C1"][i].Type = billing.TypeReports
			}
		})
		api.reset()
		if err := c.Refresh(t.Context(), "C1"); err != nil {
			t.Fatal(err)
		}
		if l := mustList(t, c, "C1"); len(l.Documents) != 11 || count(l, billing.TypeReports) != 11 || l.Suspect != "" {
			t.Errorf("%d documents, suspect %q", len(l.Documents), l.Suspect)
		}
		wantCalls(t, api, "documents", 7)
	})
}

// An account that lists no contracts where it listed some, likewise.
func TestContractsThatVanishAllAtOnce(t *testing.T) {
	dir := t.TempDir()
	synctest.Test(t, func(t *testing.T) {
		api := newFake("C1", "C2")
		all := api.contracts
		out := &logs{}
		c := open(t, Config{Dir: dir, Logger: out.logger()}, api)
		list := func() *Contracts {
			t.Helper()
			if err := c.Refresh(t.Context(), ""); err != nil {
				t.Fatal(err)
			}
			l, err := c.Contracts(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			return l
		}
		list()
		// For a moment.
		once := true
		api.set(func() {
			api.null = func(k call) bool { defer func() { once = false }(); return k.op == "contracts" && once }
		})
		if l := list(); len(l.Entries) != 2 || l.Suspect != "" {
			t.Errorf("for a moment: %+v", l)
		}
		// For longer.
		api.set(func() { api.null, api.contracts = nil, nil })
		for range 3 {
			if l := list(); len(l.Entries) != 2 || l.Suspect == "" || l.Stale != nil || !l.Old || !c.Shortfalls()[0].Old {
				t.Errorf("%+v", l)
			}
			wantShort(t, c, "suspect contracts []")
			if s := c.Stats(); len(s.Suspect) != 1 || s.Suspect[0].Op != "contracts" || !s.Suspect[0].Old {
				t.Errorf("status says %+v", s.Suspect)
			}
			c.Close()
			time.Sleep(25 * time.Minute)
			c = open(t, Config{Dir: dir, Logger: out.logger()}, api)
		}
		if l := list(); len(l.Entries) != 0 || l.Suspect != "" || l.Old {
			t.Errorf("after an hour: %+v", l)
		}
		if s := c.Stats(); len(s.Suspect) != 1 || !s.Suspect[0].Empty || out.count("list of contracts is empty") != 1 {
			t.Errorf("after an hour: status says %+v", s.Suspect)
		}
		api.set(func() { api.contracts = all })
		if l := list(); len(l.Entries) != 2 || l.Suspect != "" || l.Old || len(c.Stats().Suspect) != 0 {
			t.Errorf("back: %+v", l)
		}
		if n := out.count("lists no contracts"); n != 3 { // once in each process
			t.Errorf("said %d times", n)
		}
		// Fewer than before, but some, is what it is.
		api.set(func() { api.contracts = all[:1] })
		if l := list(); len(l.Entries) != 1 || l.Suspect != "" {
			t.Errorf("one is gone: %+v", l)
		}
	})
}

// A contract that is not listed for a moment is not gone; one that is gone is asked
// for once more, and not again.
func TestAContractThatVanishesForAMoment(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		api := newFake("C1", "C2")
		all := api.contracts
		c := open(t, Config{}, api)
		refresh := func() []ContractEntry {
			t.Helper()
			if err := c.Refresh(t.Context(), ""); err != nil {
				t.Fatal(err)
			}
			l, err := c.Contracts(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			return l.Entries
		}
		refresh()
		api.set(func() {
			api.contracts = all[:1]
			asked := 0
			api.null = func(call) bool {
				if asked++; asked == 2 {
					api.contracts = all
				}
				return false
			}
		})
		api.reset()
		if l := refresh(); len(l) != 2 {
			t.Errorf("for a moment: %+v", l)
		}
		wantCalls(t, api, "contracts", 2)
		api.set(func() { api.contracts, api.null = all[:1], nil })
		api.reset()
		for range 3 {
			if l := refresh(); len(l) != 1 {
				t.Errorf("for good: %+v", l)
			}
		}
		wantCalls(t, api, "contracts", 4)
	})
}

// An account or a contract that had nothing has nothing.
func TestWhatWasEmptyIsNotAskedForTwice(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		api := newFake()
		c := open(t, Config{}, api)
		for range 3 {
			if err := c.Refresh(t.Context(), ""); err != nil {
				t.Fatal(err)
			}
		}
		wantCalls(t, api, "contracts", 3)
		if l, err := c.Contracts(t.Context()); err != nil || len(l.Entries) != 0 || l.Suspect != "" {
			t.Errorf("%+v, %v", l, err)
		}
	})
}

// A limit that the API begins to have hides the oldest documents at once.
func TestACapThatAppears(t *testing.T) {
	bubble(t, Config{Types: []string{billing.TypeBills}}, func(t *testing.T, c *Catalog, api *fakeAPI) {
		api.set(func() { api.docs["C1"] = monthly(billing.TypeBills, 13, 1) })
		if err := c.Refresh(t.Context(), "C1"); err != nil {
			t.Fatal(err)
		}
		api.set(func() { api.cap = 10 })
		for _, calls := range []int{2, 1} {
			api.reset()
			if err := c.Refresh(t.Context(), "C1"); err != nil {
				t.Fatal(err)
			}
			wantCalls(t, api, "documents", calls)
			if l := mustList(t, c, "C1"); len(l.Documents) != 13 || l.Suspect == "" {
				t.Errorf("%d documents, suspect %q", len(l.Documents), l.Suspect)
			}
		}
		api.set(func() { api.cap = 0 })
		if err := c.Refresh(t.Context(), "C1"); err != nil {
			t.Fatal(err)
		}
		if l := mustList(t, c, "C1"); len(l.Documents) != 13 || l.Suspect != "" {
			t.Errorf("without it: %d documents, suspect %q", len(l.Documents), l.Suspect)
		}
	})
}

// A clock set back makes a listing seem younger, but for no longer than its
// time to live.
func TestClockSetBackWithinTheAge(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var back time.Duration
		api := newFake("C1")
		c := open(t, Config{Now: func() time.Time { return time.Now().Add(-back) }}, api)
		mustList(t, c, "C1")
		time.Sleep(ttl - time.Second)
		back = ttl - time.Second
		mustList(t, c, "C1")
		time.Sleep(2 * ttl)
		if l := mustList(t, c, "C1"); time.Now().Add(-back).Sub(l.FetchedAt) > ttl || l.Stale != nil {
			t.Errorf("of %v, stale %v", l.FetchedAt, l.Stale)
		}
	})
}

// Two processes with different clocks: what one saved in the future of the
// other is old there; neither shows anything older than its time to live.
func TestProcessesWithDifferentClocks(t *testing.T) {
	for _, ahead := range []time.Duration{time.Second, time.Hour, 24 * time.Hour} {
		dir := t.TempDir()
		synctest.Test(t, func(t *testing.T) {
			api := newFake("C1")
			api.docs["C1"] = monthly(billing.TypeBills, 1, 1)
			a := open(t, Config{Dir: dir, Now: func() time.Time { return time.Now().Add(ahead) }}, api)
			b := open(t, Config{Dir: dir}, api)
			for n := 2; n < 8; n++ {
				for _, c := range []*Catalog{a, b} {
					if l := mustList(t, c, "C1"); l.Stale != nil {
						t.Errorf("%v ahead: stale %v", ahead, l.Stale)
					}
				}
				settle()
				api.set(func() { api.docs["C1"] = monthly(billing.TypeBills, n, 1) })
				time.Sleep(3 * ttl)
				for _, c := range []*Catalog{b, a} {
					if l := mustList(t, c, "C1"); len(l.Documents) != n {
						t.Errorf("%v ahead: %d documents, want %d", ahead, len(l.Documents), n)
					}
				}
				settle()
			}
		})
	}
}

// A contract that is new is listed as soon as the list of contracts is
// refreshed, by whichever process.
func TestANewContractIsSeenByAll(t *testing.T) {
	pair(t, 2, Config{}, func(t *testing.T, all []*Catalog, api *fakeAPI) {
		for _, c := range all {
			if _, err := c.Listing(t.Context(), "C3"); !errors.Is(err, apiclient.ErrNotFound) {
				t.Errorf("%v", err)
			}
		}
		api.set(func() { api.contracts = newFake("C1", "C2", "C3").contracts })
		if err := all[0].Refresh(t.Context(), ""); err != nil {
			t.Fatal(err)
		}
		settle()
		time.Sleep(fresh.LookEvery)
		for _, c := range all {
			mustList(t, c, "C3")
		}
		wantCalls(t, api, "contracts", 2)
	})
}
