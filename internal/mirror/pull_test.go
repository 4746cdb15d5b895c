package mirror

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"ccsfs/apiclient"
	"ccsfs/internal/billing"
	"ccsfs/internal/catalog"
	"ccsfs/internal/osfile"
	"ccsfs/internal/osfile/osfiletest"
)

const day1, day2 = "2026-11-01T10:00:00Z", "2026-11-02T10:00:00Z"

func TestCopiesOnceAndWhole(t *testing.T) {
	r := newRig(t)
	r.set("a", day1, "one")
	r.set("b", day1, strings.Repeat("two", 300_000))
	got := r.pull(t.Context(), Options{})
	if got.Copied != 2 || got.UpToDate != 0 || got.Failed != nil || got.Left != 0 || got.Bytes != int64(2*len(pdfBegin+pdfEnd)+3+900_000) {
		t.Fatalf("%+v", got)
	}
	info, err := os.Stat(r.path("a"))
	if err != nil || info.Mode().Perm()&0o222 != osfile.Copied&0o222 || info.ModTime().UTC().Format(time.RFC3339) != day1 {
		t.Errorf("%v, %v, %v", info.Mode(), info.ModTime(), err)
	}
	if r.local("b") != strings.Repeat("two", 300_000) {
		t.Error("b is not its document")
	}
	if got := r.pull(t.Context(), Options{Verify: true}); got.Copied != 0 || got.UpToDate != 2 {
		t.Errorf("again: %+v", got)
	}
	if n := r.api.count("a") + r.api.count("b"); n != 2 {
		t.Errorf("%d requests for two documents", n)
	}
}

// What happens to a file that is there, by what it is and what the options say.
func TestFilesThatAreThere(t *testing.T) {
	past := time.Date(2020, 1, 1, 0, 0, 0, 0, time.UTC)
	for _, tt := range []struct {
		name   string
		change func(t *testing.T, r *rig) // after a first pull
		o      Options
		want   string // content afterwards
		fails  bool
		copied int
	}{
		{"nothing", func(*testing.T, *rig) {}, Options{}, "one", false, 0},
		{"new version", func(_ *testing.T, r *rig) { r.set("a", day2, "new!") }, Options{}, "new!", false, 1},
		{"removed", func(_ *testing.T, r *rig) { os.Remove(r.path("a")) }, Options{}, "one", false, 1},
		{"edited", func(_ *testing.T, r *rig) { r.edit("a", "mine") }, Options{}, "mine", true, 0},
		{"edited, forced", func(_ *testing.T, r *rig) { r.edit("a", "mine") }, Options{Force: true}, "one", false, 1},
		{"edited, new version", func(_ *testing.T, r *rig) { r.edit("a", "mine"); r.set("a", day2, "new!") }, Options{}, "mine", true, 0},
		{"date lost", func(t *testing.T, r *rig) { check(t, os.Chtimes(r.path("a"), past, past)) }, Options{}, "one", false, 0},
		{"date lost, new version", func(t *testing.T, r *rig) { check(t, os.Chtimes(r.path("a"), past, past)); r.set("a", day2, "new!") }, Options{}, "new!", false, 1},
		{"journal lost", func(t *testing.T, r *rig) { check(t, os.Remove(filepath.Join(r.dir, JournalName))) }, Options{}, "one", false, 0},
		{"journal lost, new version", func(t *testing.T, r *rig) {
			check(t, os.Remove(filepath.Join(r.dir, JournalName)))
			r.set("a", day2, "new!")
		}, Options{}, "one", true, 0},
		{"journal lost, same size and date", func(t *testing.T, r *rig) {
			check(t, os.Remove(filepath.Join(r.dir, JournalName)))
			r.forge(t)
		}, Options{}, "eno", true, 0},
		{"same size and date", func(t *testing.T, r *rig) { r.forge(t) }, Options{}, "eno", false, 0},
		{"same size and date, verified", func(t *testing.T, r *rig) { r.forge(t) }, Options{Verify: true}, "eno", true, 0},
		{"same size and date, verified, forced", func(t *testing.T, r *rig) { r.forge(t) }, Options{Verify: true, Force: true}, "one", false, 1},
	} {
		t.Run(tt.name, func(t *testing.T) {
			r := newRig(t)
			r.set("a", day1, "one")
			r.pull(t.Context(), Options{})
			tt.change(t, r)
			got := r.pull(t.Context(), tt.o)
			if r.local("a") != tt.want || got.Copied != tt.copied || (len(got.Failed) == 1) != tt.fails {
				t.Fatalf("%q, %+v", r.local("a"), got)
			}
			if tt.fails && !errors.Is(got.Failed[0].Err, ErrDiffers) {
				t.Error(got.Failed[0].Err)
			}
			if again := r.pull(t.Context(), tt.o); again.Copied != 0 || (len(again.Failed) == 1) != tt.fails {
				t.Errorf("once more: %+v", again)
			}
		})
	}
}

