package catalog

import (
	"context"
	"errors"
	"slices"
	"sync/atomic"
	"testing"

	"ccsfs/apiclient"
	"ccsfs/internal/billing"
)

// flip makes a contract forbidden, or open again, between the calls of a listing:
// early ones get the one answer, late ones the other. Early are those of the types
// given, and all that come after as many calls as a listing has.
func flip(api *fakeAPI, first, then error, early ...string) {
	var calls atomic.Int32
	begun := make(chan struct{})
	api.slow = func(ctx context.Context, c call) {
		if c.op == "documents" && calls.Add(1) == 7 {
			close(begun)
		}
	}
	api.fail = func(c call) error {
		if c.op != "documents" {
			return nil
		}
		<-begun
		if calls.Load() == 7 && slices.Contains(early, c.typ) {
			return first
		}
		return then
	}
}

// TestAccessThatChangesDuringAListing: some of its calls are refused, and some are
// not. What comes of it is not a listing that lacks what there is.
func TestAccessThatChangesDuringAListing(t *testing.T) {
	const late = billing.TypeInvoices
	others := slices.DeleteFunc(append(billing.Types(), ""), func(typ string) bool { return typ == late })
	for _, seen := range []bool{false, true} {
		for name, tt := range map[string]struct {
			first, then error
			early       []string
		}{
			"withdrawn, and one call is refused":    {nil, apiclient.ErrForbidden, others},
			"withdrawn, and all but one is refused": {nil, apiclient.ErrForbidden, []string{late}},
			"granted, and one call was refused":     {apiclient.ErrForbidden, nil, []string{late, ""}},
			"granted, and all but one was refused":  {apiclient.ErrForbidden, nil, others},
		} {
			t.Run(name+map[bool]string{true: ", known before"}[seen], func(t *testing.T) {
				api := newFake("C1")
				for _, typ := range billing.Types() {
					api.docs["C1"] = append(api.docs["C1"], monthly(typ, 2, 1)...)
				}
				c := open(t, Config{}, api)
				if seen {
					mustList(t, c, "C1")
				}
				api.set(func() { flip(api, tt.first, tt.then, tt.early...) })
				err := c.Refresh(t.Context(), "C1")
				if tt.then != nil {
					if l, _ := c.Listing(t.Context(), "C1"); !errors.Is(err, apiclient.ErrForbidden) || l != nil {
						t.Fatalf("%v, %v, want that the contract is refused", l, err)
					}
					return
				}
				if err != nil {
					t.Fatal(err)
				}
				if l := mustList(t, c, "C1"); len(l.Documents) != 12 || l.Refused != nil {
					t.Errorf("%d documents of 12, refused %v", len(l.Documents), l.Refused)
				}
			})
		}
	}
}

// TestRefusedTypesAreMadeSureOfOnce: that a type is refused is asked once more
// when it is news, and never again.
func TestRefusedTypesAreMadeSureOfOnce(t *testing.T) {
	api, dir := newFake("C1", "C2"), t.TempDir()
	for _, id := range []string{"C1", "C2"} {
		api.docs[id] = together(monthly(billing.TypeBills, 2, 1))
	}
	api.fail = errorFor(apiclient.ErrForbidden, billing.TypeInvoices)
	c := open(t, Config{Dir: dir}, api)
	for _, step := range []struct {
		of    string
		calls int
	}{{"C1", 7 + 2}, {"C1", 7}, {"C2", 7}} {
		api.reset()
		if err := c.Refresh(t.Context(), step.of); err != nil {
			t.Fatal(err)
		}
		if n := api.count("documents"); n != step.calls {
			t.Errorf("%s: %d calls, want %d", step.of, n, step.calls)
		}
	}
	c.Close()
	c = open(t, Config{Dir: dir}, api)
	api.reset()
	if err := c.Refresh(t.Context(), "C1"); err != nil || api.count("documents") != 7 {
		t.Errorf("in the next process: %d calls, %v", api.count("documents"), err)
	}
}

// TestATypeThatHadDocumentsIsMadeSureOf: also where the type is known to be refused
// of another contract.
func TestATypeThatHadDocumentsIsMadeSureOf(t *testing.T) {
	api := newFake("C1", "C2")
	for _, id := range []string{"C1", "C2"} {
		api.docs[id] = together(monthly(billing.TypeBills, 2, 1), monthly(billing.TypeInvoices, 2, 1))
	}
	c := open(t, Config{}, api)
	mustList(t, c, "C2")
	api.set(func() { api.fail = errorFor(apiclient.ErrForbidden, billing.TypeInvoices, "") })
	mustList(t, c, "C1")
	var refused atomic.Int32
	api.set(func() {
		api.fail = func(call call) error {
			if call.typ == billing.TypeInvoices && refused.Add(1) == 1 {
				return apiclient.ErrForbidden
			}
			return nil
		}
	})
	if err := c.Refresh(t.Context(), "C2"); err != nil {
		t.Fatal(err)
	}
	if l := mustList(t, c, "C2"); len(l.Documents) != 4 {
		t.Errorf("%v, refused %v", idsOf(l), l.Refused)
	}
}
