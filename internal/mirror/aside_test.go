package mirror

import (
	"os"
	"path"
	"strings"
	"testing"
	"time"

	"ccsfs/apiclient"
	"ccsfs/internal/catalog"
)

// A document that is not listed any more keeps its copy when another one gets its name,
// and is told of; it gets its name back when it is back.
func TestWhatIsGoneIsNotReplaced(t *testing.T) {
	r := newRig(t)
	r.set("a", "", "one")
	r.set("b", "", "two")
	r.pullAccount(account{"C/a.pdf": "a"}, catalog.Listing{})
	aside := asideName(entry{Path: "C/a.pdf", ID: "a"}, 0)

	got, all, news := r.pullAccount(account{"C/a.pdf": "b"}, catalog.Listing{})
	if len(got.Moved) != 1 || got.Moved[0] != (Move{"C/a.pdf", aside, true}) || got.Copied != 1 || len(news) != 1 || news[0] != aside {
		t.Errorf("%+v, left %q, news %q", got, all, news)
	}
	r.wantFiles(map[string]string{"C/a.pdf": "two", aside: "one"})
	got, all, news = r.pullAccount(account{"C/a.pdf": "b"}, catalog.Listing{})
	if got.Moved != nil || got.UpToDate != 1 || len(all) != 1 || news != nil {
		t.Errorf("again: %+v, left %q, news %q", got, all, news)
	}
	got, all, _ = r.pullAccount(account{"C/a~1.pdf": "a", "C/a~2.pdf": "b"}, catalog.Listing{})
	if len(got.Moved) != 2 || got.Copied != 0 || all != nil {
		t.Errorf("it is back: %+v, left %q", got, all)
	}
	r.wantFiles(map[string]string{"C/a~1.pdf": "one", "C/a~2.pdf": "two"})
}

// What somebody put under the name for it stays as well, and no name is too long.
func TestNamesOfWhatIsSetAside(t *testing.T) {
	r := newRig(t)
	r.set("a", "", "one")
	r.set("b", "", "two")
	r.pullAccount(account{"C/a.pdf": "a"}, catalog.Listing{})
	e := entry{Path: "C/a.pdf", ID: "a"}
	r.edit(strings.TrimSuffix(path.Base(asideName(e, 0)), ".pdf"), "mine")
	r.pullAccount(account{"C/a.pdf": "b"}, catalog.Listing{})
	r.wantFiles(map[string]string{"C/a.pdf": "two", asideName(e, 0): "mine", asideName(e, 1): "one"})

	for _, base := range []string{strings.Repeat("ü", 125) + ".pdf", strings.Repeat("x", 255), "." + strings.Repeat("x", 254)} {
		name := path.Base(asideName(entry{Path: "C/" + base, ID: "a"}, 99))
		if len(name) > maxName || strings.ToValidUTF8(name, "") != name || name == base {
			t.Errorf("%d bytes: %q", len(name), name)
		}
	}
}

// An id that is used for another document makes no version of it: the copy of the first
// one keeps its name, is told of, and is not written over by those that come.
func TestAnIDOfAnotherDocument(t *testing.T) {
	for name, updated := range map[string]string{"dated": day1, "of no date": ""} {
		t.Run(name, func(t *testing.T) {
			r := newRig(t)
			now := func() catalog.Listing { return catalog.Listing{FetchedAt: time.Now()} }
			set := func(id, month, body string) {
				r.set(id, updated, body)
				r.docs[id].Period, r.docs[id].Filename = month, month+".pdf"
			}
			set("1", "2026-01", "january")
			r.pullAccount(account{"C/jan.pdf": "1"}, now())
			set("1", "2026-02", "february")
			got, all, news := r.pullAccount(account{"C/feb.pdf": "1"}, now())
			if got.Moved != nil || got.Copied != 1 || len(all) != 1 || len(news) != 1 || news[0] != "C/jan.pdf" {
				t.Errorf("%+v, left %q, news %q", got, all, news)
			}
			r.wantFiles(map[string]string{"C/jan.pdf": "january", "C/feb.pdf": "february"})

			set("2", "2026-01", "january, corrected")
			r.pullAccount(account{"C/feb.pdf": "1", "C/jan.pdf": "2"}, now())
			aside := asideName(entry{Path: "C/jan.pdf", ID: "1"}, 0)
			r.wantFiles(map[string]string{"C/jan.pdf": "january, corrected", aside: "january", "C/feb.pdf": "february"})

			r.docs["1"].Filename = "renamed.pdf"
			if got, _, _ := r.pullAccount(account{"C/renamed.pdf": "1", "C/jan.pdf": "2"}, now()); len(got.Moved) != 1 {
				t.Errorf("renamed: %+v", got)
			}
			r.wantFiles(map[string]string{"C/jan.pdf": "january, corrected", aside: "january", "C/renamed.pdf": "february"})
		})
	}
}

