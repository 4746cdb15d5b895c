package mirror

import (
	"cmp"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"ccsfs/apiclient"
	"ccsfs/internal/billing"
	"ccsfs/internal/catalog"
	"ccsfs/internal/folder"
)

// account is what the API lists: paths and ids.
type account map[string]string

// pullAccount is a run over all that is listed, and what it told of copies that are
// left of other documents.
func (r *rig) pullAccount(a account, listing catalog.Listing, types ...string) (result Result, all, news []string) {
	r.t.Helper()
	l := NewListed(cmp.Or(r.account, "mine"), types)
	listing.ContractID = "C"
	for _, id := range a {
		listing.Documents = append(listing.Documents, *r.docs[id])
	}
	l.Listing(&listing, true)
	l.Account(&catalog.Contracts{Entries: []catalog.ContractEntry{{Name: "C", Contract: apiclient.Contract{ID: "C"}}}})
	var items []Item
	for at, id := range a {
		d := *r.docs[id]
		l.Document(at, &d)
		if id != r.leaveOut {
			items = append(items, Item{Path: at, Doc: &d, Ref: folder.Ref(&d, listing.FetchedAt)})
		}
	}
	o := Options{Workers: 3, Prefetch: 4 << 20, Listed: l, Force: r.force}
	f := r.foresee(items, o)
	d, err := OpenDest(r.t.Context(), r.dir, nobody)
	check(r.t, err)
	copied := map[string]bool{}
	o.Copied = func(c Copy) { copied[c.Path] = true }
	result = Run(r.t.Context(), d, r.store, items, o, nothing{})
	r.compare(f, items, result, copied)
	all, news = d.Gone(l)
	if f != nil && !slices.Equal(all, f.gone) {
		r.t.Errorf("gone %q, foreseen %q", all, f.gone)
	}
	check(r.t, d.Told(news))
	r.apart = d.Apart(l)
	check(r.t, d.ToldApart(r.apart))
	check(r.t, d.Close())
	r.clean()
	return result, all, news
}

func (r *rig) wantFiles(want map[string]string) {
	r.t.Helper()
	all, err := filepath.Glob(filepath.Join(r.dir, "C", "*"))
	check(r.t, err)
	for _, at := range all {
		data, err := os.ReadFile(at)
		check(r.t, err)
		name := "C/" + filepath.Base(at)
		if got := strings.TrimSuffix(strings.TrimPrefix(string(data), pdfBegin), pdfEnd); got != want[name] {
			r.t.Errorf("%s is %q, want %q", name, got, want[name])
		}
	}
	if len(all) != len(want) {
		r.t.Errorf("there are %q", all)
	}
}

// A corrected invoice comes beside the first, under the same name: from then on both
// are called otherwise, and the folder must not keep the first one under the good name.
func TestACorrectionChangesNames(t *testing.T) {
	r := newRig(t)
	r.set("first", "", "one")
	r.set("second", "", "two")
	r.pullAccount(account{"C/a.pdf": "first"}, catalog.Listing{})

	both := account{"C/a~1.pdf": "first", "C/a~2.pdf": "second"}
	got, all, _ := r.pullAccount(both, catalog.Listing{})
	if want := (Move{From: "C/a.pdf", To: "C/a~1.pdf"}); len(got.Moved) != 1 || got.Moved[0] != want || got.Copied != 1 || got.UpToDate != 1 || all != nil {
		t.Errorf("%+v, left %q", got, all)
	}
	r.wantFiles(map[string]string{"C/a~1.pdf": "one", "C/a~2.pdf": "two"})
	if got, all, _ := r.pullAccount(both, catalog.Listing{}); got.Moved != nil || got.UpToDate != 2 || all != nil {
		t.Errorf("again: %+v, left %q", got, all)
	}

	// the first one is withdrawn
	got, all, news := r.pullAccount(account{"C/a.pdf": "second"}, catalog.Listing{})
	if len(got.Moved) != 1 || got.Copied != 0 || !slices.Equal(all, []string{"C/a~1.pdf"}) || !slices.Equal(all, news) {
		t.Errorf("%+v, left %q, news %q", got, all, news)
	}
	r.wantFiles(map[string]string{"C/a~1.pdf": "one", "C/a.pdf": "two"})
	if n := r.api.count("first") + r.api.count("second"); n != 2 {
		t.Errorf("%d requests for two documents", n)
	}
}

