package mirror

import (
	"errors"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"ccsfs/apiclient"
	"ccsfs/internal/billing"
	"ccsfs/internal/catalog"
)

// inDecember is after the months that the documents here are of.
func inDecember() time.Time { return time.Date(2026, 12, 3, 0, 0, 0, 0, time.UTC) }

// documents are in the account: a type, a month, and an id, which is the name, too.
type documents []*billing.Document

func (r *rig) document(id, typ, period string) *billing.Document {
	r.set(id, day1, "of "+id)
	d := *r.docs[id]
	d.Type, d.Period = typ, period
	return &d
}

// removing is a run over what is listed, and what it removes.
func (r *rig) removing(all documents, listing catalog.Listing, removal Removal, look bool) (removed []string, doubts map[string]string, err error) {
	r.t.Helper()
	l := NewListed("mine", nil)
	listing.ContractID = "C"
	var items []Item
	for _, d := range all {
		listing.Documents = append(listing.Documents, *d)
		l.Document("C/"+d.Filename, d)
		items = append(items, itemOf("C/"+d.Filename, d))
	}
	l.Listing(&listing, true)
	l.Account(&catalog.Contracts{Entries: []catalog.ContractEntry{{Name: "C", Contract: apiclient.Contract{ID: "C"}}}})
	open := func() (*Dest, error) { return OpenDest(r.t.Context(), r.dir, nobody) }
	if look {
		open = func() (*Dest, error) { return Look(r.dir) }
	}
	d, err := open()
	check(r.t, err)
	result := Run(r.t.Context(), d, r.store, items, Options{Workers: 2, Prefetch: 4 << 20, Listed: l}, nothing{})
	if result.Failed != nil && !look {
		r.t.Errorf("%+v", result)
	}
	if removal.Now.IsZero() {
		removal.Now = inDecember()
	}
	doubts = d.Doubts(l, removal)
	gone, failed, err := d.Remove(l, removal)
	if failed != nil {
		r.t.Errorf("%+v", failed)
	}
	for _, one := range gone {
		removed = append(removed, one.Path)
	}
	_, news := d.Gone(l)
	check(r.t, errors.Join(d.Told(news), d.Close()))
	r.clean()
	return removed, doubts, err
}

