package mirror

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"ccsfs/apiclient"
	"ccsfs/internal/catalog"
	"ccsfs/internal/folder"
)

// history is an account that changes, and a folder of it that somebody works in.
type history struct {
	*rig
	rt     *rapid.T
	n      int               // counts whatever must be unique
	times  map[string]bool   // which versions there were
	month  map[string]int    // what those of an id are about, by id
	named  map[string]string // names of the documents there are, by id
	copied map[string]string // what the last run that saw a document left of it, by id
	about  map[string]int    // what a version was about, by its text
	log    []string
	forced bool // there was a run with --force
	mixed  bool // runs may be for some types
}

func historyNames() []string     { return []string{"a", "b", "c"} }
func historyIDs() []string       { return []string{"1", "2", "3", "4"} }
func historyTypes() []string     { return []string{"bills", "invoices"} }
func historyContracts() []string { return []string{"C", "D"} }

func (h *history) pick(what string, of []string) string {
	return rapid.SampledFrom(of).Draw(h.rt, what)
}

// there is a document that there is, "" if there is none.
func (h *history) there() string {
	if len(h.named) == 0 {
		return ""
	}
	return h.pick("document", slices.Sorted(maps.Keys(h.named)))
}

// publish makes a document, or another version of it.
func (h *history) publish(id, name, typ, contract string) {
	h.n++
	// Of different documents times are the same, and lengths always are; those of one
	// also go back.
	at := day1
	for hours := rapid.IntRange(0, 5).Draw(h.rt, "time"); h.times[id+at]; hours = h.n {
		at = time.Date(2026, 11, 1, hours, 0, 0, 0, time.UTC).Format(time.RFC3339)
		h.n++
	}
	h.times[id+at] = true
	h.set(id, at, fmt.Sprintf("document %s version %06d", id, h.n))
	h.docs[id].Type, h.docs[id].ContractID, h.docs[id].Filename = typ, contract, name+".pdf"
	h.docs[id].Period = fmt.Sprintf("2026-%02d", h.month[id])
	h.named[id] = name
	h.about[h.text(id)] = h.month[id]
}

// text is what the file of a document is to hold now.
func (h *history) text(id string) string {
	return strings.TrimSuffix(string(h.api.docs[id])[len(pdfBegin):], pdfEnd)
}

// tree gives the documents of some types their paths, as the catalog does: those of
// one name are told apart by their ids.
func (h *history) tree(types []string) map[string]string {
	of := map[string][]string{}
	for id, name := range h.named {
		if d := h.docs[id]; len(types) == 0 || slices.Contains(types, d.Type) {
			at := d.ContractID + "/" + name
			of[at] = append(of[at], id)
		}
	}
	paths := map[string]string{}
	for at, ids := range of {
		if len(ids) == 1 {
			paths[at+".pdf"] = ids[0]
			continue
		}
		for _, id := range ids {
			paths[at+"~"+id+".pdf"] = id
		}
	}
	return paths
}

// files are the regular files of the folder, and what they hold.
func (h *history) files() map[string]string {
	files := map[string]string{}
	_ = filepath.WalkDir(h.dir, func(at string, e fs.DirEntry, err error) error {
		if err == nil && e.Type().IsRegular() && !strings.HasPrefix(e.Name(), JournalName) {
			data, err := os.ReadFile(at)
			if err != nil {
				h.rt.Fatal(err)
			}
			rel, _ := filepath.Rel(h.dir, at)
			files[filepath.ToSlash(rel)] = strings.TrimSuffix(strings.TrimPrefix(string(data), pdfBegin), pdfEnd)
		}
		return nil
	})
	return files
}

// cancelling is a Progress that gives the run up in its middle.
type cancelling struct {
	left   *int
	cancel context.CancelFunc
	rig    *rig
}

func (c cancelling) step() {
	c.rig.api.mu.Lock()
	defer c.rig.api.mu.Unlock()
	if *c.left--; *c.left == 0 {
		c.cancel()
	}
}
func (c cancelling) Bytes(int) { c.step() }
func (c cancelling) Done()     { c.step() }

