package catalog

import (
	"context"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"ccsfs/apiclient"
	"ccsfs/internal/billing"
	"ccsfs/internal/catalog/fresh"
	"ccsfs/internal/catalog/layout"
	"ccsfs/internal/osfile/osfiletest"
)

// seen fills a directory with what a catalog saves of contract C1.
func seen(t *testing.T, dir string) *fakeAPI {
	t.Helper()
	api := newFake("C1", "C2")
	api.docs["C1"] = together(monthly(billing.TypeBills, 3, 1), monthly(billing.TypeInvoices, 2, 1))
	api.fail = errorFor(apiclient.ErrForbidden, billing.TypeReports)
	c := open(t, Config{Dir: dir}, api)
	l := mustList(t, c, "C1")
	if len(l.Documents) != 5 {
		t.Fatalf("%d documents", len(l.Documents))
	}
	if _, err := c.Detail(t.Context(), "C1"); err != nil {
		t.Fatal(err)
	}
	c.Close()
	api.fail = nil
	api.reset()
	return api
}

func TestSavedIsServedWithoutACall(t *testing.T) {
	dir := t.TempDir()
	api := seen(t, dir)
	before := open(t, Config{Dir: dir}, api)
	want := mustList(t, before, "C1")

	for _, cfg := range []Config{{Dir: dir}, {Dir: dir, Offline: true}, {Dir: dir, Offline: true, Now: func() time.Time { return time.Now().Add(10000 * time.Hour) }}} {
		c := open(t, cfg, api)
		if l, err := c.Known("C1"); err != nil || l == nil || !sameListing(l, want) {
			t.Errorf("Known: %v, %v", l, err)
		}
		l := mustList(t, c, "C1")
		if diff := cmp.Diff(pathsOf(want), pathsOf(l)); diff != "" || !l.FetchedAt.Equal(want.FetchedAt) || len(l.Refused) != 1 {
			t.Errorf("refused %v, fetched %v, paths (-want +got)\n%s", l.Refused, l.FetchedAt, diff)
		}
		d, err := c.Detail(t.Context(), "C1")
		if err != nil || string(d.JSON) != "{\n  \"id\": \"x\"\n}\n" {
			t.Errorf("%+v, %v", d, err)
		}
		list, err := c.Contracts(t.Context())
		if err != nil || len(list.Entries) != 2 || list.Entries[0].Contract.Name != "contract C1" {
			t.Errorf("%+v, %v", list, err)
		}
		if stale := cfg.Now != nil; (l.Stale != nil) != stale || (d.Stale != nil) != stale || (list.Stale != nil) != stale {
			t.Errorf("stale: %v, %v, %v", l.Stale, d.Stale, list.Stale)
		}
	}
	if n := api.count(""); n != 0 {
		t.Errorf("%d calls: %v", n, api.snapshot())
	}
}

func TestOfflineWithNothingSaved(t *testing.T) {
	api := newFake("C1")
	c := open(t, Config{Dir: t.TempDir(), Offline: true}, api)
	_, err1 := c.Contracts(t.Context())
	_, err2 := c.Listing(t.Context(), "C1")
	_, err3 := c.Detail(t.Context(), "C1")
	for _, err := range []error{err1, err2, err3, c.Refresh(t.Context(), ""), c.Refresh(t.Context(), "C1")} {
		if !errors.Is(err, apiclient.ErrUnreachable) || !strings.Contains(err.Error(), "offline") {
			t.Errorf("%v, want ErrUnreachable that says so", err)
		}
	}
	if l, err := c.Known("C1"); l != nil || err != nil {
		t.Errorf("Known: %v, %v", l, err)
	}
	if n := api.count(""); n != 0 {
		t.Errorf("%d calls", n)
	}
}

