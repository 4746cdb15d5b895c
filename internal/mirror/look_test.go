package mirror

import (
	"cmp"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"ccsfs/apiclient"
	"ccsfs/internal/catalog"
)

// foreseen is what Look expects of a run, to be compared with it. It fails if looking
// asked for a document or changed anything.
type foreseen struct {
	result   Result
	copied   map[string]bool
	versions map[string]bool // which of those are new versions that nobody has seen
	unsure   map[string]bool
	outcome  map[string]error // of those that would fail
	gone     []string
}

func (r *rig) look(items []Item, o Options) *foreseen {
	r.t.Helper()
	before, calls := r.everything(), r.calls()
	d, err := Look(r.dir)
	if err != nil {
		r.t.Fatal(err)
	}
	f := &foreseen{copied: map[string]bool{}, versions: map[string]bool{}, unsure: map[string]bool{}, outcome: map[string]error{}}
	o.Copied = func(c Copy) {
		if c.Unsure {
			f.unsure[c.Path] = true
			return
		}
		f.copied[c.Path] = true
		f.versions[c.Path] = c.Updated && c.Bytes < 0
	}
	o.Workers = cmp.Or(o.Workers, 3)
	f.result = Run(r.t.Context(), d, r.store, items, o, nothing{})
	for _, one := range f.result.Failed {
		f.outcome[one.Path] = one.Err
	}
	if o.Listed != nil {
		var news []string
		f.gone, news = d.Gone(o.Listed)
		if err := errors.Join(d.Told(news), d.ToldApart(d.Apart(o.Listed))); err != nil {
			r.t.Fatal(err)
		}
	}
	if err := d.Close(); err != nil {
		r.t.Fatal(err)
	}
	if after := r.everything(); !maps.Equal(before, after) {
		r.t.Fatalf("looking changed the destination: %v, %v", before, after)
	}
	if n := r.calls(); n != calls && !r.busy {
		r.t.Fatalf("looking asked for %d documents", n-calls)
	}
	return f
}

// foresee is look, before a run that can be foreseen: not while a body breaks off, or a
// fault is met.
func (r *rig) foresee(items []Item, o Options) *foreseen {
	r.t.Helper()
	r.api.mu.Lock()
	faulty := len(r.api.fail) > 0 || len(r.api.cut) > 0 || r.api.stall != nil
	r.api.mu.Unlock()
	if info, err := os.Lstat(r.dir); faulty || err == nil && !info.IsDir() {
		return nil
	}
	return r.look(items, o)
}

func (r *rig) compare(f *foreseen, items []Item, got Result, copied map[string]bool) {
	r.t.Helper()
	if f == nil || got.Stopped != nil {
		return
	}
	if text := f.differs(items, got, copied, true); text != "" {
		r.t.Error(text)
	}
}

// calls is how many documents were asked for.
func (r *rig) calls() (n int) {
	r.api.mu.Lock()
	defer r.api.mu.Unlock()
	for _, count := range r.api.calls {
		n += count
	}
	return n
}

// everything is what stat(2) says of all there is in the destination.
func (r *rig) everything() map[string]string {
	r.t.Helper()
	all := map[string]string{}
	err := filepath.WalkDir(r.dir, func(at string, e fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		info, err := e.Info()
		if err == nil {
			all[at] = fmt.Sprint(info.Mode(), info.Size(), info.ModTime())
		}
		return err
	})
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		r.t.Fatal(err)
	}
	return all
}

// differs says where a run did something else than Look had foreseen. copied are the paths
// that it copied.
func (f *foreseen) differs(items []Item, got Result, copied map[string]bool, moves bool) string {
	failed := map[string]error{}
	for _, one := range got.Failed {
		failed[one.Path] = one.Err
	}
	for _, i := range items {
		would, did := f.outcome[i.Path], failed[i.Path]
		switch {
		case f.unsure[i.Path]:
		case would == nil && f.copied[i.Path] && (errors.Is(did, apiclient.ErrProtocol) || errors.Is(did, ErrSamePlace)): // only trying tells
		case f.copied[i.Path] && f.versions[i.Path] && did == nil && !copied[i.Path]: // of the same bytes
		case (would == nil) != (did == nil) || would != nil && would.Error() != did.Error():
			return fmt.Sprintf("%s fails with %v, foreseen was %v", i.Path, did, would)
		case f.copied[i.Path] != copied[i.Path]:
			return fmt.Sprintf("%s: copied is %v, foreseen %v", i.Path, copied[i.Path], f.copied[i.Path])
		}
	}
	order := func(a, b Move) int { return cmp.Or(cmp.Compare(a.From, b.From), cmp.Compare(a.To, b.To)) }
	a, b := slices.SortedFunc(slices.Values(got.Moved), order), slices.SortedFunc(slices.Values(f.result.Moved), order)
	if moves && !slices.Equal(a, b) {
		return fmt.Sprintf("moved %v, foreseen %v", a, b)
	}
	return ""
}

// Looking at a place where nothing is makes nothing.
func TestLookAtNothing(t *testing.T) {
	r := newRig(t)
	r.set("a", "", "one")
	f := r.look(r.items(), Options{})
	if !f.copied["C/a.pdf"] || f.result.Copied != 1 || f.result.Sizeless != 1 || f.result.Fetched != 1 || f.result.Bytes != 0 {
		t.Errorf("%+v", f.result)
	}
	if _, err := os.Lstat(r.dir); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("there is %s: %v", r.dir, err)
	}
}

// What only the API knows is not guessed.
func TestLookDoesNotGuess(t *testing.T) {
	r := newRig(t)
	r.set("a", day1, "one")
	r.set("b", day1, "one")
	r.set("c", day1, "one")
	r.pull(t.Context(), Options{})
	r.set("b", time.Now().Format(time.RFC3339), "two")
	r.edit("c", "mine")
	r.set("c", time.Now().Format(time.RFC3339), "two")
	f := r.look(r.items(), Options{})
	if !f.copied["C/b.pdf"] || !f.unsure["C/c.pdf"] || f.result.UpToDate != 1 || f.result.Copied != 1 || f.result.Unsure != 1 || f.result.Fetched != 1 {
		t.Errorf("%+v", f)
	}
}

// What cannot be written to is an error at once.
func TestLookAtWhatCannotBeWritten(t *testing.T) {
	r := newRig(t)
	check(t, os.WriteFile(r.dir, nil, 0o644))
	if _, err := Look(r.dir); !errors.Is(err, ErrDestination) {
		t.Errorf("of a file: %v", err)
	}
	if _, err := Look(filepath.Join(r.dir, "below")); !errors.Is(err, ErrDestination) {
		t.Errorf("below a file: %v", err)
	}
	check(t, os.Remove(r.dir))
	check(t, os.MkdirAll(filepath.Join(r.dir, JournalName), 0o755))
	if _, err := Look(r.dir); !errors.Is(err, ErrDestination) {
		t.Errorf("with a directory for a journal: %v", err)
	}
}

// What changes places is followed in memory.
func TestLookFollows(t *testing.T) {
	r := newRig(t)
	r.set("a", "", "one")
	r.set("b", "", "two")
	r.pullAccount(account{"C/a.pdf": "a", "C/b.pdf": "b"}, catalog.Listing{})
	r.pullAccount(account{"C/a.pdf": "b", "C/b.pdf": "a"}, catalog.Listing{}) // compared there
	r.wantFiles(map[string]string{"C/a.pdf": "two", "C/b.pdf": "one"})
}
