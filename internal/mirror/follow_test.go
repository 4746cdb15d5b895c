package mirror

import (
	"errors"
	"maps"
	"os"
	"testing"
	"time"

	"ccsfs/apiclient"
	"ccsfs/internal/catalog"
)

// Documents that take each other's names keep their copies, none is left under a name of
// before, and no more is asked for: also where one of them cannot be had any more.
func TestNamesThatAreTakenOver(t *testing.T) {
	before := account{"C/a.pdf": "1", "C/b.pdf": "2", "C/c.pdf": "3"}
	aside := func(at, id string) string { return asideName(entry{Path: at, ID: id}, 0) }
	for name, tt := range map[string]struct {
		change func(r *rig)
		then   account
		other  map[string]string // files beside those of then
		fails  int
		moves  int
	}{
		"exchange":       {then: account{"C/a.pdf": "2", "C/b.pdf": "1", "C/c.pdf": "3"}, moves: 2},
		"circle":         {then: account{"C/a.pdf": "2", "C/b.pdf": "3", "C/c.pdf": "1"}, moves: 3},
		"other circle":   {then: account{"C/a.pdf": "3", "C/b.pdf": "1", "C/c.pdf": "2"}, moves: 3},
		"chain":          {then: account{"C/b.pdf": "1", "C/c.pdf": "2", "C/d.pdf": "3"}, moves: 3},
		"chain of a few": {then: account{"C/b.pdf": "1", "C/c.pdf": "2"}, other: map[string]string{aside("C/c.pdf", "3"): "3"}, moves: 3},
		"one is gone":    {then: account{"C/a.pdf": "2", "C/c.pdf": "3"}, other: map[string]string{aside("C/a.pdf", "1"): "1"}, moves: 2},
		"a new one comes": {then: account{"C/a.pdf": "4", "C/b.pdf": "1", "C/c.pdf": "3", "C/d.pdf": "2"}, moves: 2,
			change: func(r *rig) { r.set("4", "", "4") }},
		"somebody's file is at the end": {then: account{"C/b.pdf": "1", "C/c.pdf": "2", "C/d.pdf": "3"}, moves: 3, fails: 1,
			change: func(r *rig) { r.edit("d", "mine") }, other: map[string]string{"C/d.pdf": "mine", aside("C/c.pdf", "3"): "3"}},
	} {
		t.Run(name, func(t *testing.T) {
			r := newRig(t)
			for _, id := range []string{"1", "2", "3"} {
				r.set(id, "", id)
			}
			r.pullAccount(before, catalog.Listing{})
			for _, id := range []string{"1", "2", "3"} {
				r.api.fail[id] = apiclient.ErrNotFound // nobody needs them
			}
			if tt.change != nil {
				tt.change(r)
			}
			want := map[string]string{}
			for at, id := range tt.then {
				want[at] = id
			}
			maps.Copy(want, tt.other)
			for round := range 2 {
				got, _, _ := r.pullAccount(tt.then, catalog.Listing{})
				if len(got.Failed) != tt.fails || round == 0 && len(got.Moved) != tt.moves || round > 0 && (len(got.Moved) > 0 || got.Copied > 0) {
					t.Errorf("round %d: %+v", round, got)
				}
				for _, f := range got.Failed {
					if !errors.Is(f.Err, ErrDiffers) {
						t.Error(f.Err)
					}
				}
				r.wantFiles(want)
			}
			for _, id := range []string{"1", "2", "3"} {
				if n := r.api.count(id); n != 1 {
					t.Errorf("%s was asked for %d times", id, n)
				}
			}
		})
	}
}

// What was set aside for somebody's file gets its name when that is gone.
func TestWhatWasSetAsideComesBack(t *testing.T) {
	r := newRig(t)
	r.set("1", "", "1")
	r.set("2", "", "2")
	r.pullAccount(account{"C/a.pdf": "1", "C/b.pdf": "2"}, catalog.Listing{})
	r.edit("c", "mine")
	then := account{"C/b.pdf": "1", "C/c.pdf": "2"}
	r.pullAccount(then, catalog.Listing{})
	check(t, os.Remove(r.path("c")))
	if got, _, _ := r.pullAccount(then, catalog.Listing{}); len(got.Moved) != 1 || got.Copied != 0 || got.Failed != nil {
		t.Errorf("%+v", got)
	}
	r.wantFiles(map[string]string{"C/b.pdf": "1", "C/c.pdf": "2"})
}

// A copy of what had the id before, for another month, is no earlier version of a
// document that has a copy of its own.
func TestTwoDocumentsOfOneIDOneAfterTheOther(t *testing.T) {
	r := newRig(t)
	set := func(month, body string) {
		r.set("1", "", body)
		r.docs["1"].Period, r.docs["1"].Filename = month, month
	}
	now := catalog.Listing{FetchedAt: time.Now()}
	set("2026-01", "january")
	r.pullAccount(account{"C/a.pdf": "1"}, now)
	set("2026-02", "february")
	now.FetchedAt = time.Now()
	r.pullAccount(account{"C/b.pdf": "1"}, now)
	r.wantFiles(map[string]string{"C/a.pdf": "january", "C/b.pdf": "february"})
	if got, _, _ := r.pullAccount(account{"C/a.pdf": "1"}, now); len(got.Moved) != 2 || got.Copied != 0 {
		t.Errorf("%+v", got)
	}
	r.wantFiles(map[string]string{"C/a.pdf": "february", asideName(entry{Path: "C/a.pdf", ID: "1"}, 0): "january"})
}
