package catalog

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sort"
	"strings"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"

	"ccsfs/apiclient"
	"ccsfs/internal/billing"
)

// errorFor makes calls of certain types fail.
func errorFor(err error, types ...string) func(call) error {
	return func(c call) error {
		if c.op == "documents" && slices.Contains(types, c.typ) {
			return fmt.Errorf("fake: %w", err)
		}
		return nil
	}
}

func TestListingAsksEachTypeOnce(t *testing.T) {
	for _, mute := range []bool{false, true} {
		api := newFake("C1")
		api.mute = mute
		for _, typ := range billing.Types() {
			api.docs["C1"] = append(api.docs["C1"], monthly(typ, 3, 1)...)
		}
		api.docs["C1"] = append(api.docs["C1"], apiclient.Document{ID: "n", Type: "credits"})
		c := open(t, Config{}, api)
		l := mustList(t, c, "C1")

		var asked []string
		for _, k := range api.calls {
			if k.op == "documents" {
				asked = append(asked, k.typ)
				if k.limit != 4000 {
					t.Errorf("limit %d, want 4000", k.limit)
				}
			}
		}
		want := append(billing.Types(), "")
		sort.Strings(asked)
		sort.Strings(want)
		if diff := cmp.Diff(want, asked); diff != "" {
			t.Errorf("types asked for (-want +got)\n%s", diff)
		}
		if len(l.Documents) != 19 || !slices.IsSorted(idsOf(l)) || l.Suspect != "" || l.Refused != nil {
			t.Errorf("%d documents %v, suspect %q, refused %v", len(l.Documents), idsOf(l), l.Suspect, l.Refused)
		}
		for _, d := range l.Documents {
			want := strings.Split(d.ID, "-")[0]
			if d.ID == "n" {
				want = map[bool]string{false: "credits", true: "other"}[mute]
			}
			if d.Type != want || d.ContractID != "C1" {
				t.Errorf("document %s has type %s of contract %s", d.ID, d.Type, d.ContractID)
			}
		}
	}
}

func TestListingOfSomeTypes(t *testing.T) {
	api := newFake("C1")
	api.docs["C1"] = together(monthly(billing.TypeBills, 2, 1), monthly(billing.TypeInvoices, 3, 1), monthly("credits", 1, 1))
	c := open(t, Config{Types: []string{billing.TypeInvoices, "credits", billing.TypeInvoices}}, api)
	l := mustList(t, c, "C1")
	if len(l.Documents) != 4 || api.count("documents") != 2 {
		t.Errorf("%v with %d calls, want 3 invoices and 1 credit with 2 calls", idsOf(l), api.count("documents"))
	}
}

func TestTypesThatCannotBeMeant(t *testing.T) {
	for _, tt := range []struct{ typ, want string }{
		{"consumptionRatedReports", "comsumptionRatedReports"},
		{"Bills", "bills"},
		{"all", "leave it out"},
		{"", "leave it out"},
	} {
		if _, err := New(Config{Types: []string{tt.typ}}, newFake()); err == nil || !strings.Contains(err.Error(), tt.want) {
			t.Errorf("type %q: %v, want an error with %q", tt.typ, err, tt.want)
		}
	}
}