// TestAnotherDocumentOfTheSameSizeAndTime: a corrected bill has the name, the period
// and often the length of the one before it.
func TestAnotherDocumentOfTheSameSizeAndTime(t *testing.T) {
	for name, change := range map[string]func(r *rig){
		"another id": func(r *rig) {
			r.set("b", day1, "ten")
			r.docs["a"] = &billing.Document{ContractID: "C", ID: "b", Type: "bills", Filename: "a.pdf", UpdatedAt: day1}
			delete(r.docs, "b")
		},
		"a second later": func(r *rig) { r.set("a", "2026-11-01T10:00:01Z", "ten") },
		"a version that is no date": func(r *rig) {
			r.set("a", day1, "ten")
			r.docs["a"].UpdatedAt, r.docs["a"].CreatedAt = "v2", day1
		},
	} {
		for _, verify := range []bool{false, true} {
			t.Run(fmt.Sprint(name, verify), func(t *testing.T) {
				r := newRig(t)
				r.set("a", day1, "one")
				r.pull(t.Context(), Options{})
				change(r)
				if got := r.pull(t.Context(), Options{Verify: verify}); got.Copied != 1 || got.Failed != nil || r.local("a") != "ten" {
					t.Errorf("%+v, %q", got, r.local("a"))
				}
				if got := r.pull(t.Context(), Options{Verify: verify}); got.UpToDate != 1 || got.Failed != nil {
					t.Errorf("again: %+v", got)
				}
			})
			t.Run(fmt.Sprint(name, verify, " over what somebody made"), func(t *testing.T) {
				r := newRig(t)
				r.set("a", day1, "one")
				r.pull(t.Context(), Options{})
				r.forge(t)
				change(r)
				if got := r.pull(t.Context(), Options{Verify: verify}); got.Copied != 0 || len(got.Failed) != 1 || !errors.Is(got.Failed[0].Err, ErrDiffers) || r.local("a") != "eno" {
					t.Errorf("%+v, %q", got, r.local("a"))
				}
			})
		}
	}
}

// TestNewDateOfTheSameBytes: what is there is not written again.
func TestNewDateOfTheSameBytes(t *testing.T) {
	r := newRig(t)
	r.set("a", day1, "one")
	r.pull(t.Context(), Options{})
	before, err := os.Stat(r.path("a"))
	check(t, err)
	r.set("a", day2, "one")
	if got := r.pull(t.Context(), Options{}); got.UpToDate != 1 || got.Copied != 0 {
		t.Errorf("%+v", got)
	}
	after, err := os.Stat(r.path("a"))
	check(t, err)
	if !os.SameFile(before, after) || after.ModTime().UTC().Format(time.RFC3339) != day2 {
		t.Errorf("another file, or the date %v", after.ModTime())
	}
}

// TestTwoNamesOfOnePlace: a file system may take two names for the same, as those do
// that ignore case; here it is a link between directories. One document has the
// place, the other one fails, each time, and is never taken for up to date.
func TestTwoNamesOfOnePlace(t *testing.T) {
	osfiletest.NeedsUnix(t, "two names of one directory that differ in case alone")
	r := newRig(t)
	r.set("a", day1, "one")
	r.set("b", day1, "two")
	check(t, os.MkdirAll(filepath.Join(r.dir, "C"), 0o755))
	check(t, os.Symlink("C", filepath.Join(r.dir, "c")))
	items := []Item{itemOf("C/a.pdf", r.docs["a"]), itemOf("c/a.pdf", r.docs["b"])}
	had := ""
	for round := range 4 {
		got := r.pullItems(t.Context(), items, Options{Force: round == 3})
		if len(got.Failed) != 1 || !errors.Is(got.Failed[0].Err, ErrSamePlace) || got.Copied+got.UpToDate != 1 {
			t.Errorf("%+v", got)
		}
		text := r.local("a")
		if text != "one" && text != "two" || had != "" && text != had || (text == "one") != (got.Failed[0].Path == "c/a.pdf") {
			t.Errorf("%q, and before %q: %+v", text, had, got)
		}
		had = text
	}
}