// A simulation goes once its month is over and a later one, or the bill, is there: never
// before, and never where a listing does not say so.
func TestWhatIsOver(t *testing.T) {
	for name, tt := range map[string]struct {
		listed  []string // types and periods
		listing catalog.Listing
		now     string
		change  func(r *rig)
		goes    bool
		doubt   string
	}{
		"a later one":            {listed: []string{"partialBills=202611"}, goes: true},
		"the bill":               {listed: []string{"bills=202610"}, goes: true},
		"nothing yet":            {listed: []string{"bills=202609"}},
		"one of before":          {listed: []string{"partialBills=202609"}},
		"another type":           {listed: []string{"partialConsumptionRatedReports=202611", "invoices=202611"}},
		"the month is not over":  {listed: []string{"partialBills=202611", "bills=202610"}, now: "2026-10-31T23:00:00Z"},
		"an old listing":         {listed: []string{"bills=202610"}, listing: catalog.Listing{Stale: os.ErrDeadlineExceeded}, doubt: "its listing is old"},
		"a listing cut short":    {listed: []string{"bills=202610"}, listing: catalog.Listing{Suspect: "100 documents"}, doubt: "its listing may be incomplete"},
		"a listing that says so": {listed: []string{"bills=202610"}, listing: catalog.Listing{Incomplete: true}, doubt: "its listing is incomplete"},
		"a refusal":              {listed: []string{"bills=202610"}, listing: catalog.Listing{Refused: []string{"partialBills"}}, doubt: "documents of type partialBills are refused"},
		"a refusal of another":   {listed: []string{"bills=202610"}, listing: catalog.Listing{Refused: []string{"invoices"}}, goes: true},
		"edited":                 {listed: []string{"bills=202610"}, change: func(r *rig) { r.edit("p", "mine") }},
		"edited, of that length": {listed: []string{"bills=202610"}, change: func(r *rig) { r.disguise("p") }},
		"a link in its place": {listed: []string{"bills=202610"}, change: func(r *rig) {
			r.edit("p", "")
			check(t, os.Remove(r.path("p")))
			check(t, os.Symlink("x", r.path("p")))
		}},
		"with another time":      {listed: []string{"bills=202610"}, change: func(r *rig) { check(t, os.Chtimes(r.path("p"), inDecember(), inDecember())) }, goes: true},
		"removed by somebody":    {listed: []string{"bills=202610"}, change: func(r *rig) { check(t, os.Remove(r.path("p"))) }},
		"somebody's beside it":   {listed: []string{"bills=202610"}, change: func(r *rig) { r.edit("mine", "mine") }, goes: true},
		"of a journal of before": {listed: []string{"bills=202610"}, change: func(r *rig) { r.forgetPeriods() }},
	} {
		t.Run(name, func(t *testing.T) {
			r := newRig(t)
			keep := documents{r.document("k", "invoices", "202608"), r.document("l", "invoices", "202607")}
			before := append(documents{r.document("p", "partialBills", "202610")}, keep...)
			if got, _, err := r.removing(before, catalog.Listing{}, Removal{}, false); got != nil || err != nil {
				t.Fatalf("%v, %v", got, err)
			}
			if tt.change != nil {
				tt.change(r)
			}
			after := slices.Clone(keep)
			for i, one := range tt.listed {
				typ, period, _ := strings.Cut(one, "=")
				after = append(after, r.document(fmt.Sprintf("n%d", i), typ, period))
			}
			removal := Removal{}
			if tt.now != "" {
				removal.Now = day(t, tt.now)
			}
			there := r.everything()
			foreseen, doubts, err := r.removing(after, tt.listing, removal, true)
			if err != nil || doubts["C"] != tt.doubt {
				t.Errorf("doubts %q, %v", doubts, err)
			}
			if now := r.everything(); !maps.Equal(there, now) {
				t.Errorf("looking changed %v to %v", there, now)
			}
			got, _, err := r.removing(after, tt.listing, removal, false)
			if err != nil || (len(got) == 1 && got[0] == "C/p.pdf") != tt.goes || len(got) > 1 || !slices.Equal(got, foreseen) {
				t.Errorf("removed %v, foreseen %v, %v", got, foreseen, err)
			}
			if _, err := os.Lstat(r.path("mine")); name == "somebody's beside it" && err != nil {
				t.Error(err)
			}
			if got, _, err := r.removing(after, tt.listing, removal, false); got != nil || err != nil {
				t.Errorf("again: %v, %v", got, err)
			}
		})
	}
}

// disguise is what somebody does to a file who keeps its length and time.
func (r *rig) disguise(id string) {
	r.t.Helper()
	info, err := os.Stat(r.path(id))
	check(r.t, err)
	r.edit(id, strings.Repeat("x", int(info.Size())))
	check(r.t, os.Chtimes(r.path(id), info.ModTime(), info.ModTime()))
}

// forgetPeriods makes the journal one of a version that did not note them: the months of
// files are those of their times then.
func (r *rig) forgetPeriods() {
	r.t.Helper()
	at := filepath.Join(r.dir, JournalName)
	data, err := os.ReadFile(at)
	check(r.t, err)
	check(r.t, os.WriteFile(at, []byte(strings.ReplaceAll(string(data), `"period":`, `"was":`)), 0o644))
}

// What was withdrawn goes only where that is asked for, and not before it was told of.
func TestWhatIsGoneIsRemoved(t *testing.T) {
	r := newRig(t)
	keep := documents{r.document("k", "invoices", "202608"), r.document("l", "invoices", "202607")}
	r.removing(append(documents{r.document("a", "invoices", "202610")}, keep...), catalog.Listing{}, Removal{}, false)
	if got, _, err := r.removing(keep, catalog.Listing{}, Removal{Gone: true}, false); got != nil || err != nil {
		t.Errorf("at first: %v, %v", got, err)
	}
	for range 2 {
		if got, _, err := r.removing(keep, catalog.Listing{}, Removal{}, false); got != nil || err != nil {
			t.Errorf("not asked for: %v, %v", got, err)
		}
	}
	for want, listing := range map[string]catalog.Listing{
		"its listing is old":                     {Stale: os.ErrDeadlineExceeded},
		"documents of type invoices are refused": {Refused: []string{"invoices"}},
	} {
		got, doubts, err := r.removing(keep, listing, Removal{Gone: true}, false)
		if got != nil || doubts["C"] != want || err != nil {
			t.Errorf("%s: %v, %v, %v", want, got, doubts, err)
		}
	}
	if got, _, err := r.removing(keep, catalog.Listing{}, Removal{Gone: true}, false); !slices.Equal(got, []string{"C/a.pdf"}) || err != nil {
		t.Errorf("asked for: %v, %v", got, err)
	}
}

