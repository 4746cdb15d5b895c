package catalog

import (
	"slices"
	"strings"
	"testing"
	"time"

	"ccsfs/apiclient"
	"ccsfs/internal/billing"
)

func TestSuspect(t *testing.T) {
	everything := func(months, perMonth int) []apiclient.Document {
		var lists [][]apiclient.Document
		for _, typ := range []string{billing.TypeBills, billing.TypeInvoices, billing.TypeRated, billing.TypeReports} {
			lists = append(lists, monthly(typ, months, perMonth))
		}
		return together(append(lists, monthly(billing.TypePartialBills, 1, 1))...)
	}
	bigger := together(monthly(billing.TypeBills, 40, 1), monthly(billing.TypeReports, 10, 8), monthly(billing.TypeInvoices, 7, 1))
	for _, tt := range []struct {
		title   string
		docs    []apiclient.Document
		cap     int
		types   []string
		created string
		noEmpty bool   // the empty type is refused
		untyped string // what it means, if not all
		want    string // "" is not suspect
	}{
		{title: "10 months, nothing hidden", docs: everything(10, 1), created: "2026-01-20"},
		{title: "20 months, nothing hidden", docs: everything(20, 1), created: "2025-02-20"},
		{title: "20 months, empty type refused", docs: everything(20, 1), created: "2025-02-20", noEmpty: true},
		{title: "30 months, contract older than its documents", docs: everything(30, 1), created: "2019-01-01", noEmpty: true},
		{title: "20 months, contract of unknown age", docs: everything(20, 1), noEmpty: true},
		{title: "one type of 20", docs: monthly(billing.TypeBills, 20, 1), created: "2010-01-01"},
		{title: "the empty type means one type", docs: together(monthly(billing.TypeReports, 20, 1), monthly(billing.TypeBills, 7, 1)), untyped: billing.TypeReports},
		{title: "no documents", created: "2010-01-01"},
		{title: "one began a month later", noEmpty: true, created: "2026-01-01",
			docs: together(monthly(billing.TypeBills, 10, 1), monthly(billing.TypeReports, 11, 1)[:10], monthly(billing.TypeInvoices, 9, 1), monthly(billing.TypeInvoices, 11, 1)[10:])},
		{title: "capped, the empty type shows it", docs: everything(30, 1), cap: 20, want: "a list of all types"},
		{title: "capped, types of different density", docs: bigger, cap: 20, noEmpty: true, want: "months apart"},
		{title: "not capped, types of different density", docs: bigger, noEmpty: true},
		{title: "capped, the contract is older", docs: everything(30, 1), cap: 20, noEmpty: true, created: "2024-05-01", want: "first months of the contract"},
		{title: "capped, types given", docs: bigger, cap: 20, types: []string{billing.TypeBills, billing.TypeReports}, want: "months apart"},
		{title: "capped above what there is", docs: everything(30, 1), cap: 500, created: "2024-05-01"},
	} {
		t.Run(tt.title, func(t *testing.T) {
			api, out := newFake("C1"), &logs{}
			api.untyped = tt.untyped
			api.docs["C1"], api.cap, api.contracts[0].CreatedAt = tt.docs, tt.cap, tt.created
			if tt.noEmpty {
				api.fail = errorFor(apiclient.ErrForbidden, "")
			}
			c := open(t, Config{Types: tt.types, Logger: out.logger()}, api)
			l := mustList(t, c, "C1")
			if (l.Suspect == "") != (tt.want == "") || !strings.Contains(l.Suspect, tt.want) {
				t.Errorf("suspect %q, want %q", l.Suspect, tt.want)
			}
			if err := c.Refresh(t.Context(), "C1"); err != nil {
				t.Fatal(err)
			}
			said := out.count("may not list all")
			if again := mustList(t, c, "C1"); (again.Suspect == "") != (tt.want == "") || (said == 0) != (tt.want == "") {
				t.Errorf("the second time: %q; said %d times", again.Suspect, said)
			}
			if s := c.Stats(); (len(s.Suspect) == 0) != (tt.want == "") {
				t.Errorf("status says %+v", s.Suspect)
			}
		})
	}
}