// TestListingWithoutContracts has a saved listing, but no list of contracts,
// saved or to be had.
func TestListingWithoutContracts(t *testing.T) {
	dir := t.TempDir()
	api := seen(t, dir)
	if err := os.Remove(filepath.Join(dir, contractsFile)); err != nil {
		t.Fatal(err)
	}
	api.fail = down
	c := open(t, Config{Dir: dir}, api)
	if l := mustList(t, c, "C1"); len(l.Documents) != 5 {
		t.Errorf("%d documents", len(l.Documents))
	}
	if _, err := c.Listing(t.Context(), "C2"); !errors.Is(err, apiclient.ErrUnreachable) {
		t.Errorf("one never seen: %v", err)
	}
}

// TestOtherTypesAreOtherFiles would show bills only as if they were all.
func TestOtherTypesAreOtherFiles(t *testing.T) {
	dir := t.TempDir()
	api := seen(t, dir)
	some := open(t, Config{Dir: dir, Types: []string{billing.TypeBills}}, api)
	if l := mustList(t, some, "C1"); len(l.Documents) != 3 {
		t.Errorf("%d documents, want the 3 bills", len(l.Documents))
	}
	some.Close()
	all := open(t, Config{Dir: dir, Offline: true}, api)
	if l := mustList(t, all, "C1"); len(l.Documents) != 5 {
		t.Errorf("%d documents, want all 5", len(l.Documents))
	}
}

func TestModes(t *testing.T) {
	osfiletest.NeedsUnix(t, "modes")
	dir := filepath.Join(t.TempDir(), "deep", "er")
	seen(t, dir)
	files := 0
	err := filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		i, err := d.Info()
		if err != nil {
			return err
		}
		want := fs.FileMode(0o600)
		if d.IsDir() {
			want = 0o700
		} else {
			files++
		}
		if i.Mode().Perm() != want {
			t.Errorf("%s: %v, want %v", path, i.Mode(), want)
		}
		return nil
	})
	if err != nil || files != 4 { // a kind of each, and the locks
		t.Errorf("%d files, %v", files, err)
	}
}

func savedFiles(t *testing.T, dir string) []string {
	t.Helper()
	deep, err := filepath.Glob(filepath.Join(dir, "*", "*.json"))
	if err != nil {
		t.Fatal(err)
	}
	return append(deep, filepath.Join(dir, contractsFile))
}

func TestDamagedFilesAreReplaced(t *testing.T) {
	for title, damage := range map[string]func(data []byte) []byte{
		"empty":         func([]byte) []byte { return nil },
		"cut":           func(d []byte) []byte { return d[:len(d)/2] },
		"a bit flipped": func(d []byte) []byte { d[len(d)-20] ^= 4; return d },
		"rubbish":       func([]byte) []byte { return []byte("\x00\x01{{{") },
		"other version": func(d []byte) []byte { return append([]byte("ccsfs-catalog 9 "), d[len(magic):]...) },
		"no JSON":       func([]byte) []byte { return fresh.Seal(magic, []byte("[]")) },
		"no time":       func([]byte) []byte { return fresh.Seal(magic, []byte("{}")) },
		"foreign": func([]byte) []byte {
			return fresh.Seal(magic, []byte(`{"contract":"C7","fetched_at":"2026-01-01T00:00:00Z","contracts":[{"id":""}],"documents":[],"detail":"{}"}`))
		},
		"same document twice": func([]byte) []byte {
			return fresh.Seal(magic, []byte(`{"contract":"C1","fetched_at":"2026-01-01T00:00:00Z","contracts":[{}],"detail":"{","documents":[{"id":"1","type":"bills"},{"id":"1","type":"bills"}]}`))
		},
	} {
		t.Run(title, func(t *testing.T) {
			dir, out := t.TempDir(), &logs{}
			api := seen(t, dir)
			for _, path := range savedFiles(t, dir) {
				data, err := os.ReadFile(path)
				if err != nil {
					t.Fatal(err)
				}
				if err := os.WriteFile(path, damage(data), 0o600); err != nil {
					t.Fatal(err)
				}
			}
			c := open(t, Config{Dir: dir, Logger: out.logger()}, api)
			if l, err := c.Known("C1"); l != nil || err != nil {
				t.Errorf("Known: %v, %v", l, err)
			}
			if l := mustList(t, c, "C1"); len(l.Documents) != 5 {
				t.Errorf("%d documents", len(l.Documents))
			}
			if _, err := c.Detail(t.Context(), "C1"); err != nil {
				t.Error(err)
			}
			if n := out.count("does not count"); n != 3 {
				t.Errorf("%d warnings, want one for each file", n)
			}
			c.Close()
			api.reset()
			c = open(t, Config{Dir: dir}, api)
			mustList(t, c, "C1")
			if n := api.count(""); n != 0 {
				t.Errorf("not replaced: %d calls", n)
			}
		})
	}
}

