package mirror

import (
	"path/filepath"
	"strings"
	"testing"

	"ccsfs/apiclient"
	"ccsfs/internal/catalog"
)

// newFoldRig is a rig with a destination that ignores case.
func newFoldRig(t *testing.T) *rig {
	t.Helper()
	r := newRig(t)
	r.dir = filepath.Join(mountFold(t), "dest")
	r.set("a", day1, "one")
	r.set("b", day1, "two")
	return r
}

// A document whose name changes in case alone is itself where the file system takes both
// names for one, also if it has changed.
func TestACaseThatChanges(t *testing.T) {
	for name, day := range map[string]string{"the same": day1, "another version": day2} {
		t.Run(name, func(t *testing.T) {
			r := newFoldRig(t)
			r.pullAccount(account{"C/a.pdf": "a", "C/b.pdf": "b"}, catalog.Listing{})
			r.set("a", day, "now "+day)
			want := map[string]string{"C/A.pdf": "now " + day, "C/b.pdf": "two"}
			if day == day1 {
				r.set("a", day, "one")
				want["C/A.pdf"] = "one"
			}
			for round := range 2 {
				got, all, _ := r.pullAccount(account{"C/A.pdf": "a", "C/b.pdf": "b"}, catalog.Listing{})
				if len(got.Moved) != 1-round || got.Failed != nil || all != nil || r.apart != nil {
					t.Errorf("round %d: %+v, left %q, apart %q", round, got, all, r.apart)
				}
				r.wantFiles(want)
			}
		})
	}
}

// So it is where its directory has another case, which stays.
func TestACaseOfADirectoryThatChanges(t *testing.T) {
	r := newFoldRig(t)
	r.pullAccount(account{"C/a.pdf": "a"}, catalog.Listing{})
	r.set("a", day2, "one, new")
	for round := range 2 {
		got, all, _ := r.pullAccount(account{"c/a.pdf": "a"}, catalog.Listing{})
		if got.Copied != 1-round || got.Failed != nil || all != nil || r.apart != nil {
			t.Errorf("round %d: %+v, left %q, apart %q", round, got, all, r.apart)
		}
		r.wantFiles(map[string]string{"C/a.pdf": "one, new"})
	}
}

// The copy of what is not listed any more is not written over by a document whose name
// differs in case alone.
func TestWhatIsGoneIsNotReplacedByAnotherCase(t *testing.T) {
	for _, force := range []bool{false, true} {
		r := newFoldRig(t)
		r.force = force
		r.pullAccount(account{"C/A.pdf": "a"}, catalog.Listing{})
		aside := asideName(entry{Path: "C/A.pdf", ID: "a"}, 0)
		for round := range 2 {
			got, all, news := r.pullAccount(account{"C/a.pdf": "b"}, catalog.Listing{})
			if got.Failed != nil || len(got.Moved) != 1-round || len(all) != 1 || len(news) != 1-round {
				t.Errorf("round %d: %+v, left %q, news %q", round, got, all, news)
			}
			r.wantFiles(map[string]string{"C/a.pdf": "two", aside: "one"})
		}
	}
}

// Of two that exchange their names, in another case, none is lost while it cannot be had
// again.
func TestSwappedNamesInAnotherCase(t *testing.T) {
	r := newFoldRig(t)
	r.pullAccount(account{"C/a.pdf": "a", "C/b.pdf": "b"}, catalog.Listing{})
	r.set("a", day2, "one, new")
	r.set("b", day2, "two, new")
	r.api.fail["a"] = apiclient.ErrNotFound
	swapped := account{"C/A.pdf": "b", "C/B.pdf": "a"}
	if got, all, _ := r.pullAccount(swapped, catalog.Listing{}); len(got.Failed) != 1 || all != nil {
		t.Errorf("%+v, left %q", got, all)
	}
	r.wantFiles(map[string]string{"C/A.pdf": "two, new", "C/B.pdf": "one"})
}

// Two documents whose names differ in case alone do not follow each other.
func TestTwoThatDifferInCaseHaveOnePlace(t *testing.T) {
	r := newFoldRig(t)
	r.pullAccount(account{"C/a.pdf": "a"}, catalog.Listing{})
	for _, paths := range []account{{"C/A.pdf": "a", "C/a.pdf": "b"}, {"C/a.pdf": "a", "C/A.pdf": "b"}} {
		for range 2 {
			got, all, _ := r.pullAccount(paths, catalog.Listing{})
			if len(got.Failed) != 1 || !strings.Contains(got.Failed[0].Err.Error(), "another document has its place") || paths[got.Failed[0].Path] != "b" || all != nil {
				t.Errorf("%+v, left %q", got, all)
			}
			for at, id := range paths {
				if id == "a" {
					r.wantFiles(map[string]string{at: "one"})
				}
			}
		}
	}
}
