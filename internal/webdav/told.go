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

// noLength is what is told of a document that cannot be had, see multistatus.withheld.
const noLength = 1

// savedFor is for how long what is saved of a length is as good as what would be: as much
// later than it was told it is held to be over when it is read again.
const savedFor = 30 * time.Second

// Told remembers what clients were told, of a folder that one or several handlers serve. Of
// lengths that a restart may well change (of what could not be had, and of documents of the
// running month) it keeps a file: clients outlive the server. Documents are in it by hashes
// of their ids: nothing of a contract is to be read there that is refused meanwhile.
type Told struct {
	path string // "": no file
	log  *slog.Logger

	mu     sync.Mutex
	all    map[string][]length // by key
	pruned time.Time
	dirty  bool

	saving sync.Mutex
}

type length struct {
	Bytes int64     `json:"bytes"`
	At    time.Time `json:"at"` // it was told last
	keep  bool      // it is in the file, or to be
	saved time.Time // as At is there
}

func (l length) over(now time.Time) bool { return now.Sub(l.At) > toldFor }

// OpenTold takes in what the server before this one has told ("": nothing is kept). What
// cannot be read is forgotten.
func OpenTold(path string, log *slog.Logger) *Told {
	t := &Told{path: path, log: log, all: map[string][]length{}}
	if path == "" {
		return t
	}
	if err := t.learn(time.Now()); err != nil {
		log.Warn("it is forgotten what clients were told of lengths", "path", path, "error", err)
	}
	return t
}

// learn adds what the file has: another server may keep it, too. t.mu is held, or nobody else
// knows t yet.
func (t *Told) learn(now time.Time) error {
	kept := map[string][]length{}
	b, err := os.ReadFile(t.path)
	if err == nil {
		err = json.Unmarshal(b, &kept)
	}
	if err != nil {
		if errors.Is(err, fs.ErrNotExist) {
			return nil
		}
		return err
	}
	for key, of := range kept {
		for _, l := range of {
			// It may have been told again since; never later than now, whatever clocks did.
			l.keep = true
			if l.At = l.At.Add(savedFor); l.At.After(now) {
				l.At = now
			}
			mine := slices.ContainsFunc(t.all[key], func(m length) bool { return m.Bytes == l.Bytes })
			if !mine && !l.over(now) {
				t.all[key] = append(t.all[key], l)
			}
		}
	}
	return nil
}

func keyOf(n folder.Node) string {
	sum := sha256.Sum256([]byte(n.Doc.ContractID + "\x00" + n.Doc.ID))
	return hex.EncodeToString(sum[:12])
}

// note notes what is told of a document. What is to be in the file is there after save.
func (t *Told) note(n folder.Node, bytes int64, now time.Time) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if now.Sub(t.pruned) > toldFor {
		t.pruned = now
		maps.DeleteFunc(t.all, func(_ string, of []length) bool {
			return !slices.ContainsFunc(of, func(l length) bool { return !l.over(now) })
		})
	}
	key := keyOf(n)
	told := length{Bytes: bytes, At: now, keep: bytes == noLength || n.Doc.Volatile()}
	of := slices.DeleteFunc(t.all[key], func(l length) bool {
		if l.Bytes == bytes {
			told.saved, told.keep = l.saved, told.keep || l.keep
		}
		return l.over(now) || l.Bytes == bytes
	})
	t.all[key] = append(of, told)
	t.dirty = t.dirty || told.keep && now.Sub(told.saved) > savedFor
}

// save writes the file if there is something new for it: before a client has the end of an
// answer it is there.
func (t *Told) save() {
	t.mu.Lock()
	if t.path == "" || !t.dirty {
		t.mu.Unlock()
		return
	}
	t.mu.Unlock()
	t.saving.Lock()
	defer t.saving.Unlock()
	t.mu.Lock()
	t.dirty = false
	now, keep := time.Now(), map[string][]length{}
	_ = t.learn(now) // what cannot be read any more is replaced
	for key, of := range t.all {
		for i := range of {
			if of[i].keep && !of[i].over(now) {
				of[i].saved = of[i].At
				keep[key] = append(keep[key], of[i])
			}
		}
	}
	b, err := json.Marshal(keep)
	t.mu.Unlock()
	if err == nil {
		err = osfile.WriteFile(t.path, b, 0o600)
	}
	if err != nil {
		t.log.Warn("a restart will forget what clients were told of lengths", "path", t.path, "error", err)
	}
}

// otherThan reports whether something else was told of a document of late than a length.
func (t *Told) otherThan(n folder.Node, bytes int64, now time.Time) bool {
	return t.any(n, now, func(l length) bool { return l.Bytes != bytes })
}

// has reports whether a length was told of a document of late.
func (t *Told) has(n folder.Node, bytes int64, now time.Time) bool {
	return t.any(n, now, func(l length) bool { return l.Bytes == bytes })
}

func (t *Told) any(n folder.Node, now time.Time, is func(length) bool) bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	return slices.ContainsFunc(t.all[keyOf(n)], func(l length) bool { return !l.over(now) && is(l) })
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
	if n.Doc == nil || !h.Told.otherThan(n, -1, h.now()) { // nothing was told
		return false
	}
	info, err := h.Folder.Stat(r.Context(), n)
	if err != nil {
		return h.Told.has(n, noLength, h.now())
	}
	return h.Told.otherThan(n, info.Size, h.now())
}
