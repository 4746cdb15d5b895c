package webdav

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"io/fs"
	"log/slog"
	"maps"
	"net/http"
	"os"
	"slices"
	"sync"
	"time"

	"ccsfs/internal/folder"
	"ccsfs/internal/osfile"
)

// What clients were told of lengths. They go by it for a while, whatever a document has
// become meanwhile: rclone mount keeps it for five minutes, reads as many bytes and reports
// success. So a document cannot be read that has another length than any that was told of
// late: an error is heard, and a file that was cut is not.

// toldFor is how long clients go by a length.
const toldFor = 6 * time.Minute

// savedFor is for how long what was saved is late enough: clients go by a length for less
// than toldFor.
const savedFor = 50 * time.Second

// noLength is what is told of a document that cannot be had, see multistatus.withheld.
const noLength = 1

// Told remembers lengths, by contract and id. Those that are most likely others before
// clients forget them are kept in a file, too, for clients go on when a server is started
// again: of what could not be had, and of documents that change without a word. A Told may
// be shared by several handlers; its zero value is kept nowhere.
type Told struct {
	path string
	log  *slog.Logger

	mu     sync.Mutex
	all    map[string][]length
	pruned time.Time
	unsaid bool // something is to be kept that is not yet

	saving sync.Mutex
}

type length struct {
	bytes int64
	at    time.Time // it was told last
	kept  bool
	saved time.Time // at, as it is in the file; zero: it is not
}

func (l length) over(now time.Time) bool { return now.Sub(l.at) > toldFor }

// toldFile is a Told on disk. Documents are hashes there: no id is to be read in the cache of
// a contract that is refused meanwhile.
type toldFile struct {
	Format int                   `json:"format"`
	Told   map[string][]toldLine `json:"told"`
}

type toldLine struct {
	Bytes int64 `json:"bytes"`
	At    int64 `json:"at"` // milliseconds since 1970
}

const toldFormat = 1

// OpenTold reads what clients were told by a server before this one.
func OpenTold(path string, log *slog.Logger, now time.Time) *Told {
	t := &Told{path: path, log: log}
	t.mu.Lock()
	defer t.mu.Unlock()
	t.read(now)
	return t
}

// read takes over what is in the file. What cannot be read was not told. t.mu is held.
func (t *Told) read(now time.Time) {
	var f toldFile
	b, err := os.ReadFile(t.path)
	if err == nil {
		err = json.Unmarshal(b, &f)
	}
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		t.log.Warn("it is forgotten which lengths clients of the drive were told", "path", t.path, "error", err)
	}
	if err != nil || f.Format != toldFormat {
		return
	}
	for key, lines := range f.Told {
		for _, line := range lines {
			at := time.UnixMilli(line.At)
			if at.After(now) { // by another clock
				at = now
			}
			t.add(key, length{line.Bytes, at, true, at}, now)
		}
	}
}

// add notes a length, unless it is known to have been told later, or is over. t.mu is held.
func (t *Told) add(key string, l length, now time.Time) {
	if l.over(now) {
		return
	}
	if t.all == nil {
		t.all = map[string][]length{}
	}
	same := func(o length) bool { return o.bytes == l.bytes }
	if i := slices.IndexFunc(t.all[key], same); i >= 0 && t.all[key][i].at.After(l.at) {
		return
	}
	of := slices.DeleteFunc(t.all[key], func(o length) bool { return o.over(now) || same(o) })
	t.all[key] = append(of, l)
}

// save keeps what is to be kept, beside what others keep in the same file. It is called
// before anybody is told.
func (t *Told) save(now time.Time) {
	t.mu.Lock()
	due := t.unsaid && t.path != ""
	t.unsaid = false
	t.mu.Unlock()
	if !due {
		return
	}
	t.saving.Lock()
	defer t.saving.Unlock()
	t.mu.Lock()
	t.read(now)
	f := toldFile{Format: toldFormat, Told: map[string][]toldLine{}}
	for key, of := range t.all {
		for i := range of {
			l := &of[i]
			if l.saved = l.at; l.kept && !l.over(now) {
				f.Told[key] = append(f.Told[key], toldLine{l.bytes, l.at.UnixMilli()})
			}
		}
	}
	t.mu.Unlock()
	b, err := json.Marshal(f)
	if err == nil {
		err = osfile.WriteFile(t.path, b, 0o600)
	}
	if err != nil {
		t.log.Warn("it is not kept which lengths clients of the drive were told", "path", t.path, "error", err)
	}
}

func keyOf(n folder.Node) string {
	sum := sha256.Sum256([]byte(n.Doc.ContractID + "\x00" + n.Doc.ID))
	return hex.EncodeToString(sum[:16])
}

// note notes what is told of a document; withheld: it cannot be had.
func (t *Told) note(n folder.Node, bytes int64, withheld bool, now time.Time) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if now.Sub(t.pruned) > toldFor {
		t.pruned = now
		maps.DeleteFunc(t.all, func(_ string, of []length) bool {
			return !slices.ContainsFunc(of, func(l length) bool { return !l.over(now) })
		})
	}
	key, l := keyOf(n), length{bytes: bytes, at: now, kept: withheld || n.Doc.Volatile()}
	if i := slices.IndexFunc(t.all[key], func(o length) bool { return o.bytes == bytes }); i >= 0 {
		l.saved = t.all[key][i].saved
	}
	t.unsaid = t.unsaid || l.kept && now.Sub(l.saved) > savedFor
	t.add(key, l, now)
}

// otherThan reports whether something else was told of a document of late than a length.
func (t *Told) otherThan(n folder.Node, bytes int64, now time.Time) bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	return slices.ContainsFunc(t.all[keyOf(n)], func(l length) bool { return !l.over(now) && l.bytes != bytes })
}

func (h *Handler) lengths() *Told {
	if h.Told == nil {
		return &h.told
	}
	return h.Told
}

func (h *Handler) now() time.Time {
	if h.Now == nil {
		return time.Now()
	}
	return h.Now()
}

// misleads reports whether who reads a document may go by another length than it has. Where
// that cannot be found out it is what was told of one that could not be had.
func (h *Handler) misleads(r *http.Request, n folder.Node) bool {
	if n.Doc == nil || !h.lengths().otherThan(n, -1, h.now()) { // nothing was told
		return false
	}
	info, err := h.Folder.Stat(r.Context(), n)
	if err != nil {
		return h.lengths().has(n, noLength, h.now())
	}
	return h.lengths().otherThan(n, info.Size, h.now())
}

// has reports whether a length was told of a document of late.
func (t *Told) has(n folder.Node, bytes int64, now time.Time) bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	return slices.ContainsFunc(t.all[keyOf(n)], func(l length) bool { return !l.over(now) && l.bytes == bytes })
}
