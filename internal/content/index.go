package content

import (
	"bufio"
	"bytes"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"sync"
	"syscall"
	"time"

	"github.com/google/renameio/v2"
)

// index is what is known of the documents of one contract: a map in memory, and
// a file of lines that is only ever appended to, so that a crash can tear the
// last line and nothing else. Processes that share the file see each other's
// lines within lookAgain.
type index struct {
	path string
	id   string // stands in the lines that it writes: they are no news to it
	log  *slog.Logger
	now  func() time.Time

	mu       sync.RWMutex
	records  map[string]*record
	failed   map[string]*failure // documents that could not be had when last asked for
	read     int64               // bytes of the file taken in so far
	file     os.FileInfo         // the file that was read, to notice its replacement
	lines    int                 // lines read, to know when compacting is worth it
	torn     bool                // the file does not end with a newline
	looked   time.Time           // when the file was last looked at
	lockless time.Time           // until then no lock is waited for: its holder seems to be stopped

	generations uint64    // given so far; see record
	loading     bool      // what is read is history: none of it was ever shown
	later       []*record // read, and first shown here later than their lines say
}

// lookAgain is how old an answer may be that another process may have overtaken.
const lookAgain = time.Second

// openIndex loads the index file, if there is one. Damage costs the damaged
// lines, never the rest: what is not known is asked for again.
func openIndex(path string, log *slog.Logger, now func() time.Time) *index {
	x := &index{path: path, id: rand.Text()[:8], log: log, now: now, records: make(map[string]*record), failed: make(map[string]*failure)}
	x.mu.Lock()
	defer x.mu.Unlock()
	x.loading = true
	x.catchUp()
	x.loading = false
	if x.lines > 2*len(x.records)+64 {
		if err := x.compact(); err != nil {
			log.Debug("index not compacted", "path", path, "error", err)
		}
	}
	return x
}

// get returns the record of a document, nil if nothing is known of it.
func (x *index) get(id string) *record {
	x.mu.RLock()
	r, looked := x.records[id], x.looked
	x.mu.RUnlock()
	if since := x.now().Sub(looked); since >= 0 && since < lookAgain {
		return r
	}
	x.mu.Lock()
	defer x.mu.Unlock()
	x.catchUp()
	return x.records[id]
}

// put makes r the record of its document, in memory and on disk, and returns it
// with its generation. A record that cannot be written is still known to this
// process; the error says so.
func (x *index) put(r *record) (*record, error) {
	x.mu.Lock()
	defer x.mu.Unlock()
	r, taken := x.place(r)
	if !taken {
		return r, nil
	}
	return r, x.append(r)
}

// know makes r the record of its document in memory only: the body is still on
// its way, but its size can be told. It returns it with its generation.
func (x *index) know(r *record) *record {
	x.mu.Lock()
	defer x.mu.Unlock()
	r, _ = x.place(r)
	return r
}

// place gives r its generation, and makes it the record of its document unless
// more, or newer, is known of it. It returns what stands for r from now on. What
// is handed out before it is placed has no generation. x.mu is held.
func (x *index) place(r *record) (now *record, taken bool) {
	placed, old := *r, x.records[r.ID]
	r = &placed
	late := x.overtaken(r)
	switch {
	case old != nil && old.same(r):
		if old.SHA256 != "" && r.SHA256 == "" {
			return old, false
		}
		r.generation, r.Changed = old.generation, old.Changed
		if r.seal == (fileSeal{}) {
			r.seal = old.seal
		}
		if old.covers(r.version(), x.now()) && old.Print != 0 { // asked for by an older listing
			r.UpdatedAt, r.Print, r.Listed = old.UpdatedAt, old.Print, old.Listed
		}
	case late && r.generation != 0: // goes on as what it was handed out as
	default:
		x.generations++
		r.generation = x.generations
	}
	r.Seen = x.seen(old, r)
	r.upholds = 0
	if !late {
		x.records[r.ID] = r
		x.recover(r)
	}
	return r, !late
}