// TestNamesThatDifferInCase: there are file systems that ignore case and give each name
// an inode number of its own. What they have written tells.
func TestNamesThatDifferInCase(t *testing.T) {
	osfiletest.NeedsUnix(t, "two files whose names differ in case alone")
	r := newRig(t)
	r.set("a", day1, "one")
	r.set("b", day1, "two")
	items := []Item{itemOf("C/A.pdf", r.docs["a"]), itemOf("C/a.pdf", r.docs["b"])}
	if got := r.pullItems(t.Context(), items, Options{}); got.Copied != 2 || got.Failed != nil {
		t.Errorf("%+v", got)
	}
	if got := r.pullItems(t.Context(), items, Options{}); got.UpToDate != 2 || got.Failed != nil {
		t.Errorf("%+v", got)
	}
	for _, force := range []bool{false, true} {
		for name, gone := range map[string]string{"there": "", "not there before": "C/a.pdf"} {
			d, err := OpenDest(t.Context(), r.dir, nobody)
			check(t, err)
			d.names = func(dir string) ([]string, error) { return map[string][]string{".": {"C"}, "C": {"A.pdf"}}[dir], nil }
			if gone != "" { // it is put there by the other one, in the middle
				check(t, os.Remove(filepath.Join(r.dir, gone)))
				d.compare(items)
				_, err := d.put(items[1], func(fs.FileInfo) bool { return true }, func(w io.Writer) (time.Time, string, error) {
					check(t, os.WriteFile(filepath.Join(r.dir, gone), []byte("one"), 0o644))
					_, err := io.WriteString(w, "two")
					return time.Now(), "", err
				})
				if data, _ := os.ReadFile(filepath.Join(r.dir, gone)); !errors.Is(err, ErrSamePlace) || string(data) != "one" {
					t.Errorf("%s: %v, %q", name, err, data)
				}
			}
			got := Run(t.Context(), d, r.store, items, Options{Workers: 2, Force: force}, nothing{})
			check(t, d.Close())
			if len(got.Failed) != 1 || got.Failed[0].Path != "C/a.pdf" || !errors.Is(got.Failed[0].Err, ErrSamePlace) {
				t.Errorf("%s, force %v: %+v", name, force, got)
			}
		}
	}
}

