package pull

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"io/fs"
	"os"
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
}

// of tells whether the file was left for this version of a document, as far as the
// entry says.
func (e entry) of(d *catalog.Document) bool {
	return e.ID == "" || e.ID == d.ID && e.Updated == d.UpdatedAt
}

// journal is only ever appended to, so that a crash costs a line at most: a file
// without a line counts as changed, and is kept.
type journal struct {
	mu      sync.Mutex
	file    *os.File
	entries map[string]entry
}

func openJournal(root *os.Root) (*journal, error) {
	j := &journal{entries: map[string]entry{}}
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
			j.entries[e.Path] = e
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

// put notes a file, unless that is what is noted already.
func (j *journal) put(e entry) error {
	j.mu.Lock()
	defer j.mu.Unlock()
	if old, ok := j.entries[e.Path]; ok && old.Size == e.Size && old.SHA256 == e.SHA256 && old.ModTime.Equal(e.ModTime) &&
		old.ID == e.ID && old.Updated == e.Updated {
		return nil
	}
	line, err := json.Marshal(e)
	if err != nil {
		return err
	}
	if _, err := j.file.Write(append(line, '\n')); err != nil {
		return err
	}
	j.entries[e.Path] = e
	return nil
}

func (j *journal) close() error { return j.file.Close() }
