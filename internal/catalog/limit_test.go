package catalog

import (
	"context"
	"errors"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"

	"ccsfs/apiclient"
	"ccsfs/internal/billing"
)

// limitsAsked returns the limits that a type was asked with, in order.
func limitsAsked(api *fakeAPI, typ string) []int {
	var limits []int
	for _, c := range api.snapshot() {
		if c.op == "documents" && c.typ == typ {
			limits = append(limits, c.limit)
		}
	}
	return limits
}

// highestLimit refuses limits above most.
func highestLimit(most int) func(call) error {
	return func(c call) error {
		if c.limit > most {
			return apiclient.ErrInvalid
		}
		return nil
	}
}

func TestLimitDoubles(t *testing.T) {
	for _, tt := range []struct {
		have, cap int
		refuse    int // limits above are refused; 0: none
		want      []int
		documents int
		suspect   bool
	}{
		{have: 0, want: []int{4000}, documents: 0},
		{have: 3999, want: []int{4000}, documents: 3999},
		{have: 14000, want: []int{4000, 8000, 16000}, documents: 14000},
		{have: 6000, cap: 4000, want: []int{4000, 8000}, documents: 4000, suspect: true},
		{have: 20000, cap: 8000, want: []int{4000, 8000, 16000}, documents: 8000, suspect: true},
		{have: 300, refuse: 500, want: []int{4000, 1000, 500}, documents: 300},
		{have: 300, refuse: 300, want: []int{4000, 1000, 500, 200, 400}, documents: 200, suspect: true},
		{have: 500, refuse: 500, want: []int{4000, 1000, 500}, documents: 500, suspect: true},
		{have: 5, refuse: 10, want: []int{4000, 1000, 500, 200, 100, 10}, documents: 5},
	} {
		api := newFake("C1")
		api.docs["C1"] = monthly(billing.TypeBills, tt.have, 1)
		api.cap = tt.cap
		if tt.refuse > 0 {
			api.fail = highestLimit(tt.refuse)
		}
		c := open(t, Config{Types: []string{billing.TypeBills}}, api)
		l := mustList(t, c, "C1")
		if diff := cmp.Diff(tt.want, limitsAsked(api, billing.TypeBills)); diff != "" {
			t.Errorf("%+v: limits (-want +got)\n%s", tt, diff)
		}
		if len(l.Documents) != tt.documents || (l.Suspect != "") != tt.suspect {
			t.Errorf("%+v: %d documents, suspect %q", tt, len(l.Documents), l.Suspect)
		}
	}
}

// TestRefusedLimitIsRemembered counts the calls that are errors: the API does.
func TestRefusedLimitIsRemembered(t *testing.T) {
	api := newFake("C1", "C2")
	api.docs["C1"] = together(monthly(billing.TypeBills, 3, 1), monthly("credits", 1, 1))
	api.fail = highestLimit(100)
	c := open(t, Config{}, api)
	l := mustList(t, c, "C1")
	if len(l.Documents) != 4 {
		t.Errorf("%v, want 3 bills and a credit", idsOf(l))
	}
	bad := 0
	for _, k := range api.snapshot() {
		if k.op == "documents" && k.limit > 100 {
			bad++
		}
	}
	if bad > 7+3 {
		t.Errorf("%d calls with a refused limit, want each type's first, and 1000, 500 and 200 once", bad)
	}
	api.reset()
	mustList(t, c, "C2")
	for _, k := range api.snapshot() {
		if k.op == "documents" && k.limit != 100 {
			t.Errorf("asked with limit %d again", k.limit)
		}
	}
	if n := api.count("documents"); n != 7 {
		t.Errorf("%d calls, want 7", n)
	}
}

func TestInvalidForAnotherReason(t *testing.T) {
	api := newFake("C1")
	api.fail = errorFor(apiclient.ErrInvalid, billing.TypeBills)
	c := open(t, Config{Types: []string{billing.TypeBills}}, api)
	for range 2 { // the second is answered from memory
		if _, err := c.Listing(t.Context(), "C1"); !errors.Is(err, apiclient.ErrInvalid) {
			t.Errorf("%v, want ErrInvalid", err)
		}
	}
	if diff := cmp.Diff([]int{4000, 1000, 500, 200, 100, 10}, limitsAsked(api, billing.TypeBills)); diff != "" {
		t.Errorf("limits (-want +got)\n%s", diff)
	}
	api.set(func() { api.fail = nil })
	if err := c.Refresh(t.Context(), "C1"); err != nil {
		t.Fatal(err)
	}
	if got := limitsAsked(api, billing.TypeBills); got[len(got)-1] != 4000 {
		t.Errorf("asked with %v, though the limit was not the reason", got)
	}
}

func TestServerThatIgnoresTheLimit(t *testing.T) {
	l := newLimits()
	docs := make([]apiclient.Document, 6000)
	var asked []int
	p, err := l.all(t.Context(), func(_ context.Context, limit int) (reply, error) {
		asked = append(asked, limit)
		return reply{docs: docs}, nil
	}, startLimit, true)
	if err != nil || len(p.docs) != 6000 || p.cut != "" || !slices.Equal(asked, []int{4000, 8000}) {
		t.Errorf("%d documents, %q, %v with limits %v", len(p.docs), p.cut, err, asked)
	}
}

func TestServerThatNeverEnds(t *testing.T) {
	l := newLimits()
	docs := make([]apiclient.Document, 2*lastLimit)
	_, err := l.all(t.Context(), func(_ context.Context, limit int) (reply, error) {
		return reply{docs: docs[:limit]}, nil
	}, startLimit, true)
	if !errors.Is(err, apiclient.ErrProtocol) {
		t.Errorf("%v, want ErrProtocol", err)
	}
}

// TestUntypedListIsTheLongest has more documents of all types together than
// the first limit, but not of any.
func TestUntypedListIsTheLongest(t *testing.T) {
	for _, each := range []int{1000, 2400} {
		api := newFake("C1")
		for _, typ := range []string{billing.TypeBills, billing.TypeInvoices, billing.TypeRated, billing.TypeReports} {
			api.docs["C1"] = append(api.docs["C1"], monthly(typ, each, 1)...)
		}
		api.docs["C1"] = append(api.docs["C1"], apiclient.Document{ID: "last", Type: "credits"})
		c := open(t, Config{}, api)
		for _, extra := range []int{1, 0} { // known the second time
			api.reset()
			if err := c.Refresh(t.Context(), "C1"); err != nil {
				t.Fatal(err)
			}
			l := mustList(t, c, "C1")
			if l.Find("last") == nil || len(l.Documents) != 4*each+1 || l.Suspect != "" {
				t.Errorf("%d documents, suspect %q", len(l.Documents), l.Suspect)
			}
			if n := api.count("documents"); n != 7+extra {
				t.Errorf("%d calls, want %d: %v", n, 7+extra, limitsAsked(api, ""))
			}
		}
	}
}