// Nor is the copy of a document written over that is listed, but not asked for this time:
// it follows its name like others, if it can.
func TestWhatIsNotAskedForIsNotReplaced(t *testing.T) {
	for _, taken := range []bool{false, true} {
		r := newRig(t)
		r.set("a", "", "one")
		r.set("b", "", "two")
		r.pullAccount(account{"C/a.pdf": "a"}, catalog.Listing{})
		to, want := "C/z.pdf", map[string]string{"C/a.pdf": "two", "C/z.pdf": "one"}
		if taken {
			r.edit("z", "mine")
			to = asideName(entry{Path: "C/a.pdf", ID: "a"}, 0)
			want["C/z.pdf"], want[to] = "mine", "one"
		}
		r.leaveOut = "a" // as --since does
		got, all, _ := r.pullAccount(account{"C/a.pdf": "b", "C/z.pdf": "a"}, catalog.Listing{})
		if len(got.Moved) != 1 || got.Moved[0] != (Move{"C/a.pdf", to, taken}) || got.Copied != 1 || all != nil {
			t.Errorf("%+v, left %q", got, all)
		}
		r.wantFiles(want)
	}
}

// What is not listed any more does not keep the name of what is not asked for.
func TestNoCopyHasTheNameOfAnother(t *testing.T) {
	r := newRig(t)
	r.set("a", "", "one")
	r.set("b", "", "two")
	r.pullAccount(account{"C/a.pdf": "a"}, catalog.Listing{})
	r.leaveOut = "b"
	aside := asideName(entry{Path: "C/a.pdf", ID: "a"}, 0)
	for round := range 2 {
		got, all, news := r.pullAccount(account{"C/a.pdf": "b"}, catalog.Listing{})
		if len(all) != 1 || all[0] != aside || len(news) != 1-round || len(got.Moved) != 1-round {
			t.Errorf("round %d: %+v, left %q, news %q", round, got, all, news)
		}
		r.wantFiles(map[string]string{aside: "one"})
	}
}

// Where documents swap their names and change, the copy of one whose own cannot be put yet
// is not written over by the other's; where all is well nothing is left beside.
func TestSwappedNames(t *testing.T) {
	aside := asideName(entry{Path: "C/a.pdf", ID: "a"}, 0)
	for name, tt := range map[string]struct {
		change func(r *rig)
		want   map[string]string
		fails  int
	}{
		"both come": {func(*rig) {}, map[string]string{"C/a.pdf": "two, new", "C/b.pdf": "one, new"}, 0},
		"one fails": {func(r *rig) { r.api.fail["a"] = apiclient.ErrNotFound }, map[string]string{"C/a.pdf": "two, new", "C/b.pdf": "one"}, 1},
		"something is in its place": {func(r *rig) {
			check(t, os.Remove(r.path("b")))
			check(t, os.Mkdir(r.path("b"), 0o755))
		}, map[string]string{"C/a.pdf": "two, new", aside: "one"}, 1},
	} {
		t.Run(name, func(t *testing.T) {
			r := newRig(t)
			r.set("a", day1, "one")
			r.set("b", day1, "two")
			r.pullAccount(account{"C/a.pdf": "a", "C/b.pdf": "b"}, catalog.Listing{})
			r.set("a", day2, "one, new")
			r.set("b", day2, "two, new")
			swapped := account{"C/b.pdf": "a", "C/a.pdf": "b"}
			tt.change(r)
			if got, all, _ := r.pullAccount(swapped, catalog.Listing{}); len(got.Failed) != tt.fails || all != nil {
				t.Errorf("%+v, left %q", got, all)
			}
			if tt.want[aside] != "" {
				check(t, os.Remove(r.path("b")))
			}
			r.wantFiles(tt.want)
			if tt.want[aside] == "" {
				return
			}
			if got, all, _ := r.pullAccount(swapped, catalog.Listing{}); len(got.Moved) != 1 || got.Failed != nil || all != nil {
				t.Errorf("again: %+v, left %q", got, all)
			}
			r.wantFiles(map[string]string{"C/a.pdf": "two, new", "C/b.pdf": "one, new"})
		})
	}
}