// What somebody changed keeps its name.
func TestWhatIsNotMoved(t *testing.T) {
	for name, tt := range map[string]struct {
		change func(r *rig)
		then   account
		want   map[string]string
	}{
		"edited":             {func(r *rig) { r.edit("a", "mine") }, account{"C/b.pdf": "a"}, map[string]string{"C/a.pdf": "mine", "C/b.pdf": "one"}},
		"forged":             {func(r *rig) { r.forge(t) }, account{"C/b.pdf": "a"}, map[string]string{"C/a.pdf": "eno", "C/b.pdf": "one"}},
		"something is there": {func(r *rig) { r.edit("b", "mine") }, account{"C/b.pdf": "a"}, map[string]string{"C/a.pdf": "one", "C/b.pdf": "mine"}},
		"another directory":  {func(*rig) {}, account{"C/sub/a.pdf": "a"}, map[string]string{"C/a.pdf": "one"}},
	} {
		t.Run(name, func(t *testing.T) {
			r := newRig(t)
			r.set("a", "", "one")
			r.pullAccount(account{"C/a.pdf": "a"}, catalog.Listing{})
			tt.change(r)
			if got, all, _ := r.pullAccount(tt.then, catalog.Listing{}); got.Moved != nil || all != nil {
				t.Errorf("%+v, left %q", got, all)
			}
			check(t, os.RemoveAll(filepath.Join(r.dir, "C", "sub")))
			r.wantFiles(tt.want)
		})
	}
}

// What is not listed any more is told once; not where the listing does not say so.
func TestWhatIsGone(t *testing.T) {
	for name, tt := range map[string]struct {
		listing catalog.Listing
		types   []string
		typ     string
		told    bool
	}{
		"gone":            {told: true},
		"old listing":     {listing: catalog.Listing{Stale: os.ErrDeadlineExceeded}},
		"incomplete":      {listing: catalog.Listing{Incomplete: true}},
		"cut short":       {listing: catalog.Listing{Suspect: "20 of each type"}},
		"refused":         {listing: catalog.Listing{Refused: []string{"bills"}}},
		"another refused": {listing: catalog.Listing{Refused: []string{"invoices"}}, told: true},
		"another type":    {types: []string{"invoices"}},
		"its type":        {types: []string{"invoices", "bills"}, told: true},
		"of the month":    {typ: billing.TypePartialBills},
	} {
		t.Run(name, func(t *testing.T) {
			r := newRig(t)
			r.set("a", "", "one")
			r.set("b", "", "two")
			if tt.typ != "" {
				r.docs["a"].Type = tt.typ
			}
			r.pullAccount(account{"C/a.pdf": "a", "C/b.pdf": "b"}, catalog.Listing{})
			for round := range 2 {
				_, all, news := r.pullAccount(account{"C/b.pdf": "b"}, tt.listing, tt.types...)
				if (len(all) == 1) != tt.told || (len(news) == 1) != (tt.told && round == 0) {
					t.Errorf("round %d: left %q, news %q", round, all, news)
				}
			}
			if !tt.told {
				return
			}
			r.pullAccount(account{"C/a.pdf": "a", "C/b.pdf": "b"}, catalog.Listing{}) // it is back
			if _, _, news := r.pullAccount(account{"C/b.pdf": "b"}, tt.listing, tt.types...); len(news) != 1 {
				t.Errorf("gone again: news %q", news)
			}
			r.edit("a", "mine")
			if _, all, _ := r.pullAccount(account{"C/b.pdf": "b"}, tt.listing, tt.types...); all != nil {
				t.Errorf("told of a file that somebody changed: %q", all)
			}
		})
	}
}

// A contract that is gone takes its documents along, one that a filter hides does not.
func TestContractsThatAreGone(t *testing.T) {
	contract := func(id string) catalog.ContractEntry {
		return catalog.ContractEntry{Name: id, Contract: apiclient.Contract{ID: id}}
	}
	e := entry{Path: "Any name/a.pdf", ID: "a", Type: "bills", Contract: "C", Account: "mine"}
	for name, tt := range map[string]struct {
		contracts catalog.Contracts
		gone      bool
	}{
		"gone":            {catalog.Contracts{Entries: []catalog.ContractEntry{contract("D")}}, true},
		"there, unlisted": {catalog.Contracts{Entries: []catalog.ContractEntry{contract("C")}}, false},
		"hidden":          {catalog.Contracts{Hidden: []catalog.ContractEntry{contract("C")}}, false},
		"old":             {catalog.Contracts{Stale: os.ErrDeadlineExceeded}, false},
		"incomplete":      {catalog.Contracts{Incomplete: true}, false},
		"suspect":         {catalog.Contracts{Suspect: "none all at once"}, false},
	} {
		l := NewListed("mine", nil)
		l.Account(&tt.contracts)
		if got := l.gone(e); got != tt.gone {
			t.Errorf("%s: %v", name, got)
		}
	}
}