// run is a pull of a part of the account, and what must be true after it.
func (h *history) run(o Options, interrupt int) {
	var types []string
	if h.mixed {
		types = rapid.SampledFrom([][]string{nil, nil, nil, {"bills"}, {"invoices"}}).Draw(h.rt, "types")
	}
	h.forced = h.forced || o.Force
	contracts := rapid.SampledFrom([][]string{historyContracts(), historyContracts(), {"C"}, {"D"}}).Draw(h.rt, "contracts")
	since := rapid.SampledFrom([]string{"", "", "2"}).Draw(h.rt, "since") // an id: anything that is true of some
	paths := h.tree(types)
	l := NewListed("mine", types)
	var entries []catalog.ContractEntry
	for _, c := range historyContracts() {
		entries = append(entries, catalog.ContractEntry{Name: c, Contract: apiclient.Contract{ID: c}})
	}
	l.Account(&catalog.Contracts{Entries: entries})
	var items []Item
	for _, c := range contracts {
		listing := catalog.Listing{ContractID: c, FetchedAt: time.Now()}
		for _, at := range slices.Sorted(maps.Keys(paths)) {
			if d := *h.docs[paths[at]]; d.ContractID == c {
				listing.Documents = append(listing.Documents, d)
				l.Document(at, &d)
				if d.ID >= since {
					items = append(items, Item{Path: at, Doc: &d, Ref: folder.Ref(&d, listing.FetchedAt)})
				}
			}
		}
		l.Listing(&listing, true)
	}
	before := h.files()
	ctx, cancel := context.WithCancel(h.t.Context())
	defer cancel()
	o.Listed, o.Workers, o.Prefetch = l, rapid.IntRange(1, 3).Draw(h.rt, "workers"), 4<<20
	foreseen := h.look(items, o)
	d, err := OpenDest(ctx, h.dir, nobody)
	if err != nil {
		h.rt.Fatal(err)
	}
	copied := map[string]bool{}
	o.Copied = func(c Copy) { copied[c.Path] = true }
	result := Run(ctx, d, h.store, items, o, cancelling{&interrupt, cancel, h.rig})
	_, news := d.Gone(l)
	if err := errors.Join(d.Told(news), d.Close()); err != nil {
		h.rt.Fatal(err)
	}
	after := h.files()
	h.log = append(h.log, fmt.Sprintf("pull types %v contracts %v since %q force %v verify %v: %+v\n  paths %v\n  before %v\n  after %v", types, contracts, since, o.Force, o.Verify, result, paths, before, after))
	h.busy = h.busy || result.Stopped != nil
	if text := foreseen.differs(items, result, copied, true); text != "" && result.Stopped == nil {
		h.fail("%s", text)
	}
	failed := map[string]error{}
	for _, f := range result.Failed {
		failed[f.Path] = f.Err
	}
	holds := map[string]bool{}
	for at, text := range after {
		holds[text] = true
		if strings.HasPrefix(path.Base(at), temporaryPrefix) {
			h.fail("%s was left behind", at)
		}
	}
	for _, i := range items {
		want := h.text(i.Doc.ID)
		if result.Stopped == nil && failed[i.Path] == nil && after[i.Path] != want {
			h.fail("%s is %q, want %q", i.Path, after[i.Path], want)
		}
		if err := failed[i.Path]; err != nil && before[i.Path] != after[i.Path] {
			h.fail("%s failed with %v and was changed", i.Path, err)
		}
		if err := failed[i.Path]; err != nil && errors.Is(err, ErrDiffers) && before[i.Path] != "" && !strings.HasPrefix(before[i.Path], "mine") && !h.moved(before[i.Path]) {
			h.fail("%s: %v, of what pull left", i.Path, err)
		}
	}
	for at, text := range before {
		if strings.HasPrefix(text, "mine") && !o.Force && after[at] != text {
			h.fail("%s was %q, is %q", at, text, after[at])
		}
	}
	// No copy that pull made has the name of another document, asked for or not.
	for at, id := range paths {
		text := after[at]
		if listed := slices.Contains(contracts, path.Dir(at)); listed && !h.mixed && !h.forced && result.Stopped == nil && failed[at] == nil &&
			strings.HasPrefix(text, "document ") && !strings.HasPrefix(text, "document "+id+" ") && !h.moved(text) {
			h.fail("%s is that of document %s, and is %q", at, id, text)
		}
	}
	// No document has two copies that pull made.
	for at, text := range after {
		for _, i := range items {
			if !h.mixed && !h.forced && result.Stopped == nil && failed[i.Path] == nil && path.Dir(at) == path.Dir(i.Path) && at != i.Path &&
				strings.HasPrefix(text, "document "+i.Doc.ID+" ") && h.about[text] == h.month[i.Doc.ID] && !h.moved(text) && !strings.Contains(at, "archived") {
				h.fail("%s is %q, and so is %s", at, text, i.Path)
			}
		}
	}
	// The last copy of a document that is not listed, or was not asked for, is kept; but
	// one that has its id and its name is a version of it.
	asked := map[string]bool{}
	for _, i := range items {
		asked[i.Doc.ID] = true
		if text := before[i.Path]; after[i.Path] != text && strings.HasPrefix(text, "document "+i.Doc.ID) {
			delete(h.copied, "before "+text)
		}
	}
	for id, text := range h.copied {
		was := slices.Contains(slices.Collect(maps.Values(before)), text)
		if !asked[id] && was && !holds[text] && !o.Force {
			h.fail("the copy %q of a document that is not there any more, or not asked for, is lost", text)
		}
	}
	for _, i := range items {
		if text := after[i.Path]; strings.HasPrefix(text, "document "+i.Doc.ID) {
			h.copied[i.Doc.ID] = text
		}
	}
}

// moved tells whether somebody gave a copy another name: it is theirs then.
func (h *history) moved(text string) bool {
	return slices.Contains(h.log, "moved "+text)
}

func (h *history) fail(format string, args ...any) {
	h.rt.Fatalf(format+"\n%s", append(args, strings.Join(h.log, "\n"))...)
}