func TestListingFailures(t *testing.T) {
	all := append(billing.Types(), "")
	odd := errors.New("odd")
	for _, tt := range []struct {
		title   string
		fail    func(call) error
		types   []string
		want    error    // nil: a listing
		not     error    // must not be that
		refused []string // of the listing
	}{
		{title: "nothing fails"},
		{title: "one refused", fail: errorFor(apiclient.ErrForbidden, billing.TypeInvoices), refused: []string{billing.TypeInvoices}},
		{title: "two refused", fail: errorFor(apiclient.ErrForbidden, billing.TypeReports, billing.TypeBills), refused: []string{billing.TypeBills, billing.TypeReports}},
		{title: "all refused", fail: errorFor(apiclient.ErrForbidden, all...), want: apiclient.ErrForbidden},
		{title: "all refused but the empty one", fail: errorFor(apiclient.ErrForbidden, billing.Types()...), want: apiclient.ErrForbidden},
		{title: "the only one refused", types: []string{billing.TypeBills}, fail: errorFor(apiclient.ErrForbidden, billing.TypeBills), want: apiclient.ErrForbidden},
		{title: "empty one refused", fail: errorFor(apiclient.ErrForbidden, "")},
		{title: "empty one not found", fail: errorFor(apiclient.ErrNotFound, "")},
		{title: "empty one invalid", fail: errorFor(apiclient.ErrInvalid, "")},
		{title: "empty one down", fail: errorFor(apiclient.ErrServer, ""), want: apiclient.ErrServer},
		{title: "one unauthorised", fail: errorFor(apiclient.ErrUnauthorized, billing.TypeBills), want: apiclient.ErrUnauthorized},
		{title: "one down", fail: errorFor(apiclient.ErrUnreachable, billing.TypeReports), want: apiclient.ErrUnreachable},
		{title: "one invalid", fail: errorFor(apiclient.ErrInvalid, billing.TypeReports), want: apiclient.ErrInvalid},
		{title: "one odd", fail: errorFor(odd, billing.TypeReports), want: odd},
		{title: "contract gone", fail: errorFor(apiclient.ErrNotFound, all...), want: apiclient.ErrNotFound},
		{title: "one not found", fail: errorFor(apiclient.ErrNotFound, billing.TypeBills), want: apiclient.ErrProtocol, not: apiclient.ErrNotFound},
	} {
		t.Run(tt.title, func(t *testing.T) {
			api := newFake("C1")
			for _, typ := range billing.Types() {
				api.docs["C1"] = append(api.docs["C1"], monthly(typ, 2, 1)...)
			}
			api.fail = tt.fail
			c := open(t, Config{Types: tt.types}, api)
			l, err := c.Listing(t.Context(), "C1")
			if !errors.Is(err, tt.want) || (tt.want != nil) != (l == nil) {
				t.Fatalf("%v, %v, want %v", l, err, tt.want)
			}
			if tt.not != nil && errors.Is(err, tt.not) {
				t.Errorf("%v must not be %v", err, tt.not)
			}
			if l == nil {
				return
			}
			want := 12 // the empty query, if there is one, brings those of refused types
			if diff := cmp.Diff(tt.refused, l.Refused); diff != "" || len(l.Documents) != want {
				t.Errorf("%d documents, want %d; refused (-want +got)\n%s", len(l.Documents), want, diff)
			}
		})
	}
}

func TestRefusedTypeIsSaidOnce(t *testing.T) {
	api, out := newFake("C1"), &logs{}
	api.docs["C1"] = together(monthly(billing.TypeBills, 2, 1))
	api.fail = errorFor(apiclient.ErrForbidden, billing.TypeInvoices)
	c := open(t, Config{Logger: out.logger()}, api)
	for range 3 {
		if err := c.Refresh(t.Context(), "C1"); err != nil {
			t.Fatal(err)
		}
	}
	if n := out.count("type=invoices"); n != 1 {
		t.Errorf("said %d times", n)
	}
	if s := c.Stats(); len(s.Refused) != 1 || s.Refused[0].Type != billing.TypeInvoices {
		t.Errorf("status says %+v", s.Refused)
	}
}

func TestEmptyTypeIsNotTriedAgainWhenInvalid(t *testing.T) {
	api := newFake("C1", "C2")
	api.fail = errorFor(apiclient.ErrInvalid, "")
	c := open(t, Config{}, api)
	mustList(t, c, "C1")
	mustList(t, c, "C2")
	if n := api.count("documents"); n != 7+6 {
		t.Errorf("%d calls, want 13", n)
	}
}