// Runs for other accounts, or other types, into one directory judge only their own
// copies, rename none of the others', and write over none.
func TestRunsOfDifferentScopes(t *testing.T) {
	t.Run("accounts", func(t *testing.T) {
		r := newRig(t)
		r.set("a", "", "one")
		r.set("b", "", "two")
		for range 2 {
			r.account = "mine"
			if _, all, _ := r.pullAccount(account{"C/a.pdf": "a"}, catalog.Listing{}); all != nil {
				t.Errorf("mine: told of %q", all)
			}
			r.account = "yours"
			if _, all, _ := r.pullAccount(account{"C/b.pdf": "b"}, catalog.Listing{}); all != nil {
				t.Errorf("yours: told of %q", all)
			}
		}
	})
	t.Run("by force", func(t *testing.T) {
		r := newRig(t)
		r.set("a", "", "one")
		r.set("b", "", "two")
		r.account = "mine"
		r.pullAccount(account{"C/a.pdf": "a"}, catalog.Listing{})
		r.account = "yours"
		if got, _, _ := r.pullAccount(account{"C/a.pdf": "b"}, catalog.Listing{}); len(got.Failed) != 1 || !errors.Is(got.Failed[0].Err, ErrOthersPlace) {
			t.Errorf("%+v", got)
		}
		r.force = true
		if got, _, _ := r.pullAccount(account{"C/a.pdf": "b"}, catalog.Listing{}); len(got.Moved) != 1 || got.Failed != nil {
			t.Errorf("%+v", got)
		}
		r.wantFiles(map[string]string{"C/a.pdf": "two", asideName(entry{Path: "C/a.pdf", ID: "a"}, 0): "one"})
	})
	t.Run("types", func(t *testing.T) {
		r := newRig(t)
		r.set("bill", "", "one")
		r.set("invoice", "", "two")
		r.docs["invoice"].Type = "invoices"
		r.pullAccount(account{"C/a.pdf": "bill"}, catalog.Listing{}, "bills")
		for range 2 {
			got, _, _ := r.pullAccount(account{"C/a.pdf": "invoice"}, catalog.Listing{}, "invoices")
			if len(got.Failed) != 1 || !errors.Is(got.Failed[0].Err, ErrOthersPlace) {
				t.Errorf("%+v", got)
			}
			if got, _, _ := r.pullAccount(account{"C/a~1.pdf": "bill", "C/a~2.pdf": "invoice"}, catalog.Listing{}); got.Moved != nil || got.Failed != nil {
				t.Errorf("of all types: %+v", got)
			}
			if got, _, _ := r.pullAccount(account{"C/a.pdf": "bill"}, catalog.Listing{}, "bills"); got.Moved != nil || got.UpToDate != 1 {
				t.Errorf("of bills: %+v", got)
			}
		}
		r.wantFiles(map[string]string{"C/a.pdf": "one", "C/a~1.pdf": "one", "C/a~2.pdf": "two"})
	})
	t.Run("a corrected one of the same type", func(t *testing.T) {
		r := newRig(t)
		r.set("a", "", "one")
		r.set("b", "", "two")
		r.pullAccount(account{"C/a.pdf": "a"}, catalog.Listing{}, "bills")
		if got, _, _ := r.pullAccount(account{"C/a.pdf": "b"}, catalog.Listing{}); got.Copied != 1 || got.Failed != nil {
			t.Errorf("%+v", got)
		}
		r.wantFiles(map[string]string{"C/a.pdf": "two", asideName(entry{Path: "C/a.pdf", ID: "a"}, 0): "one"})
	})
}

// A folder that was copied to another disk, or comes back from a backup, has other times:
// what it holds is what pull left there all the same.
func TestAFolderThatLostItsTimes(t *testing.T) {
	r := newRig(t)
	for _, id := range []string{"a", "b", "c", "d"} {
		r.set(id, day1, "document "+id)
	}
	r.pullAccount(account{"C/a.pdf": "a", "C/b.pdf": "b", "C/c.pdf": "c"}, catalog.Listing{})
	past := time.Date(2020, 1, 1, 0, 0, 0, 0, time.UTC)
	for _, id := range []string{"a", "b", "c"} {
		check(t, os.Chtimes(r.path(id), past, past))
	}
	r.set("b", day2, "document b, a new version")
	aside := asideName(entry{Path: "C/a.pdf", ID: "a"}, 0)
	for round := range 2 {
		// a is withdrawn, and d has its name; b has another one; c is withdrawn.
		got, all, news := r.pullAccount(account{"C/a.pdf": "d", "C/b2.pdf": "b"}, catalog.Listing{})
		if got.Failed != nil || len(got.Moved) != 2*(1-round) || got.Copied != 2*(1-round) || len(all) != 2 || len(news) != 2*(1-round) {
			t.Errorf("round %d: %+v, left %q, news %q", round, got, all, news)
		}
		r.wantFiles(map[string]string{"C/a.pdf": "document d", aside: "document a", "C/b2.pdf": "document b, a new version", "C/c.pdf": "document c"})
	}
}