func TestFileFromTheFuture(t *testing.T) {
	dir, out := t.TempDir(), &logs{}
	api := seen(t, dir)
	early := func() time.Time { return time.Now().Add(-24 * time.Hour) }
	c := open(t, Config{Dir: dir, Now: early, Logger: out.logger()}, api)
	if l := mustList(t, c, "C1"); l.Stale != nil || l.FetchedAt.After(time.Now().Add(-23*time.Hour)) {
		t.Errorf("it was not refreshed: fetched %v, stale: %v", l.FetchedAt, l.Stale)
	}
	if n := out.count("from the future"); n != 2 {
		t.Errorf("%d warnings, want 2", n)
	}
	// A machine without clock and network still shows what it has.
	c = open(t, Config{Dir: seenIn(t), Offline: true, Now: func() time.Time { return time.Unix(0, 0) }}, api)
	if l := mustList(t, c, "C1"); l.Stale == nil || len(l.Documents) != 5 {
		t.Errorf("offline: %d documents, stale: %v", len(l.Documents), l.Stale)
	}
}

func seenIn(t *testing.T) string {
	dir := t.TempDir()
	seen(t, dir)
	return dir
}

func TestSavingFails(t *testing.T) {
	// A file in the place of the directory: this fails for root, too.
	dir, out := filepath.Join(t.TempDir(), "file"), &logs{}
	if err := os.WriteFile(dir, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	api := newFake("C1", "C2")
	c := open(t, Config{Dir: dir, Logger: out.logger()}, api)
	mustList(t, c, "C1")
	mustList(t, c, "C2")
	c.Close()
	if n := out.count("cannot save"); n != 1 {
		t.Errorf("said %d times", n)
	}
}

// awaitSaved waits until a listing is saved that was served, and all contracts are.
func awaitSaved(dir, id string) {
	for _, name := range []string{listingFile(id, nil), contractsFile} {
		for !exists(dir, name) {
			time.Sleep(time.Millisecond)
		}
	}
}

func exists(dir, name string) bool {
	_, err := os.Stat(filepath.Join(dir, name))
	return err == nil
}

func TestDirectoryRemovedUnderWay(t *testing.T) {
	dir, out := t.TempDir(), &logs{}
	api := newFake("C1", "C2")
	c := open(t, Config{Dir: dir, Logger: out.logger()}, api)
	mustList(t, c, "C1")
	awaitSaved(dir, "C1")
	if err := os.RemoveAll(dir); err != nil {
		t.Fatal(err)
	}
	mustList(t, c, "C2")
	c.Close()
	if !exists(dir, listingFile("C2", nil)) || out.count("cannot save") != 0 {
		t.Errorf("saved: %v; %d warnings", exists(dir, listingFile("C2", nil)), out.count("cannot save"))
	}
}

func TestLeftoversAreSwept(t *testing.T) {
	dir := t.TempDir()
	seen(t, dir)
	old, young := filepath.Join(dir, listingsDir, ".x.json123"), filepath.Join(dir, listingsDir, ".y.json456")
	for _, p := range []string{old, young} {
		if err := os.WriteFile(p, nil, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	past := time.Now().Add(-time.Hour)
	if err := os.Chtimes(old, past, past); err != nil {
		t.Fatal(err)
	}
	open(t, Config{Dir: dir}, newFake())
	if _, err := os.Stat(old); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("the old one is still there: %v", err)
	}
	if _, err := os.Stat(young); err != nil {
		t.Errorf("the young one, of another mount: %v", err)
	}
	if len(savedFiles(t, dir)) != 3 {
		t.Error("others are gone")
	}
}

func TestEvictedListingsComeFromDisk(t *testing.T) {
	for _, tt := range []struct {
		dir   string
		calls int
	}{{t.TempDir(), 0}, {"", 14}} {
		api := newFake("C1", "C2", "C3")
		c := open(t, Config{Dir: tt.dir, Listings: 1}, api)
		for _, id := range []string{"C1", "C2", "C3"} {
			mustList(t, c, id)
			if tt.dir != "" {
				awaitSaved(tt.dir, id)
			}
		}
		if s := c.Stats(); s.Listings != 1 {
			t.Errorf("%d listings in memory, want 1", s.Listings)
		}
		api.reset()
		mustList(t, c, "C1")
		mustList(t, c, "C2")
		if n := api.count("documents"); n != tt.calls {
			t.Errorf("%d calls, want %d", n, tt.calls)
		}
	}
}

func TestRefusedIsNotServedFromDisk(t *testing.T) {
	dir := t.TempDir()
	api := seen(t, dir)
	api.fail = errorFor(apiclient.ErrForbidden, append(billing.Types(), "")...)
	later := func() time.Time { return time.Now().Add(time.Hour) }
	for _, shown := range []bool{true, false} { // until the first refusal, for good
		c := open(t, Config{Dir: dir, Now: later, Listings: 1}, api)
		if l, err := c.Known("C1"); (err == nil) != shown || (l != nil) != shown || shown && l.Stale == nil {
			t.Errorf("Known: %v, %v", l, err)
		}
		if l, err := c.Listing(t.Context(), "C1"); !errors.Is(err, apiclient.ErrForbidden) {
			t.Errorf("Listing: %v, %v", l, err)
		}
		mustListOther(t, c)
		if l, err := c.Known("C1"); !errors.Is(err, apiclient.ErrForbidden) {
			t.Errorf("Known: %v, %v", l, err)
		}
		c.Close()
	}
}

// mustListOther pushes others out of memory.
// A new process does not show what was refused to the one before, not even
// offline or while the saved listing would be young enough. A 401 is about the
// credentials and takes nothing away.
func TestRefusedIsNotSavedAnyMore(t *testing.T) {
	for _, tt := range []struct {
		cause error
		shown bool
	}{
		{apiclient.ErrForbidden, false},
		{apiclient.ErrNotFound, false},
		{apiclient.ErrUnauthorized, true},
		{apiclient.ErrUnreachable, true},
	} {
		t.Run(tt.cause.Error(), func(t *testing.T) {
			api, dir := newFake("C1"), t.TempDir()
			api.docs["C1"] = monthly(billing.TypeBills, 3, 1)
			c := open(t, Config{Dir: dir}, api)
			mustList(t, c, "C1")
			if _, err := c.Detail(t.Context(), "C1"); err != nil {
				t.Fatal(err)
			}
			c.Close() // all is saved
			c = open(t, Config{Dir: dir}, api)
			api.set(func() { api.fail = errorFor(tt.cause, append(billing.Types(), "")...) })
			if err := c.Refresh(t.Context(), "C1"); !errors.Is(err, tt.cause) {
				t.Fatalf("refresh: %v", err)
			}
			c.Close()
			next := open(t, Config{Dir: dir, Offline: true}, newFake())
			l, err := next.Listing(t.Context(), "C1")
			if shown := err == nil && len(l.Documents) == 3; shown != tt.shown {
				t.Errorf("listing shown: %v, %v", shown, err)
			}
			if _, err := next.Detail(t.Context(), "C1"); (err == nil) != tt.shown {
				t.Errorf("detail: %v", err)
			}
		})
	}
}

func mustListOther(t *testing.T, c *Catalog) {
	t.Helper()
	if _, err := c.Contracts(context.Background()); err != nil {
		t.Fatal(err)
	}
	_, _ = c.Listing(t.Context(), "C2")
}

func FuzzSaved(f *testing.F) {
	for _, s := range []string{
		"", "{}", "[]", "null",
		`{"contract":"C1","types":null,"fetched_at":"2026-01-01T00:00:00Z","documents":[{"id":"1","type":"bills","filename":"../x","period":"202601"}]}`,
		`{"contract":"C1","fetched_at":"2026-01-01T00:00:00Z","detail":"{\"a\": 1}"}`,
		`{"of":"contracts.json","at":"2026-01-01T00:00:00Z","delay_ns":30000000000,"cause":"access denied","text":"x","answer":{"op":"contracts","status":403}}`,
		`{"fetched_at":"2026-01-01T00:00:00Z","contracts":[{"id":"a/b"},{"id":"a_b"},{"id":"a/b"}]}`,
	} {
		f.Add([]byte(s))
		f.Add(fresh.Seal(magic, []byte(s)))
	}
	shape := flat(f)
	f.Fuzz(func(t *testing.T, data []byte) {
		payload, err := fresh.Unseal(magic, data)
		if err != nil {
			payload = data
		}
		if l, err := parseListing(payload, "C1", nil, shape); err == nil {
			checkFlat(t, l)
			l.JSON()
		}
		if a, _, err := parseContracts(payload, &Config{}); err == nil {
			for _, e := range a.view.Entries {
				if layout.SafeName(e.Name) != e.Name {
					t.Errorf("%q is not safe", e.Name)
				}
				if got, ok := a.view.Lookup(e.Name); !ok || got != e {
					t.Errorf("Lookup(%q) = %+v, %v", e.Name, got, ok)
				}
			}
		}
		if d, err := parseDetail(payload, "C1"); err == nil && len(d.JSON) == 0 {
			t.Error("a detail without text")
		}
	})
}

// checkFlat checks that each document of a listing is in its tree exactly once, under a
// safe name by which it is found, and nothing else is.
func checkFlat(t *testing.T, l *Listing) {
	t.Helper()
	found := make(map[string]int)
	for i, e := range l.Tree.Entries {
		switch {
		case e.Dir != nil || e.Doc == nil:
			t.Fatalf("%q is no document", e.Name)
		case layout.SafeName(e.Name) != e.Name || e.Name == layout.ContractFile || e.Name == layout.DocumentsFile:
			t.Errorf("%q is not safe, or reserved", e.Name)
		case i > 0 && l.Tree.Entries[i-1].Name >= e.Name:
			t.Errorf("%q before %q", l.Tree.Entries[i-1].Name, e.Name)
		}
		if got, ok := l.Tree.Lookup(e.Name); !ok || got != e {
			t.Errorf("Lookup(%q) = %v, %v", e.Name, got, ok)
		}
		found[e.Doc.ID]++
	}
	for i := range l.Documents {
		if id := l.Documents[i].ID; found[id] != 1 {
			t.Errorf("document %q is there %d times", id, found[id])
		}
	}
	if len(found) != len(l.Documents) {
		t.Errorf("%d documents in the tree, of %d", len(found), len(l.Documents))
	}
	if _, ok := l.Tree.Lookup("not/there"); ok {
		t.Error("found what is not there")
	}
}

// pathsOf maps ids to paths.
func pathsOf(l *Listing) map[string]string {
	out := make(map[string]string)
	l.Tree.Walk("", func(path string, doc *billing.Document) { out[doc.ID] = path })
	return out
}

func FuzzIndented(f *testing.F) {
	for _, s := range []string{"{}", " [1,\n2]", `{"a":"\u2028<\xff"}`, "", "nul", "1 2"} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, raw []byte) {
		text, err := indented(raw)
		if err != nil {
			return
		}
		again, err := indented(text)
		if err != nil || string(again) != string(text) {
			t.Errorf("%q, then %q, %v", text, again, err)
		}
	})
}