// seen is when the version of r, which is placed beside old, was first seen. Of one
// that takes another one's place that is now: until now the other one may have been
// shown, and a backup been made of it, whenever another process saw the new one. A
// clock that was put back makes no version older than the one before. x.mu is held.
func (x *index) seen(old, r *record) time.Time {
	now := x.now().Round(0)
	switch {
	case old == nil:
		return r.seen()
	case old.generation == r.generation && old.version().is(r.version()):
		if r.Seen.After(old.seen()) {
			return r.Seen
		}
		return old.seen()
	case x.loading:
		return r.seen()
	case now.After(old.seen()) || old.seen().After(now.Add(clockSlack)):
		return now
	}
	return old.seen().Add(time.Nanosecond)
}

// overtaken says whether something newer than r is known of its document: a
// download that took long ends after one that began later. What is from the
// future is from a wrong clock, and no newer. x.mu is held.
func (x *index) overtaken(r *record) bool {
	old := x.records[r.ID]
	return old != nil && old.Checked.After(r.Checked) && !old.Checked.After(x.now().Add(clockSlack))
}

// update replaces the record of a document in memory only (seal, retry time).
// It does nothing if another record has taken old's place meanwhile.
func (x *index) update(old, r *record) {
	x.mu.Lock()
	defer x.mu.Unlock()
	if x.records[old.ID] == old {
		x.records[old.ID] = r
	}
}

// void makes what is known of a document no answer any more: what its pages in
// the kernel hold is of another content than what comes now. Only what is asked
// for from now on replaces it.
func (x *index) void(id string) {
	x.mu.Lock()
	defer x.mu.Unlock()
	if r := x.records[id]; r != nil {
		x.records[id] = &record{ID: id, void: true, Checked: x.now()}
	}
}

// snapshot returns all records, for checks over everything known.
func (x *index) snapshot() []*record {
	x.mu.RLock()
	defer x.mu.RUnlock()
	all := make([]*record, 0, len(x.records))
	for _, r := range x.records {
		all = append(all, r)
	}
	return all
}

// catchUp reads what was added to the file since it was last read, or the whole
// of it when it is another file now. x.mu is held.
func (x *index) catchUp() {
	x.looked = x.now()
	st, err := os.Lstat(x.path)
	if err != nil {
		if !errors.Is(err, fs.ErrNotExist) {
			x.log.Warn("index not readable", "path", x.path, "error", err)
		}
		return
	}
	if x.file != nil && (!os.SameFile(x.file, st) || st.Size() < x.read) {
		x.read, x.lines = 0, 0
	}
	if x.file = st; st.Size() == x.read {
		return
	}
	if !st.Mode().IsRegular() {
		x.log.Warn("index not readable", "path", x.path, "error", "not a file")
		return
	}
	f, err := x.openFile(os.O_RDONLY)
	if err != nil {
		x.log.Warn("index not readable", "path", x.path, "error", err)
		return
	}
	defer f.Close()
	if _, err := f.Seek(x.read, io.SeekStart); err != nil {
		return
	}
	if bad := x.scan(f); bad > 0 {
		x.log.Warn("damaged index lines left out; their documents are asked for again",
			"path", x.path, "lines", bad)
	}
	for _, r := range x.later {
		if err := x.append(r); err != nil {
			x.log.Debug("time not written down", "path", x.path, "error", err)
		}
	}
	x.later = nil
}

// scan takes in lines from rd and returns how many were damaged.
func (x *index) scan(rd io.Reader) (bad int) {
	br := bufio.NewReaderSize(rd, maxLine)
	for {
		line, err := br.ReadSlice('\n')
		x.read += int64(len(line))
		for errors.Is(err, bufio.ErrBufferFull) { // no line of ours: skip it
			line, err = br.ReadSlice('\n')
			x.read += int64(len(line))
			line = line[:0]
			bad++
		}
		if x.torn = err != nil && len(line) > 0; x.torn {
			// The tail may be a line that is being written right now: leave it
			// for the next look.
			x.read -= int64(len(line))
			return bad
		}
		if err != nil {
			return bad
		}
		if line = bytes.TrimSpace(line); len(line) == 0 {
			continue
		}
		x.lines++
		r, err := decodeLine(line)
		if err != nil {
			bad++
			continue
		}
		if r.Failure != nil {
			x.takeFailure(r)
			continue
		}
		x.take(r)
	}
}

