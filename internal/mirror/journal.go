package mirror

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"io/fs"
	"maps"
	"os"
	"slices"
	"strings"
	"sync"
	"time"

	"ccsfs/internal/billing"
)

// JournalName is the file at the top of a destination that tells what pull left
// there, so that a file which somebody changed is told from an older version of
// the document.
const JournalName = ".ccsfs-pull"

// maxJournalLine bounds a line in bytes; a path is far shorter.
const maxJournalLine = 64 << 10

// entry is a file as pull left it. An entry is a line of JSON.
type entry struct {
	Path        string    `json:"path"`
	Size        int64     `json:"size"`
	ModTime     time.Time `json:"modified"` // as the file system keeps it
	SHA256      string    `json:"sha256,omitempty"`
	ID          string    `json:"id,omitempty"`      // of the document
	Updated     string    `json:"updated,omitempty"` // as the listing said
	Fingerprint uint64    `json:"print,omitempty"`   // of what else it said
	About       uint64    `json:"about,omitempty"`   // see about; 0: not noted
	Type        string    `json:"type,omitempty"`    // of the document
	Period      string    `json:"period,omitempty"`  // as the listing said

	Contract string `json:"contract,omitempty"` // its id
	Account  string `json:"account,omitempty"`  // of the run that copied it; see Listed
	Scope    string `json:"scope,omitempty"`
	Layout   string `json:"layout,omitempty"` // under which its path is; in a line without a path: that of the destination

	Gone   bool `json:"gone,omitempty"`   // not listed any more, and that was said
	Apart  bool `json:"apart,omitempty"`  // its document is under another path, and that was said
	Left   bool `json:"left,omitempty"`   // nothing of ours is there any more
	Coming bool `json:"coming,omitempty"` // about to be put there, see Dest.arrived
}

// of tells whether the file was left for this version of a document, as far as the
// entry says.
func (e entry) of(d *billing.Document) bool {
	return e.ID == "" || e.ID == d.ID && e.Updated == d.UpdatedAt && (e.Fingerprint == 0 || e.Fingerprint == d.Fingerprint())
}

// about tells apart documents that come under one id after each other, whatever they
// are called and however often they are updated. It is never 0.
func about(d *billing.Document) uint64 {
	c := *d
	c.UpdatedAt = "any" // names do not count then
	return c.Fingerprint()
}

// sameAs tells whether the file was left for some version of a document, as far as the
// entry says.
func (e entry) sameAs(d *billing.Document) bool {
	return e.ID == d.ID && (e.Contract == "" || e.Contract == d.ContractID) && (e.About == 0 || e.About == about(d))
}

// journal is only ever appended to, so that a crash costs a line at most: a file
// without a line counts as changed, and is kept.
type journal struct {
	mu      sync.Mutex
	file    *os.File
	entries map[string]entry           // by path
	byID    map[string]map[string]bool // paths, by document
	folded  map[string]map[string]bool // paths, by what is common to those that differ in case alone
	coming  map[string]entry           // by path: what was about to be put there last
	layout  string                     // that the destination was given for itself, "" if none
	torn    bool                       // the last line was not written to its end
}

func newJournal() *journal {
	return &journal{entries: map[string]entry{}, byID: map[string]map[string]bool{}, folded: map[string]map[string]bool{}, coming: map[string]entry{}}
}

func openJournal(root *os.Root) (*journal, error) {
	j := newJournal()
	var err error
	if j.file, err = root.OpenFile(JournalName, os.O_RDWR|os.O_CREATE|os.O_APPEND, 0o666); err != nil {
		return nil, err
	}
	info, err := j.file.Stat()
	if err == nil && !info.Mode().IsRegular() {
		err = &fs.PathError{Op: "open", Path: JournalName, Err: errors.New("is not a file")}
	}
	if err == nil {
		err = j.load(j.file)
	}
	if err != nil {
		j.file.Close()
		return nil, err
	}
	return j, nil
}

