package mirror

import (
	"bytes"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"ccsfs/apiclient"
	"ccsfs/internal/billing"
	"ccsfs/internal/catalog"
	"ccsfs/internal/folder"
	"ccsfs/internal/osfile/osfiletest"
)

// onBytes is a Progress that calls itself when the first bytes of a document are there.
type onBytes func()

func (f onBytes) Bytes(int) { f() }
func (onBytes) Done()       {}

// What somebody puts into a place while the document for it is on its way stays, but for
// --force.
func TestWhatComesMeanwhileStays(t *testing.T) {
	for name, before := range map[string]bool{"a new file": false, "an edit": true} {
		for _, force := range []bool{false, true} {
			t.Run(name, func(t *testing.T) {
				r := newRig(t)
				r.set("a", day1, "one")
				if before {
					r.pull(t.Context(), Options{})
					r.set("a", day2, "two, longer")
				}
				d, err := OpenDest(t.Context(), r.dir, nobody)
				check(t, err)
				got := Run(t.Context(), d, r.store, r.items(), Options{Force: force}, onBytes(func() { r.edit("a", "mine") }))
				check(t, d.Close())
				if force {
					if got.Copied != 1 || r.local("a") == "mine" {
						t.Errorf("%q, %+v", r.local("a"), got)
					}
					return
				}
				if r.local("a") != "mine" || len(got.Failed) != 1 || !errors.Is(got.Failed[0].Err, ErrDiffers) {
					t.Errorf("%q, %+v", r.local("a"), got)
				}
			})
		}
	}
}

// What is no file stays, even with --force.
func TestALinkThatComesMeanwhileStays(t *testing.T) {
	osfiletest.SkipWine(t)
	r := newRig(t)
	r.set("a", day1, "one")
	d, err := OpenDest(t.Context(), r.dir, nobody)
	check(t, err)
	got := Run(t.Context(), d, r.store, r.items(), Options{Force: true}, onBytes(func() { _ = os.Symlink("elsewhere", r.path("a")) }))
	check(t, d.Close())
	if to, err := os.Readlink(r.path("a")); err != nil || to != "elsewhere" || len(got.Failed) != 1 {
		t.Errorf("%v, %+v", err, got)
	}
}

// A run that was killed after a document was in its place and before that was noted
// leaves no file that counts as somebody's.
func TestKilledBeforeTheNote(t *testing.T) {
	for _, updated := range []bool{false, true} {
		r := newRig(t)
		r.set("a", day1, "one")
		r.pull(t.Context(), Options{})
		if updated {
			r.set("a", day1[:len(day1)-1]+"+00:00", "two")
			r.pull(t.Context(), Options{})
		}
		file := filepath.Join(r.dir, JournalName)
		lines, err := os.ReadFile(file)
		check(t, err)
		lines = lines[:bytes.LastIndexByte(bytes.TrimSpace(lines), '\n')+1]
		check(t, os.WriteFile(file, lines, 0o644))
		r.set("a", day2, "three")
		if got := r.pull(t.Context(), Options{}); got.Copied != 1 || r.local("a") != "three" {
			t.Errorf("updated %v: %q, %+v", updated, r.local("a"), got)
		}
	}
}

// A run that was killed before a document was in its place leaves what was there.
func TestKilledBeforeTheRename(t *testing.T) {
	for _, somebody := range []bool{false, true} {
		r := newRig(t)
		r.set("a", day1, "one")
		r.pull(t.Context(), Options{})
		at, err := time.Parse(time.RFC3339, day1)
		check(t, err)
		j := openTestJournal(t, r.dir)
		check(t, j.put(entry{Path: "C/a.pdf", Size: int64(len(pdfBegin + "two" + pdfEnd)), ModTime: at, SHA256: "that of two", ID: "a", Updated: day2, Coming: true}))
		r.set("a", day2, "two")
		if somebody {
			r.forge(t)
		}
		got := r.pull(t.Context(), Options{})
		switch {
		case somebody && (r.local("a") != "eno" || len(got.Failed) != 1):
			t.Errorf("%q, %+v", r.local("a"), got)
		case !somebody && (got.Copied != 1 || r.local("a") != "two"):
			t.Errorf("%q, %+v", r.local("a"), got)
		}
	}
}

// Documents of two contracts may have one id: what becomes of the one says nothing of
// the other.
func TestOneIDInTwoContracts(t *testing.T) {
	r := newRig(t)
	r.set("1", day1, "one")
	r.set("2", day1, "two")
	inC, inD, second := *r.docs["1"], *r.docs["1"], *r.docs["2"]
	inD.ContractID = "D"
	run := func(docs map[string]billing.Document) (Result, []string) {
		t.Helper()
		l := NewListed("mine", nil)
		var items []Item
		var entries []catalog.ContractEntry
		for _, c := range []string{"C", "D"} {
			listing := catalog.Listing{ContractID: c, FetchedAt: time.Now()}
			for at, doc := range docs {
				if doc.ContractID == c {
					listing.Documents = append(listing.Documents, doc)
					l.Document(at, &doc)
					items = append(items, Item{Path: at, Doc: &doc, Ref: folder.Ref(&doc, listing.FetchedAt)})
				}
			}
			l.Listing(&listing, true)
			entries = append(entries, catalog.ContractEntry{Name: c, Contract: apiclient.Contract{ID: c}})
		}
		l.Account(&catalog.Contracts{Entries: entries})
		d, err := OpenDest(t.Context(), r.dir, nobody)
		check(t, err)
		got := Run(t.Context(), d, r.store, items, Options{Prefetch: 4 << 20, Listed: l}, nothing{})
		_, news := d.Gone(l)
		check(t, errors.Join(d.Told(news), d.Close()))
		return got, news
	}
	run(map[string]billing.Document{"C/a.pdf": inC, "C/b.pdf": second, "D/a.pdf": inD})
	if got, news := run(map[string]billing.Document{"C/b.pdf": second, "D/a.pdf": inD}); len(news) != 1 || news[0] != "C/a.pdf" {
		t.Errorf("%+v, news %q", got, news)
	}
	got, _ := run(map[string]billing.Document{"C/a.pdf": second, "D/a.pdf": inD})
	r.wantFiles(map[string]string{"C/a.pdf": "two", asideName(entry{Path: "C/a.pdf", ID: "1"}, 0): "one"})
	if got.Copied != 0 || got.Failed != nil || !strings.Contains(strings.Join(names(got.Moved), " "), "C/a.pdf") {
		t.Errorf("%+v", got)
	}
}

func names(moves []Move) (of []string) {
	for _, m := range moves {
		of = append(of, m.From)
	}
	return of
}