// take makes a line read from the file the record of its document. A size alone
// does not displace a hash of that size: it says less.
func (x *index) take(r *record) {
	old := x.records[r.ID]
	if r.By == x.id {
		return
	}
	if old != nil && old.void && !r.Checked.After(old.Checked) {
		return
	}
	if old != nil && old.SHA256 != "" && r.SHA256 == "" && old.version().is(r.version()) && old.Size == r.Size {
		return
	}
	if now, taken := x.place(r); taken && now.Seen.After(r.seen()) {
		x.later = append(x.later, now)
	}
}

// line is r as a line of this index.
func (x *index) line(r *record) ([]byte, error) {
	signed := *r
	signed.By = x.id
	return encodeLine(&signed)
}

// append writes a line at the end of the file. x.mu is held.
func (x *index) append(r *record) error {
	line, err := x.line(r)
	if err != nil {
		return err
	}
	f, err := x.openForAppend()
	if err != nil {
		return err
	}
	defer f.Close()
	if x.torn {
		line = append([]byte("\n"), line...)
	}
	if _, err := f.Write(line); err != nil {
		x.torn = true
		return err
	}
	x.torn = false
	return f.Close()
}

// lockAgain is how long a lock that was waited for in vain is not waited for.
const lockAgain = 30 * time.Second

// openFile opens the file, and nothing else: a pipe in its place must not hold us up,
// and a symbolic link must not lead to somebody's file, which lines would be appended to.
func (x *index) openFile(flags int) (*os.File, error) {
	return os.OpenFile(x.path, flags|syscall.O_NONBLOCK|syscall.O_NOFOLLOW, 0o600)
}

// openForAppend opens the file under a shared lock, so that no other process is
// compacting it, and makes sure that it still is the file of that name. Where
// another process keeps it locked the line goes without: at worst it is lost with
// the file, and its document asked for again.
func (x *index) openForAppend() (*os.File, error) {
	for range 10 {
		f, err := x.openFile(os.O_WRONLY | os.O_APPEND | os.O_CREATE)
		if errors.Is(err, syscall.ELOOP) && os.Remove(x.path) == nil {
			continue
		}
		if errors.Is(err, fs.ErrNotExist) { // cleaned away under us: build it again
			if err = os.MkdirAll(filepath.Dir(x.path), 0o700); err == nil {
				continue
			}
		}
		if err != nil {
			return nil, err
		}
		if now := x.now(); !x.lockless.After(now) || x.lockless.After(now.Add(lockAgain)) {
			if !lockShared(f) {
				x.lockless = now.Add(lockAgain)
			}
		}
		st1, err1 := f.Stat()
		st2, err2 := os.Lstat(x.path)
		if err1 == nil && err2 == nil && os.SameFile(st1, st2) {
			return f, nil
		}
		f.Close()
	}
	return nil, fmt.Errorf("index %s is being replaced all the time", x.path)
}

// compact rewrites the file with one line a document. x.mu is held.
func (x *index) compact() error {
	f, err := x.openFile(os.O_RDWR)
	if err != nil {
		return err
	}
	defer f.Close()
	if !lockExclusive(f) { // another process is writing: next time
		return nil
	}
	x.catchUp()
	t, err := renameio.NewPendingFile(x.path, renameio.WithStaticPermissions(0o600))
	if err != nil {
		return err
	}
	defer func() { _ = t.Cleanup() }()
	w := bufio.NewWriter(t)
	for _, r := range x.records {
		if r.void {
			continue
		}
		line, err := x.line(r)
		if err != nil {
			return err
		}
		if _, err := w.Write(line); err != nil {
			return err
		}
	}
	if err := x.writeFailures(w); err != nil {
		return err
	}
	if err := w.Flush(); err != nil {
		return err
	}
	if err := t.CloseAtomicallyReplace(); err != nil {
		return err
	}
	x.file, x.read, x.lines, x.torn = nil, 0, 0, false
	x.catchUp()
	return nil
}