func check(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// forge changes the bytes of a file, and neither its size nor its date.
func (r *rig) forge(t *testing.T) {
	info, err := os.Stat(r.path("a"))
	check(t, err)
	r.edit("a", pdfBegin+"eno"+pdfEnd)
	check(t, os.Chtimes(r.path("a"), info.ModTime(), info.ModTime()))
}

// What is there by the journal costs no call with an empty cache, as containers have it;
// what is not certain does.
func TestTheCacheIsThrownAway(t *testing.T) {
	for name, tt := range map[string]struct {
		change func(r *rig)
		o      Options
		calls  int
	}{
		"nothing":         {func(*rig) {}, Options{}, 0},
		"another version": {func(r *rig) { r.set("a", day2, "new!") }, Options{}, 1},
		"another size":    {func(r *rig) { r.edit("a", "mine") }, Options{}, 1},
		"another time":    {func(r *rig) { check(t, os.Chtimes(r.path("a"), time.Now(), time.Now())) }, Options{}, 0},
		"another content": {func(r *rig) { r.edit("a", pdfBegin+"eno"+pdfEnd) }, Options{}, 1},
		"no journal":      {func(r *rig) { check(t, os.Remove(filepath.Join(r.dir, JournalName))) }, Options{}, 1},
		"running month":   {func(r *rig) { r.docs["a"].Type = "partialBills" }, Options{}, 1},
		"verify":          {func(*rig) {}, Options{Verify: true}, 1},
		"refetch":         {func(*rig) {}, Options{Again: true}, 1},
	} {
		t.Run(name, func(t *testing.T) {
			first := newRig(t)
			first.set("a", day1, "one")
			first.pull(t.Context(), Options{})
			r := newRig(t)
			r.dir = first.dir
			r.set("a", day1, "one")
			tt.change(r)
			got := r.pull(t.Context(), tt.o)
			if n := r.api.count("a"); n != tt.calls {
				t.Errorf("%d calls: %+v", n, got)
			}
			if tt.calls == 0 && got.UpToDate != 1 {
				t.Errorf("%+v", got)
			}
		})
	}
}

// FAT keeps times in the zone of whoever has mounted it: all are others by summer. What
// the cache knows of a document is compared then, though it has its bytes no more.
func TestTimesOfAnotherZoneCostNoCall(t *testing.T) {
	r := newRig(t)
	r.set("a", day1, "one")
	r.pull(t.Context(), Options{})
	at, err := os.Stat(r.path("a"))
	check(t, err)
	check(t, os.Chtimes(r.path("a"), at.ModTime().Add(time.Hour), at.ModTime().Add(time.Hour)))
	blobs := 0
	check(t, filepath.WalkDir(r.cache, func(path string, e fs.DirEntry, err error) error {
		if info, _ := e.Info(); err == nil && e.Type().IsRegular() && info.Size() == at.Size() {
			blobs++
			return os.Remove(path)
		}
		return err
	}))
	if blobs != 1 {
		t.Fatalf("%d files were removed: this tests nothing", blobs)
	}
	got := r.pull(t.Context(), Options{})
	now, err := os.Stat(r.path("a"))
	check(t, err)
	if n := r.api.count("a"); n != 1 || got.UpToDate != 1 || !now.ModTime().Equal(at.ModTime()) {
		t.Errorf("%d calls, %v, %+v", n, now.ModTime(), got)
	}
}

// A document that fails leaves nothing, or what was there; the others are copied.
func TestFailuresLeaveNothing(t *testing.T) {
	for _, tt := range []struct {
		name string
		fail func(*fakeAPI)
		want error
	}{
		{"not found", func(a *fakeAPI) { a.fail["b"] = apiclient.ErrNotFound }, apiclient.ErrNotFound},
		{"cut", func(a *fakeAPI) { a.cut["b"] = true }, apiclient.ErrProtocol},
		{"an error page", func(a *fakeAPI) { a.docs["b"] = []byte("<html><body>Access blocked</body></html>") }, apiclient.ErrProtocol},
		{"empty", func(a *fakeAPI) { a.docs["b"] = nil }, apiclient.ErrProtocol},
	} {
		for _, before := range []bool{false, true} {
			t.Run(fmt.Sprint(tt.name, before), func(t *testing.T) {
				t.Parallel()
				r := newRig(t)
				r.set("a", day1, "one")
				r.set("b", day1, strings.Repeat("two", 1000))
				want := ""
				if before {
					r.pull(t.Context(), Options{})
					want = r.local("b")
					r.set("b", day2, strings.Repeat("zwei", 1000))
				}
				tt.fail(r.api)
				r.set("c", day1, "three")
				got := r.pull(t.Context(), Options{})
				if len(got.Failed) != 1 || got.Failed[0].Path != "C/b.pdf" || !errors.Is(got.Failed[0].Err, tt.want) {
					t.Fatalf("%+v", got)
				}
				if r.local("a") != "one" || r.local("b") != want || r.local("c") != "three" {
					t.Errorf("a %q, b %d bytes, c %q", r.local("a"), len(r.local("b")), r.local("c"))
				}
			})
		}
	}
}

func TestInterruption(t *testing.T) {
	r := newRig(t)
	r.set("a", day1, strings.Repeat("one", 1000))
	r.set("b", day1, "two")
	r.api.stall = make(chan struct{})
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan Result)
	go func() { done <- r.pull(ctx, Options{}) }()
	for r.api.count("a") == 0 || r.api.count("b") == 0 {
		time.Sleep(time.Millisecond)
	}
	cancel()
	got := <-done
	if !errors.Is(got.Stopped, context.Canceled) || got.Left != 2 || got.Copied != 0 || got.Failed != nil {
		t.Errorf("%+v", got)
	}
	if r.local("a")+r.local("b") != "" {
		t.Error("something was left behind")
	}
}