func TestJoin(t *testing.T) {
	doc := func(id, typ, updated, name string) apiclient.Document {
		return apiclient.Document{ID: id, Type: typ, UpdatedAt: updated, Filename: name}
	}
	page1 := func(docs ...apiclient.Document) page { return page{docs: docs} }
	answers := []answer{
		{typ: billing.TypePartialBills, page: page1(doc("both", "", "", "x"))},
		{typ: billing.TypeBills, page: page1(doc("both", "", "", "x"), doc("own", "", "", ""))},
		{typ: billing.TypeReports, page: page1(
			doc("own", billing.TypeReports, "", ""),
			doc("twice", "", "2026-02-01", "newer"), doc("twice", "", "2026-01-01", "older"))},
		{typ: "", page: page1(doc("twice", "credits", "2026-01-15", "between"), doc("only", "", "", ""), doc("named", "credits", "", ""))},
	}
	want := map[string]string{
		"both": "partialBills x", "own": "reports ", "twice": "reports newer", "only": "other ", "named": "credits ",
	}
	got := make(map[string]string)
	docs, shared := join(answers)
	for _, d := range docs {
		got[d.ID] = d.Type + " " + d.Filename
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got)\n%s", diff)
	}
	for i := range answers {
		slices.Reverse(answers[i].docs)
	}
	again := make(map[string]string)
	docs, sharedAgain := join(answers)
	if shared+sharedAgain != "" {
		t.Errorf("versions taken for documents: %q, %q", shared, sharedAgain)
	}
	for _, d := range docs {
		again[d.ID] = d.Type + " " + d.Filename
	}
	if diff := cmp.Diff(want, again); diff != "" {
		t.Errorf("depends on the order of answers:\n%s", diff)
	}
}

// TestDocumentsThatShareAnID: of two documents of one id only one can be asked for.
// The other one is missing, which must be said.
func TestDocumentsThatShareAnID(t *testing.T) {
	for name, docs := range map[string][]apiclient.Document{
		"of two types":  {{ID: "17", Type: billing.TypeBills, Filename: "bill.csv", Period: "202609"}, {ID: "17", Type: billing.TypeInvoices, Filename: "invoice.pdf", Period: "202610"}},
		"of one type":   {{ID: "17", Type: billing.TypeBills, Filename: "bill09.csv", Period: "202610"}, {ID: "17", Type: billing.TypeBills, Filename: "bill10.csv", Period: "202610"}},
		"of two months": {{ID: "17", Type: billing.TypeBills, Filename: "bill.csv", Period: "202609"}, {ID: "17", Type: billing.TypeBills, Filename: "bill.csv", Period: "202610"}},
	} {
		api := newFake("C1")
		api.docs["C1"] = docs
		c := open(t, Config{}, api)
		l := mustList(t, c, "C1")
		if !l.Incomplete || !strings.Contains(l.Suspect, "two documents with the id 17") || len(l.Documents) != 1 {
			t.Errorf("%s: %d documents, incomplete %t, %q", name, len(l.Documents), l.Incomplete, l.Suspect)
		}
		if s := c.Shortfalls(); len(s) != 1 || !s[0].Told {
			t.Errorf("%s: %+v", name, s)
		}
	}
	api := newFake("C1") // one that is listed twice is one
	api.docs["C1"] = []apiclient.Document{{ID: "17", Type: billing.TypeBills, Filename: "bill.csv"}, {ID: "17", Type: billing.TypeBills, Filename: "bill.csv"}}
	if l := mustList(t, open(t, Config{}, api), "C1"); l.Incomplete || l.Suspect != "" || len(l.Documents) != 1 {
		t.Errorf("%d documents, incomplete %t, %q", len(l.Documents), l.Incomplete, l.Suspect)
	}
}

func TestListingQueriesRunAtOnce(t *testing.T) {
	api := newFake("C1")
	all, once := make(chan struct{}), sync.Once{}
	api.before = func(ctx context.Context) {
		switch n := api.count("documents"); {
		case n == 0:
			return // the list of contracts comes first
		case n == 7:
			once.Do(func() { close(all) })
		}
		select {
		case <-all:
		case <-ctx.Done():
		}
	}
	c := open(t, Config{}, api)
	mustList(t, c, "C1") // hangs if they wait for each other
}

func (f *fakeAPI) snapshot() []call {
	f.mu.Lock()
	defer f.mu.Unlock()
	return slices.Clone(f.calls)
}
