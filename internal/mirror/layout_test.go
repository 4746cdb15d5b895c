package mirror

import (
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"ccsfs/apiclient"
	"ccsfs/internal/catalog"
	"ccsfs/internal/folder"
	"ccsfs/internal/osfile/osfiletest"
)

// layouts are where a document is by each.
func layouts() map[string]func(id string) string {
	return map[string]func(id string) string{
		"flat":  func(id string) string { return "C/" + id + ".pdf" },
		"type":  func(id string) string { return "C/bills/" + id + ".pdf" },
		"deep":  func(id string) string { return "C/bills/2026/10/" + id + ".pdf" },
		"id":    func(id string) string { return "C/" + id + "/" + id + ".pdf" },
		"files": func(id string) string { return "C/" + id + ".pdf/x.pdf" }, // a directory where flat has a file
		"rotate": func(id string) string {
			return "C/" + map[string]string{"a": "b", "b": "c", "c": "d", "d": "a"}[id] + ".pdf"
		},
	}
}

// lay is a run by a layout over all documents, but those left out.
func (r *rig) lay(layout string, asked bool, o Options, without ...string) (Result, []string) {
	r.t.Helper()
	l := NewListed("mine", nil)
	l.Layout(layout, asked)
	listing := catalog.Listing{ContractID: "C"}
	var items []Item
	for _, id := range slices.Sorted(maps.Keys(r.docs)) {
		d := *r.docs[id]
		listing.Documents = append(listing.Documents, d)
		at := layouts()[layout](id)
		l.Document(at, &d)
		if !slices.Contains(without, id) {
			items = append(items, Item{Path: at, Doc: &d, Ref: folder.Ref(&d, listing.FetchedAt)})
		}
	}
	l.Listing(&listing, true)
	l.Account(&catalog.Contracts{Entries: []catalog.ContractEntry{{Name: "C", Contract: apiclient.Contract{ID: "C"}}}})
	o.Listed, o.Workers, o.Prefetch = l, 3, 4<<20
	f := r.foresee(items, o)
	d, err := OpenDest(r.t.Context(), r.dir, nobody)
	check(r.t, err)
	copied := map[string]bool{}
	o.Copied = func(c Copy) { copied[c.Path] = true }
	if asked {
		check(r.t, d.KeepLayout(layout))
	}
	result := Run(r.t.Context(), d, r.store, items, o, nothing{})
	r.compare(f, items, result, copied)
	apart := d.Apart(l)
	check(r.t, d.ToldApart(apart))
	check(r.t, d.Close())
	r.clean()
	return result, apart
}

// tree is what there is, without journal and lock: files, and directories that end in /.
func (r *rig) tree() []string {
	r.t.Helper()
	var all []string
	for at := range r.everything() {
		name, _ := filepath.Rel(r.dir, at)
		name = filepath.ToSlash(name)
		info, err := os.Lstat(at)
		check(r.t, err)
		switch {
		case strings.HasPrefix(name, "."):
			continue
		case info.IsDir():
			name += "/"
		}
		all = append(all, name)
	}
	slices.Sort(all)
	return all
}

// Another layout moves what is there, and fetches nothing; directories that are empty then
// go, and somebody's stay.
func TestAnotherLayoutMoves(t *testing.T) {
	osfiletest.SkipWine(t)
	r := newRig(t)
	for _, id := range []string{"a", "b", "c", "d"} {
		r.set(id, day1, "of "+id)
	}
	if got, _ := r.lay("flat", false, Options{}); got.Copied != 4 {
		t.Fatalf("%+v", got)
	}
	check(t, os.WriteFile(filepath.Join(r.dir, "C", "mine"), nil, 0o644))
	calls := r.calls()
	check(t, os.RemoveAll(r.cache)) // not even from there
	for _, layout := range []string{"deep", "type", "rotate", "id", "flat"} {
		got, apart := r.lay(layout, false, Options{}, "d") // which is not asked for
		if len(got.Moved) != 4 || got.Copied != 0 || got.Failed != nil || apart != nil {
			t.Errorf("%s: %+v, apart %v", layout, got, apart)
		}
		want := []string{"C/", "C/mine"}
		for _, id := range []string{"a", "b", "c", "d"} {
			at := layouts()[layout](id)
			want = append(want, at)
			for dir := filepath.Dir(at); dir != "C"; dir = filepath.Dir(dir) {
				want = append(want, dir+"/")
			}
			if text := hold(t, filepath.Join(r.dir, at)); text != "of "+id {
				t.Errorf("%s: %s is %q", layout, at, text)
			}
		}
		slices.Sort(want)
		if got := r.tree(); !slices.Equal(got, slices.Compact(want)) {
			t.Errorf("%s: there are %q, want %q", layout, got, want)
		}
		if got, _ := r.lay(layout, false, Options{}); got.Moved != nil || got.UpToDate != 4 {
			t.Errorf("%s again: %+v", layout, got)
		}
	}
	if r.calls() != calls {
		t.Errorf("%d documents were asked for", r.calls()-calls)
	}
}

