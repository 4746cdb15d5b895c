package content

import (
	"crypto/rand"
	"log/slog"
	"os"
	"sync"
	"time"
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

	generations uint64            // given so far; see record
	exposed     map[string]uint64 // by document, the generation that readers last had bytes of
	loading     bool              // what is read is history: none of it was ever shown
	later       []*record         // read, and first shown here later than their lines say
}

// lookAgain is how old an answer may be that another process may have overtaken.
const lookAgain = time.Second

// openIndex loads the index file, if there is one. Damage costs the damaged
// lines, never the rest: what is not known is asked for again.
func openIndex(path string, log *slog.Logger, now func() time.Time) *index {
	x := &index{path: path, id: rand.Text()[:8], log: log, now: now, records: make(map[string]*record), failed: make(map[string]*failure), exposed: make(map[string]uint64)}
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

// expose notes that readers have bytes of a document under a generation: from now on
// the kernel may have any of them.
func (x *index) expose(id string, generation uint64) {
	x.mu.Lock()
	defer x.mu.Unlock()
	x.exposed[id] = generation
}

// isExposed reports whether readers have bytes of what r says.
func (x *index) isExposed(r *record) bool {
	x.mu.RLock()
	defer x.mu.RUnlock()
	return x.exposed[r.ID] == r.generation
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
