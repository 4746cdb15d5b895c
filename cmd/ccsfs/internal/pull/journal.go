package pull

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
	"sync"
	"time"

	"ccsfs/internal/catalog"
)

// JournalName is the file at the top of a destination that tells what pull left
// there, so that a file which somebody changed is told from an older version of
// the document.
const JournalName = ".ccsfs-pull"

// maxJournalLine bounds a line in bytes; a path is far shorter.
const maxJournalLine = 64 << 10

// entry is a file as pull left it. An entry is a line of JSON.
type entry struct {
	Path    string    `json:"path"`
	Size    int64     `json:"size"`
	ModTime time.Time `json:"modified"` // as the file system keeps it
	SHA256  string    `json:"sha256,omitempty"`
	ID      string    `json:"id,omitempty"`      // of the document
	Updated string    `json:"updated,omitempty"` // as the listing said
	Print   uint64    `json:"print,omitempty"`   // of what else it said
	About   uint64    `json:"about,omitempty"`   // see about; 0: not noted
	Type    string    `json:"type,omitempty"`    // of the document

	Contract string `json:"contract,omitempty"` // its id
	Account  string `json:"account,omitempty"`  // of the run that copied it; see Listed
	Scope    string `json:"scope,omitempty"`

	Gone   bool `json:"gone,omitempty"`   // not listed any more, and that was said
	Apart  bool `json:"apart,omitempty"`  // its document is under another path, and that was said
	Left   bool `json:"left,omitempty"`   // nothing of ours is there any more
	Coming bool `json:"coming,omitempty"` // about to be put there, see Dest.arrived
}

// of tells whether the file was left for this version of a document, as far as the
// entry says.
func (e entry) of(d *catalog.Document) bool {
	return e.ID == "" || e.ID == d.ID && e.Updated == d.UpdatedAt && (e.Print == 0 || e.Print == d.Print())
}

// about tells apart documents that come under one id after each other, whatever they
// are called and however often they are updated. It is never 0.
func about(d *catalog.Document) uint64 {
	c := *d
	c.UpdatedAt = "any" // names do not count then
	return c.Print()
}

// sameAs tells whether the file was left for some version of a document, as far as the
// entry says.
func (e entry) sameAs(d *catalog.Document) bool {
	return e.ID == d.ID && (e.Contract == "" || e.Contract == d.ContractID) && (e.About == 0 || e.About == about(d))
}

// journal is only ever appended to, so that a crash costs a line at most: a file
// without a line counts as changed, and is kept.
type journal struct {
	mu      sync.Mutex
	file    *os.File
	entries map[string]entry           // by path
	byID    map[string]map[string]bool // paths, by document
	coming  map[string]entry           // by path: what was about to be put there last
	torn    bool                       // the last line was not written to its end
}

func newJournal() *journal {
	return &journal{entries: map[string]entry{}, byID: map[string]map[string]bool{}, coming: map[string]entry{}}
}

func openJournal(root *os.Root) (*journal, error) {
	j := newJournal()
	var err error
	if j.file, err = root.OpenFile(JournalName, os.O_RDWR|os.O_CREATE|os.O_APPEND, 0o644); err != nil {
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
		if json.Unmarshal(line, &e) == nil && e.Path != "" {
			j.take(e)
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

// take makes an entry what is noted of its path. j.mu is held, or j not shared.
func (j *journal) take(e entry) {
	if e.Coming {
		j.coming[e.Path] = e
		return
	}
	delete(j.coming, e.Path)
	delete(j.byID[j.entries[e.Path].ID], e.Path)
	delete(j.entries, e.Path)
	if e.Left {
		return
	}
	if j.byID[e.ID] == nil {
		j.byID[e.ID] = map[string]bool{}
	}
	j.entries[e.Path], j.byID[e.ID][e.Path] = e, true
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
	line, err := json.Marshal(e)
	if err != nil {
		return err
	}
	if line = append(line, '\n'); j.torn {
		line = append([]byte{'\n'}, line...)
	}
	n, err := j.file.Write(line)
	if j.torn = err != nil && (n > 0 || j.torn); err != nil {
		return err
	}
	j.take(e)
	return nil
}

func (j *journal) close() error { return j.file.Close() }