// load takes in lines; damaged ones count for nothing. A line that was torn off
// is ended, so that it does not spoil the next.
func (j *journal) load(r io.Reader) error {
	br := bufio.NewReaderSize(r, maxJournalLine)
	for {
		line, err := br.ReadSlice('\n')
		for errors.Is(err, bufio.ErrBufferFull) {
			line, err = br.ReadSlice('\n')
			line = line[:0]
		}
		var e entry
		switch err := json.Unmarshal(line, &e); {
		case err != nil:
		case e.Path != "":
			j.take(e)
		case e.Layout != "":
			j.layout = e.Layout
		}
		switch {
		case errors.Is(err, io.EOF) && len(bytes.TrimSpace(line)) > 0 && j.file != nil:
			_, err := j.file.WriteString("\n")
			return err
		case errors.Is(err, io.EOF):
			return nil
		case err != nil:
			return err
		}
	}
}

func (j *journal) get(name string) (entry, bool) {
	j.mu.Lock()
	defer j.mu.Unlock()
	e, ok := j.entries[name]
	return e, ok
}

// all returns what is noted, in no order.
func (j *journal) all() []entry {
	j.mu.Lock()
	defer j.mu.Unlock()
	return slices.Collect(maps.Values(j.entries))
}

// of returns what is noted of a document, in the order of paths.
func (j *journal) of(id string) []entry {
	j.mu.Lock()
	defer j.mu.Unlock()
	var all []entry
	for _, at := range slices.Sorted(maps.Keys(j.byID[id])) {
		all = append(all, j.entries[at])
	}
	return all
}

// alike returns what is noted of paths that differ from one in case alone, in the order
// of paths.
func (j *journal) alike(name string) []entry {
	j.mu.Lock()
	defer j.mu.Unlock()
	var all []entry
	for _, at := range slices.Sorted(maps.Keys(j.folded[fold(name)])) {
		if at != name {
			all = append(all, j.entries[at])
		}
	}
	return all
}

// fold is common to the names that a file system which ignores case takes for one.
func fold(name string) string { return strings.ToLower(strings.ToUpper(name)) }

// take makes an entry what is noted of its path. j.mu is held, or j not shared.
func (j *journal) take(e entry) {
	if e.Coming {
		j.coming[e.Path] = e
		return
	}
	delete(j.coming, e.Path)
	delete(j.byID[j.entries[e.Path].ID], e.Path)
	delete(j.folded[fold(e.Path)], e.Path)
	delete(j.entries, e.Path)
	if e.Left {
		return
	}
	j.entries[e.Path] = e
	index(j.byID, e.ID, e.Path)
	index(j.folded, fold(e.Path), e.Path)
}

func index(paths map[string]map[string]bool, key, at string) {
	if paths[key] == nil {
		paths[key] = map[string]bool{}
	}
	paths[key][at] = true
}

// put notes a file, unless that is what is noted already.
func (j *journal) put(e entry) error {
	j.mu.Lock()
	defer j.mu.Unlock()
	if old, ok := j.entries[e.Path]; ok && old.ModTime.Equal(e.ModTime) && j.coming[e.Path].Path == "" {
		if old.ModTime = e.ModTime; old == e {
			return nil
		}
	}
	if j.file == nil { // of Look
		j.take(e)
		return nil
	}
	if err := j.write(e); err != nil {
		return err
	}
	j.take(e)
	return nil
}

// write appends a line. j.mu is held.
func (j *journal) write(e entry) error {
	line, err := json.Marshal(e)
	if err != nil {
		return err
	}
	if line = append(line, '\n'); j.torn {
		line = append([]byte{'\n'}, line...)
	}
	n, err := j.file.Write(line)
	j.torn = err != nil && (n > 0 || j.torn)
	return err
}

// keepLayout notes the layout that the destination is given for itself.
func (j *journal) keepLayout(layout string) error {
	j.mu.Lock()
	defer j.mu.Unlock()
	if j.layout == layout {
		return nil
	}
	if j.file != nil {
		if err := j.write(entry{Layout: layout}); err != nil {
			return err
		}
	}
	j.layout = layout
	return nil
}

func (j *journal) close() error { return j.file.Close() }