// TestSlidingWindow is a cap that nothing shows until a document comes: the
// oldest would be lost without a word.
func TestSlidingWindow(t *testing.T) {
	api, dir := newFake("C1"), t.TempDir()
	api.docs["C1"] = monthly(billing.TypeBills, 30, 1)[1:]
	api.cap = 20
	cfg := Config{Types: []string{billing.TypeBills}, Dir: dir}
	c := open(t, cfg, api)
	before := idsOf(mustList(t, c, "C1"))
	if len(before) != 20 {
		t.Fatalf("%d documents", len(before))
	}
	api.set(func() { api.docs["C1"] = monthly(billing.TypeBills, 30, 1) })
	for range 2 { // it stays a suspect when nothing slides any more
		if err := c.Refresh(t.Context(), "C1"); err != nil {
			t.Fatal(err)
		}
		l := mustList(t, c, "C1")
		if len(l.Documents) != 21 || l.Suspect == "" {
			t.Errorf("%d documents, suspect %q: want the old 20 and the new one", len(l.Documents), l.Suspect)
		}
	}
	c.Close()

	// Also from what was saved.
	api.set(func() {
		api.docs["C1"] = append([]apiclient.Document{{ID: "new", Period: "202611", Type: billing.TypeBills}}, api.docs["C1"]...)
	})
	c = open(t, cfg, api)
	if err := c.Refresh(t.Context(), "C1"); err != nil {
		t.Fatal(err)
	}
	if l := mustList(t, c, "C1"); len(l.Documents) != 22 {
		t.Errorf("%d documents after a restart, want 22", len(l.Documents))
	}

	// One that vanishes from the middle of the answer is gone.
	api.set(func() { api.docs["C1"] = slices.Delete(api.docs["C1"], 5, 6) })
	if err := c.Refresh(t.Context(), "C1"); err != nil {
		t.Fatal(err)
	}
	if l := mustList(t, c, "C1"); l.Find("bills-202606-0") != nil || len(l.Documents) != 21 {
		t.Errorf("%d documents, the deleted one: %v", len(l.Documents), l.Find("bills-202606-0"))
	}
}

func TestDocumentsVanishWhenNothingIsHidden(t *testing.T) {
	api := newFake("C1")
	api.docs["C1"] = monthly(billing.TypeBills, 12, 1)
	c := open(t, Config{}, api)
	mustList(t, c, "C1")
	api.set(func() { api.docs["C1"] = api.docs["C1"][:9] })
	if err := c.Refresh(t.Context(), "C1"); err != nil {
		t.Fatal(err)
	}
	if l := mustList(t, c, "C1"); len(l.Documents) != 9 || l.Suspect != "" {
		t.Errorf("%d documents, suspect %q", len(l.Documents), l.Suspect)
	}
}

func TestHiddenKeepsOnlyWhatIsOld(t *testing.T) {
	prev := newListing("C1", time.Unix(1, 0), []billing.Document{
		{ID: "older", Type: billing.TypeBills, Period: "202501"},
		{ID: "same", Type: billing.TypeBills, Period: "202503"},
		{ID: "newer", Type: billing.TypeBills, Period: "202504"},
		{ID: "ageless", Type: billing.TypeBills},
		{ID: "other", Type: billing.TypeReports, Period: "202401"},
		{ID: "there", Type: billing.TypeBills, Period: "202401"},
	}, flat(t), nil)
	docs := []billing.Document{{ID: "a", Type: billing.TypeBills, Period: "202503"}, {ID: "b", Type: billing.TypeBills, Period: "202505"}, {ID: "there", Type: billing.TypeInvoices}}
	var got []string
	for _, d := range hidden(docs, prev, map[string]int{billing.TypeBills: 2}, nil) {
		got = append(got, d.ID)
	}
	if want := []string{"older", "same"}; !slices.Equal(got, want) {
		t.Errorf("kept %v, want %v", got, want)
	}
}

