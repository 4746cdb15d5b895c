package index

import (
	"crypto/rand"
	"log/slog"
	"os"
	"slices"
	"sync"
	"time"
)

// Index is what is known of the documents of one contract: a map in memory, and
// a file of lines that is only ever appended to, so that a crash can tear the
// last line and nothing else. Processes that share the file see each other's
// lines within LookAgain.
type Index struct {
	path string
	id   string // stands in the lines that it writes: they are no news to it
	log  *slog.Logger
	now  func() time.Time

	mu       sync.RWMutex
	shelf    shelf
	failed   map[string]*Failure // documents that could not be had when last asked for
	read     int64               // bytes of the file taken in so far
	file     os.FileInfo         // the file that was read, to notice its replacement
	lines    int                 // lines read, to know when compacting is worth it
	torn     bool                // the file does not end with a newline
	looked   time.Time           // when the file was last looked at
	lockless time.Time           // until then no lock is waited for: its holder seems to be stopped

	generations uint64    // given so far; see Record
	loading     bool      // what is read is history: none of it was ever shown
	later       []*Record // read, and first shown here later than their lines say
}

// LookAgain is how old an answer may be that another process may have overtaken.
const LookAgain = time.Second

// Open loads the index file, if there is one. Damage costs the damaged
// lines, never the rest: what is not known is asked for again.
func Open(path string, log *slog.Logger, now func() time.Time) *Index {
	x := &Index{path: path, id: rand.Text()[:8], log: log, now: now, shelf: shelf{table: newTable()}, failed: make(map[string]*Failure)}
	x.mu.Lock()
	defer x.mu.Unlock()
	x.loading = true
	x.catchUp()
	x.loading = false
	if x.lines > 2*x.shelf.known+64 {
		if err := x.compact(); err != nil {
			log.Debug("index not compacted", "path", path, "error", err)
		}
	}
	return x
}

// Get returns the record of a document, nil if nothing is known of it.
func (x *Index) Get(id string) *Record {
	x.mu.RLock()
	r, looked := x.shelf.record(id), x.looked
	x.mu.RUnlock()
	if since := x.now().Sub(looked); since >= 0 && since < LookAgain {
		return r
	}
	x.mu.Lock()
	defer x.mu.Unlock()
	x.catchUp()
	return x.shelf.record(id)
}

// Put makes r the record of its document, in memory and on disk, and returns it
// with its generation. A record that cannot be written is still known to this
// process; the error says so.
func (x *Index) Put(r *Record) (*Record, error) {
	x.mu.Lock()
	defer x.mu.Unlock()
	r, taken := x.place(r)
	if !taken {
		return r, nil
	}
	return r, x.append(r)
}

// PutAll is Put of many, in one write.
func (x *Index) PutAll(all []*Record) error {
	x.mu.Lock()
	defer x.mu.Unlock()
	var lines []byte
	for _, r := range all {
		r, taken := x.place(r)
		if !taken {
			continue
		}
		line, err := x.line(r)
		if err != nil {
			return err
		}
		lines = append(lines, line...)
	}
	if len(lines) == 0 {
		return nil
	}
	return x.write(lines)
}

// Know makes r the record of its document in memory only: the body is still on
// its way, but its size can be told. It returns it with its generation.
func (x *Index) Know(r *Record) *Record {
	x.mu.Lock()
	defer x.mu.Unlock()
	r, _ = x.place(r)
	return r
}

// place gives r its generation, and makes it the record of its document unless
// more, or newer, is known of it. It returns what stands for r from now on. What
// is handed out before it is placed has no generation. x.mu is held.
func (x *Index) place(r *Record) (now *Record, taken bool) {
	placed, old := *r, x.shelf.record(r.ID)
	r = &placed
	x.shelf.settle(r)
	late := x.overtaken(old, r)
	switch {
	case old != nil && old.same(r):
		if old.SHA256 != "" && r.SHA256 == "" {
			return old, false
		}
		r.Generation, r.Changed = old.Generation, old.Changed
		if r.Identity == "" {
			r.Identity = old.Identity
		}
		if r.Note == "" && r.SHA256 == old.SHA256 {
			r.Note = old.Note
		}
		if old.Covers(r.Version(), x.now()) && old.Fingerprint != 0 { // asked for by an older listing
			r.UpdatedAt, r.Fingerprint, r.Listed = old.UpdatedAt, old.Fingerprint, old.Listed
		}
	case late && r.Generation != 0: // goes on as what it was handed out as
	default:
		x.generations++
		r.Generation = x.generations
	}
	r.Seen = x.seen(old, r)
	r.Upholds = 0
	if !late {
		x.shelf.set(r)
		x.recover(r)
	}
	return r, !late
}

// seen is when the version of r, which is placed beside old, was first seen. Of one
// that takes another one's place that is now: until now the other one may have been
// shown, and a backup been made of it, whenever another process saw the new one. A
// clock that was put back makes no version older than the one before. x.mu is held.
func (x *Index) seen(old, r *Record) time.Time {
	now := x.now().Round(0)
	switch {
	case old == nil:
		return r.FirstSeen()
	case old.Generation == r.Generation && old.Version().Is(r.Version()):
		if r.Seen.After(old.FirstSeen()) {
			return r.Seen
		}
		return old.FirstSeen()
	case x.loading:
		return r.FirstSeen()
	case now.After(old.FirstSeen()) || old.FirstSeen().After(now.Add(ClockSlack)):
		return now
	}
	return old.FirstSeen().Add(time.Nanosecond)
}

// overtaken says whether old, which is known of the document of r, is newer: a
// download that took long ends after one that began later. What is from the
// future is from a wrong clock, and no newer.
func (x *Index) overtaken(old, r *Record) bool {
	return old != nil && old.Checked.After(r.Checked) && !old.Checked.After(x.now().Add(ClockSlack))
}

// Update replaces the record of a document in memory only (identity, retry time).
// It does nothing if another record has taken old's place meanwhile: one that says
// anything else.
func (x *Index) Update(old, r *Record) {
	x.mu.Lock()
	defer x.mu.Unlock()
	x.shelf.replace(old, r)
}

// Void makes what is known of a document no answer any more: what its pages in
// the kernel hold is of another content than what comes now. Only what is asked
// for from now on replaces it.
func (x *Index) Void(id string) {
	x.mu.Lock()
	defer x.mu.Unlock()
	if x.shelf.record(id) != nil {
		x.shelf.set(&Record{ID: id, Void: true, Checked: x.now()})
	}
}

// Expose notes that readers have bytes of a document under a generation: from now on
// the kernel may have any of them.
func (x *Index) Expose(id string, generation uint64) {
	x.mu.Lock()
	defer x.mu.Unlock()
	x.shelf.expose(id, generation)
}

// IsExposed reports whether readers have bytes of what r says.
func (x *Index) IsExposed(r *Record) bool {
	x.mu.RLock()
	defer x.mu.RUnlock()
	_, exposed := x.shelf.of(r.ID)
	return exposed == r.Generation
}

// All returns all records, for checks over everything known.
func (x *Index) All() []*Record {
	x.mu.RLock()
	defer x.mu.RUnlock()
	return slices.AppendSeq(make([]*Record, 0, x.shelf.known), x.shelf.all())
}

// Refresh takes in what other processes have added to the file.
func (x *Index) Refresh() {
	x.mu.Lock()
	defer x.mu.Unlock()
	x.catchUp()
}