// A customer whose client id changes has the same copies as before: they follow their
// documents, are told of, and make room. The copies of a type that the new one does not
// see are left alone.
func TestAnotherClientID(t *testing.T) {
	r := newRig(t)
	for _, id := range []string{"a", "b", "c", "d"} {
		r.set(id, day1, "document "+id)
	}
	r.set("invoice", day1, "an invoice")
	r.docs["invoice"].Type = "invoices"
	r.account = "before"
	r.pullAccount(account{"C/a.pdf": "a", "C/b.pdf": "b", "C/c.pdf": "c", "C/i.pdf": "invoice"}, catalog.Listing{})
	r.account = "now"
	a, c := asideName(entry{Path: "C/a.pdf", ID: "a"}, 0), "C/c.pdf"
	for round := range 2 {
		// a is withdrawn, and d has its name; b has another one; c is withdrawn.
		got, all, news := r.pullAccount(account{"C/a.pdf": "d", "C/b2.pdf": "b"}, catalog.Listing{})
		if got.Failed != nil || len(got.Moved) != 2*(1-round) || len(all) != 2 || len(news) != 2*(1-round) {
			t.Errorf("round %d: %+v, left %q, news %q", round, got, all, news)
		}
		r.wantFiles(map[string]string{"C/a.pdf": "document d", a: "document a", "C/b2.pdf": "document b", c: "document c", "C/i.pdf": "an invoice"})
	}
}

// A document, or a file of somebody's, that is called nearly as a temporary file is, or
// quite, is no leftover.
func TestNamesLikeThoseOfTemporaryFiles(t *testing.T) {
	r := newRig(t)
	r.set("a", "", "one")
	r.set("b", "", "two")
	r.set("c", "", "three")
	like, nearly, mine := "C/"+temporaryPrefix+strings.Repeat("A", 34), "C/"+temporaryPrefix+"b.pdf", "C/"+temporaryPrefix+"notes"
	r.alike = map[string]bool{like: true, nearly: true, mine: true}
	a := account{like: "a", nearly: "b"}
	if got, _, _ := r.pullAccount(a, catalog.Listing{}); got.Copied != 2 {
		t.Errorf("%+v", got)
	}
	check(t, os.WriteFile(filepath.Join(r.dir, mine), []byte("mine"), 0o644))
	for range 2 {
		a["C/c.pdf"] = "c"
		if got, _, _ := r.pullAccount(a, catalog.Listing{}); got.Failed != nil {
			t.Errorf("%+v", got)
		}
		for at, want := range map[string]string{like: "one", nearly: "two", mine: "mine"} {
			data, err := os.ReadFile(filepath.Join(r.dir, at))
			if got := strings.TrimSuffix(strings.TrimPrefix(string(data), pdfBegin), pdfEnd); err != nil || got != want {
				t.Errorf("%s is %q, %v", at, got, err)
			}
		}
		check(t, os.Remove(filepath.Join(r.dir, "C", "c.pdf")))
		check(t, os.Remove(filepath.Join(r.dir, JournalName)))
	}
}

// A contract that is called otherwise has another directory: the copies in the one before
// are told of once, by runs that would have made them.
func TestCopiesInADirectoryOfBefore(t *testing.T) {
	r := newRig(t)
	r.set("a", "", "one")
	r.set("b", "", "two")
	pull := func(a account, listing catalog.Listing, types ...string) []string {
		t.Helper()
		_, all, _ := r.pullAccount(a, listing, types...)
		if all != nil {
			t.Errorf("gone: %q", all)
		}
		return r.apart
	}
	old, now := account{"C old/a.pdf": "a", "C old/b.pdf": "b"}, account{"C new/a.pdf": "a", "C new/b.pdf": "b"}
	pull(old, catalog.Listing{})
	for _, listing := range []catalog.Listing{{Stale: os.ErrDeadlineExceeded}, {Incomplete: true}} {
		if got := pull(now, listing); got != nil {
			t.Errorf("of a listing that is not to be believed: %q", got)
		}
	}
	if got := pull(now, catalog.Listing{}, "bills"); got != nil {
		t.Errorf("by a run of some types: %q", got)
	}
	check(t, os.WriteFile(filepath.Join(r.dir, "C old", "mine"), nil, 0o644))
	if got := pull(now, catalog.Listing{}); !slices.Equal(got, []string{"C old/a.pdf", "C old/b.pdf"}) {
		t.Errorf("told of %q", got)
	}
	for range 2 { // two layouts, one after the other
		if got := pull(now, catalog.Listing{}); got != nil {
			t.Errorf("again: %q", got)
		}
		pull(old, catalog.Listing{})
	}
}