// act is what somebody does in the folder.
func (h *history) act(what string) {
	at := filepath.Join(h.dir, h.pick("contract", historyContracts()), h.pick("file", []string{"a.pdf", "b.pdf", "c.pdf", "a~1.pdf", "b~2.pdf"}))
	rel, _ := filepath.Rel(h.dir, at)
	text := h.files()[filepath.ToSlash(rel)]
	_ = os.MkdirAll(filepath.Dir(at), 0o755)
	h.n++
	switch what {
	case "write":
		_ = os.RemoveAll(at)
		_ = os.WriteFile(at, fmt.Appendf(nil, "%smine %d%s", pdfBegin, h.n, pdfEnd), 0o644)
	case "write the same length":
		_ = os.RemoveAll(at)
		_ = os.WriteFile(at, fmt.Appendf(nil, "%smine %023d%s", pdfBegin, h.n, pdfEnd), 0o644)
	case "delete":
		_ = os.RemoveAll(at)
	case "directory":
		_ = os.RemoveAll(at)
		_ = os.MkdirAll(at, 0o755)
	case "link":
		_ = os.RemoveAll(at)
		_ = os.Symlink("nowhere", at)
	case "archive":
		_ = os.Rename(at, fmt.Sprintf("%s-archived-%d", at, h.n))
	case "rename":
		to := filepath.Join(filepath.Dir(at), h.pick("to", historyNames())+".pdf")
		if info, err := os.Lstat(at); err != nil || !info.Mode().IsRegular() || to == at {
			return
		}
		_ = os.RemoveAll(to)
		_ = os.Rename(at, to)
		now := time.Date(2030, 1, 1, 0, h.n, 0, 0, time.UTC)
		_ = os.Chtimes(to, now, now)
		h.log = append(h.log, "moved "+text)
	}
	h.log = append(h.log, fmt.Sprintf("%s %s (%s)", what, at, text))
}

// reuse makes an id, if it was used, that of another document.
func (h *history) reuse(id string) {
	if text := h.copied[id]; text != "" {
		h.copied["before "+text] = text
		delete(h.copied, id)
	}
	h.month[id]++
}

// change is what happens to the account.
func (h *history) change(what string) {
	id := h.there()
	switch d := h.docs[id]; {
	case what == "new":
		id = h.pick("id", historyIDs())
		h.reuse(id)
		h.publish(id, h.pick("name", historyNames()), h.pick("type", historyTypes()), h.pick("contract", historyContracts()))
	case what == "back":
		id = h.pick("id", historyIDs())
		if h.docs[id] != nil && h.named[id] == "" {
			h.named[id] = strings.TrimSuffix(h.docs[id].Filename, ".pdf")
		}
	case id == "":
	case what == "vanish":
		delete(h.named, id)
	case what == "version":
		h.publish(id, h.named[id], d.Type, d.ContractID)
	case what == "rename":
		h.named[id] = h.pick("name", historyNames())
		c := *d
		c.Filename = h.named[id] + ".pdf"
		h.docs[id] = &c
	case what == "type":
		h.publish(id, h.named[id], h.pick("type", historyTypes()), d.ContractID)
	case what == "contract gone":
		for id := range h.named {
			if h.docs[id].ContractID == d.ContractID {
				delete(h.named, id)
			}
		}
	case what == "cycle":
		ids := slices.Sorted(maps.Keys(h.named))
		first := h.named[ids[0]]
		for i, id := range ids {
			if h.named[id] = first; i+1 < len(ids) {
				h.named[id] = h.named[ids[i+1]]
			}
			c := *h.docs[id]
			c.Filename = h.named[id] + ".pdf"
			h.docs[id] = &c
		}
	}
	h.log = append(h.log, fmt.Sprintf("%s %s: %v", what, id, h.named))
}

// Whatever becomes of an account and of the folder that it is pulled into: after each
// run each document is under its name, or that was said; what somebody wrote stays,
// and so does the last copy of what is not listed any more.
func TestHistories(t *testing.T) {
	changes := []string{"new", "new", "vanish", "back", "version", "rename", "type", "contract gone", "cycle"}
	acts := []string{"write", "write the same length", "delete", "directory", "link", "archive", "rename"}
	rapid.Check(t, func(rt *rapid.T) {
		h := &history{rig: newRig(t), rt: rt, month: map[string]int{}, times: map[string]bool{}, named: map[string]string{}, copied: map[string]string{}, about: map[string]int{}, mixed: rapid.Bool().Draw(rt, "mixed")}
		h.change("new")
		for range rapid.IntRange(2, 20).Draw(rt, "steps") {
			switch rapid.IntRange(0, 6).Draw(rt, "kind") {
			case 0, 1, 2:
				h.change(h.pick("change", changes))
			case 3:
				h.act(h.pick("act", acts))
			case 4:
				h.run(Options{}, rapid.IntRange(1, 6).Draw(rt, "interrupt"))
			default:
				h.run(Options{Verify: rapid.Bool().Draw(rt, "verify"), Force: rapid.IntRange(0, 9).Draw(rt, "force") == 9}, -1)
			}
		}
		if err := h.store.Close(); err != nil {
			rt.Fatal(err)
		}
	})
}