// Copies of a version that noted no layout move if somebody asks for one, and else stay, and
// are told of.
func TestCopiesOfNoNotedLayout(t *testing.T) {
	for _, asked := range []bool{true, false} {
		r := newRig(t)
		r.set("a", day1, "of a")
		r.lay("flat", false, Options{})
		at := filepath.Join(r.dir, JournalName)
		data, err := os.ReadFile(at)
		check(t, err)
		check(t, os.WriteFile(at, []byte(strings.ReplaceAll(string(data), `"layout":"flat"`, `"x":1`)), 0o644))
		got, apart := r.lay("type", asked, Options{})
		if (len(got.Moved) == 1) != asked || (len(apart) == 0) != asked || got.Copied == 1 == asked {
			t.Errorf("asked %v: %+v, apart %v", asked, got, apart)
		}
	}
}

// A layout of its own is remembered, whatever else stands in the journal.
func TestLayoutOf(t *testing.T) {
	r := newRig(t)
	r.set("a", day1, "of a")
	if got := LayoutOf(r.dir); got != "" {
		t.Errorf("of nothing: %q", got)
	}
	r.lay("flat", false, Options{})
	if got := LayoutOf(r.dir); got != "" {
		t.Errorf("not asked for: %q", got)
	}
	r.lay("type", true, Options{})
	r.lay("type", false, Options{})
	if got := LayoutOf(r.dir); got != "type" {
		t.Errorf("%q", got)
	}
	check(t, os.Remove(filepath.Join(r.dir, JournalName)))
	check(t, os.Mkdir(filepath.Join(r.dir, JournalName), 0o755))
	if got := LayoutOf(r.dir); got != "" {
		t.Errorf("of a directory: %q", got)
	}
}

// Whatever somebody puts between two layouts, or edits: it stays, each document is where the
// layout has it, or its failure is told, and nothing that is there is fetched.
func TestLayoutModel(t *testing.T) {
	names := slices.Sorted(maps.Keys(layouts()))
	rapid.Check(t, func(rt *rapid.T) {
		r := newRig(t)
		ids := []string{"a", "b", "c", "d"}
		for _, id := range ids {
			r.set(id, day1, "of "+id)
		}
		r.lay("flat", false, Options{})
		mine := map[string]string{}
		calls := r.calls()
		for n := range rapid.IntRange(1, 5).Draw(rt, "layouts") {
			if rapid.Bool().Draw(rt, "somebody") {
				at := filepath.Join(r.dir, rapid.SampledFrom([]string{"C/mine", "C/bills", "C/bills/mine", "C/a", "C/b.pdf", "C/bills/2026", "C/c/c.pdf"}).Draw(rt, "file"))
				if os.MkdirAll(filepath.Dir(at), 0o755) == nil {
					if info, err := os.Lstat(at); err != nil || !info.IsDir() {
						_ = os.Remove(at)
						mine[at] = fmt.Sprintf("mine %d", n)
						check(t, os.WriteFile(at, []byte(mine[at]), 0o644))
					}
				}
			}
			layout := rapid.SampledFrom(names).Draw(rt, "layout")
			got, _ := r.lay(layout, rapid.Bool().Draw(rt, "asked"), Options{})
			failed := map[string]bool{}
			for _, f := range got.Failed {
				failed[f.Path] = true
			}
			for _, id := range ids {
				at := layouts()[layout](id)
				data, err := os.ReadFile(filepath.Join(r.dir, at))
				if is := err == nil && strings.Contains(string(data), "of "+id+"\n"); is == failed[at] {
					rt.Fatalf("%s at %s: %q, %v, failed %v (%v)", id, at, data, err, failed[at], got.Failed)
				}
			}
			for at, text := range mine {
				if data, err := os.ReadFile(at); err != nil || string(data) != text {
					rt.Fatalf("%s is %q, %v", at, data, err)
				}
			}
		}
		if r.calls() != calls {
			rt.Fatalf("%d documents were asked for", r.calls()-calls)
		}
	})
}