// Nothing is written through links, or over what is no file.
func TestWhatIsInTheWay(t *testing.T) {
	osfiletest.SkipWine(t)
	for _, force := range []bool{false, true} {
		r := newRig(t)
		outside := t.TempDir()
		check(t, os.MkdirAll(filepath.Join(r.dir, "C"), 0o755))
		check(t, os.WriteFile(filepath.Join(outside, "precious"), []byte("precious"), 0o644))
		check(t, os.Symlink(filepath.Join(outside, "precious"), r.path("a")))
		check(t, os.Mkdir(r.path("b"), 0o755))
		check(t, os.Symlink(outside, filepath.Join(r.dir, "D")))
		r.set("a", day1, "one")
		r.set("b", day1, "two")
		r.set("c", day1, "three")
		d, err := OpenDest(t.Context(), r.dir, nobody)
		check(t, err)
		items := append(r.items(), itemOf("D/d.pdf", r.docs["c"]), itemOf(JournalName+"/x.pdf", r.docs["c"]))
		got := Run(t.Context(), d, r.store, items, Options{Workers: 1, Force: force}, nothing{})
		check(t, d.Close())
		if got.Copied != 1 || len(got.Failed) != 4 || r.local("c") != "three" {
			t.Errorf("%+v", got)
		}
		if data, err := os.ReadFile(filepath.Join(outside, "precious")); err != nil || string(data) != "precious" {
			t.Errorf("%q, %v", data, err)
		}
		if left, err := os.ReadDir(outside); err != nil || len(left) != 1 {
			t.Errorf("%v, %v", left, err)
		}
		r.clean()
	}
}

// What a killed run leaves is removed by the next one: nobody else writes there.
func TestLeftoversAreSwept(t *testing.T) {
	r := newRig(t)
	r.set("a", day1, "one")
	check(t, os.MkdirAll(filepath.Join(r.dir, "C"), 0o755))
	items := r.items()
	for _, items := range [][]Item{items, items, nil} { // it is copied, there, and gone
		check(t, os.WriteFile(filepath.Join(r.dir, "C", temporaryPrefix+"KILLED"), nil, 0o444))
		r.pullItems(t.Context(), items, Options{})
	}
}

// A run that was killed at its first document has noted nothing, and the next one may be
// asked for others.
func TestLeftoversOfTheFirstRunAreSwept(t *testing.T) {
	r := newRig(t)
	r.set("a", day1, "one")
	check(t, os.MkdirAll(filepath.Join(r.dir, "C"), 0o755))
	check(t, os.WriteFile(filepath.Join(r.dir, "C", temporaryPrefix+"KILLED"), nil, 0o444))
	r.leaveOut = "a"
	r.pullAccount(account{"C/a.pdf": "a"}, catalog.Listing{}) // it fails if one is left
}

// Two runs into one directory come one after the other, also by another name for it.
func TestOneRunAtATime(t *testing.T) {
	osfiletest.SkipWine(t)
	dir := t.TempDir()
	link := filepath.Join(t.TempDir(), "link")
	check(t, os.Symlink(dir, link))
	first, err := OpenDest(t.Context(), dir, nobody)
	check(t, err)
	waits, second := make(chan string, 1), make(chan *Dest)
	go func() {
		d, err := OpenDest(t.Context(), link, func(who string) { waits <- who })
		if err != nil {
			t.Error(err)
		}
		second <- d
	}()
	if who, want := <-waits, fmt.Sprintf("process %d on ", os.Getpid()); !strings.HasPrefix(who, want) {
		t.Errorf("waits for %q, want %q", who, want)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if d, err := OpenDest(ctx, dir, func(string) {}); !errors.Is(err, context.Canceled) {
		t.Errorf("%v, %v", d, err)
	}
	// It sees what the one before it has noted.
	check(t, first.journal.put(entry{Path: "x", Size: 1}))
	check(t, first.Close())
	d := <-second
	if _, ok := d.journal.get("x"); !ok {
		t.Error("the journal is that of before")
	}
	check(t, d.Close())
}

func TestDestinationThatCannotBe(t *testing.T) {
	file := filepath.Join(t.TempDir(), "file")
	check(t, os.WriteFile(file, nil, 0o644))
	withJournal := t.TempDir()
	check(t, os.Mkdir(filepath.Join(withJournal, JournalName), 0o755))
	for _, dir := range []string{file, filepath.Join(file, "below"), withJournal, "/proc/ccsfs"} {
		if d, err := OpenDest(t.Context(), dir, nobody); !errors.Is(err, ErrDestination) {
			t.Errorf("%s: %v", dir, err)
			check(t, d.Close())
		} else if strings.Contains(err.Error(), temporaryPrefix) {
			t.Errorf("%s: the error names a temporary file: %v", dir, err)
		}
	}
}