// Most of what there is does not go without --force, and the last file takes its empty
// directory along.
func TestTooManyAreNotRemoved(t *testing.T) {
	r := newRig(t)
	old := documents{r.document("a", "invoices", "202609"), r.document("b", "invoices", "202610"), r.document("c", "invoices", "202610")}
	r.removing(old, catalog.Listing{}, Removal{}, false)
	r.removing(nil, catalog.Listing{}, Removal{}, false) // told
	for _, look := range []bool{true, false} {
		var many *TooManyError
		if got, _, err := r.removing(nil, catalog.Listing{}, Removal{Gone: true}, look); got != nil || !errors.As(err, &many) || *many != (TooManyError{3, 3}) {
			t.Errorf("%v, %v", got, err)
		}
	}
	if got, _, err := r.removing(nil, catalog.Listing{}, Removal{Gone: true, Force: true}, false); len(got) != 3 || err != nil {
		t.Errorf("%v, %v", got, err)
	}
	if _, err := os.Lstat(filepath.Join(r.dir, "C")); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("the directory: %v", err)
	}
}

// Whatever is listed, and whatever somebody did: what is removed is in the journal, holds
// what pull wrote, and is not listed.
func TestRemovalModel(t *testing.T) {
	types := []string{"partialBills", "partialConsumptionRatedReports", "bills", "invoices"}
	periods := []string{"202609", "202610", "202611", "202612", "soon"}
	rapid.Check(t, func(rt *rapid.T) {
		r := newRig(t)
		all := map[string]*billing.Document{}
		for i := range rapid.IntRange(1, 8).Draw(rt, "documents") {
			id := fmt.Sprintf("d%d", i)
			all[id] = r.document(id, rapid.SampledFrom(types).Draw(rt, "type"), rapid.SampledFrom(periods).Draw(rt, "period"))
		}
		mine := map[string]bool{}
		for range 3 {
			var listed documents
			there := map[string]bool{}
			for i := range len(all) {
				if id := fmt.Sprintf("d%d", i); rapid.Bool().Draw(rt, "listed") && !mine[id] {
					listed, there[id] = append(listed, all[id]), true
				}
			}
			for i := range len(all) {
				id := fmt.Sprintf("d%d", i)
				if _, err := os.Lstat(r.path(id)); err == nil && !there[id] && rapid.IntRange(0, 3).Draw(rt, "edit") == 0 {
					r.disguise(id)
					mine[id] = true
				}
			}
			removal := Removal{Gone: rapid.Bool().Draw(rt, "gone"), Force: rapid.Bool().Draw(rt, "force")}
			before := r.everything()
			got, _, err := r.removing(listed, catalog.Listing{}, removal, false)
			after := r.everything()
			for at := range before {
				id := strings.TrimSuffix(filepath.Base(at), ".pdf")
				if all[id] == nil {
					continue
				}
				if _, stays := after[at]; stays == slices.Contains(got, "C/"+id+".pdf") {
					rt.Fatalf("%s stays %v, removed %v", id, stays, got)
				}
			}
			if err != nil && (removal.Force || got != nil) {
				rt.Fatalf("%v: %v", got, err)
			}
			for _, at := range got {
				id := strings.TrimSuffix(filepath.Base(at), ".pdf")
				final := !billing.VolatileType(all[id].Type)
				if there[id] || mine[id] || final && !removal.Gone || !final && all[id].Period >= "202612" {
					rt.Fatalf("%s was removed: listed %v, mine %v, %+v, %+v", id, there[id], mine[id], all[id], removal)
				}
			}
		}
	})
}