// TestAnswersThatSayThereIsMore: what the API says itself is no suspicion. What was
// known before of such a type stays, whatever its age; the first time that nothing
// is said the list is the truth again.
func TestAnswersThatSayThereIsMore(t *testing.T) {
	api := newFake("C1", "C2")
	api.docs["C1"] = together(monthly(billing.TypeBills, 12, 1), monthly(billing.TypeReports, 3, 1))
	cfg := Config{Dir: t.TempDir()}
	listed := func(c *Catalog, contracts, documents int, part bool) {
		t.Helper()
		all, err := c.Contracts(t.Context())
		if err != nil || len(all.Entries) != contracts || all.Incomplete != part || (all.Suspect == "") == part {
			t.Errorf("%d contracts, incomplete %t %q, %v", len(all.Entries), all.Incomplete, all.Suspect, err)
		}
		l := mustList(t, c, "C1")
		if len(l.Documents) != documents || l.Incomplete != part || (l.Suspect == "") == part {
			t.Errorf("%d documents, incomplete %t %q", len(l.Documents), l.Incomplete, l.Suspect)
		}
		said := slices.DeleteFunc(c.Shortfalls(), func(s Shortfall) bool { return s.Kind != Suspect || !s.Told })
		if want := map[bool]int{true: 2}[part]; len(said) != want {
			t.Errorf("%+v", said)
		}
	}
	refreshed := func(c *Catalog) *Catalog {
		t.Helper()
		if err := c.Refresh(t.Context(), ""); err != nil {
			t.Fatal(err)
		}
		return c
	}
	api.set(func() { api.cap, api.tells = 5, true })
	c := open(t, cfg, api)
	listed(c, 1, 8, true)
	if got := api.count("documents"); got != 7 {
		t.Errorf("%d calls: a higher limit brings no more of a page that was not full", got)
	}
	c.Close()
	c = open(t, cfg, api) // from what was saved
	listed(c, 1, 8, true)

	api.set(func() { api.cap, api.tells = 0, false })
	refreshed(c)
	c.Close()
	c = open(t, cfg, api)
	listed(c, 2, 15, false)

	api.set(func() { // of the newest nothing comes any more
		api.cap, api.tells = 5, true
		api.docs["C1"] = together(monthly(billing.TypeBills, 12, 1)[4:], monthly(billing.TypeReports, 3, 1))
	})
	listed(refreshed(c), 2, 15, true)
	api.set(func() { api.cap, api.tells = 0, false })
	if l := mustList(t, refreshed(c), "C1"); len(l.Documents) != 11 || l.Incomplete {
		t.Errorf("%d documents, incomplete %t", len(l.Documents), l.Incomplete)
	}

	api.set(func() { api.cap, api.tells = 5, true })
	refreshed(c)
	api.set(func() { // as many as it listed, and it does not say that there are more
		api.cap, api.tells = 0, false
		api.docs["C1"] = together(monthly(billing.TypeBills, 12, 1)[4:9], monthly(billing.TypeReports, 3, 1))
	})
	if l := mustList(t, refreshed(c), "C1"); len(l.Documents) != 8 || l.Suspect != "" {
		t.Errorf("%d documents, %q", len(l.Documents), l.Suspect)
	}
}

// TestWhatAGatewayFears: it is a doubt here, too, and no more than that: the API did not say it.
// The gateway takes it back by saying no more of it.
func TestWhatAGatewayFears(t *testing.T) {
	api, cfg := newFake("C1", "C2"), Config{Dir: t.TempDir()}
	api.docs["C1"] = together(monthly(billing.TypeBills, 12, 1), monthly(billing.TypeReports, 3, 1))
	api.cap, api.tells, api.fears = 5, true, true
	for _, what := range []string{"asked", "saved", "taken back"} {
		if what == "taken back" { // though it is as many as before
			api.set(func() {
				api.tells, api.cap = false, 0
				api.docs["C1"] = together(monthly(billing.TypeBills, 12, 1)[:5], monthly(billing.TypeReports, 3, 1))
			})
		}
		c := open(t, cfg, api)
		if what == "taken back" {
			if err := c.Refresh(t.Context(), ""); err != nil {
				t.Fatal(err)
			}
		}
		all, err := c.Contracts(t.Context())
		l := mustList(t, c, "C1")
		doubted := what != "taken back"
		if err != nil || len(l.Documents) != 8 || (l.Suspect != "") != doubted || l.Incomplete || (all.Suspect != "") != doubted || all.Incomplete {
			t.Errorf("%s: %v, %d documents, %q %t, contracts %q %t", what, err, len(l.Documents), l.Suspect, l.Incomplete, all.Suspect, all.Incomplete)
		}
		for _, s := range c.Shortfalls() {
			if s.Kind == Suspect && (s.Told || !doubted) {
				t.Errorf("%s: %+v", what, s)
			}
		}
		c.Close()
	}
}

// TestUntypedAnswerThatSaysThereIsMore: only that one finds documents of types that
// are not known. What it leaves out may be of types that are, so that this is a sign
// and no failure; but nothing is taken away by it.
func TestUntypedAnswerThatSaysThereIsMore(t *testing.T) {
	api := newFake("C1")
	api.docs["C1"] = together(monthly(billing.TypeBills, 4, 1), monthly("credits", 3, 1))
	c := open(t, Config{}, api)
	if l := mustList(t, c, "C1"); len(l.Documents) != 7 || l.Suspect != "" {
		t.Fatalf("%d documents, %q", len(l.Documents), l.Suspect)
	}
	api.set(func() {
		api.docs["C1"] = together(monthly(billing.TypeBills, 4, 1), monthly("credits", 3, 1)[:1])
		api.cap, api.tells = 5, true // of the five there are
	})
	if err := c.Refresh(t.Context(), "C1"); err != nil {
		t.Fatal(err)
	}
	if l := mustList(t, c, "C1"); len(l.Documents) != 7 || l.Suspect == "" || l.Incomplete {
		t.Errorf("%d documents, incomplete %t, %q", len(l.Documents), l.Incomplete, l.Suspect)
	}
}
