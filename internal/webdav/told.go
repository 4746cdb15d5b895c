package webdav

import (
	"maps"
	"net/http"
	"slices"
	"sync"
	"time"

	"ccsfs/internal/folder"
)

// What clients were told of lengths. They go by it for a while, whatever a document has
// become meanwhile: rclone mount keeps it for five minutes, reads as many bytes and reports
// success. So a document cannot be read that has another length than any that was told of
// late: an error is heard, and a file that was cut is not.

// toldFor is how long clients go by a length.
const toldFor = 6 * time.Minute

// noLength is what is told of a document that cannot be had, see multistatus.withheld.
const noLength = 1

// told remembers lengths, by contract and id.
type told struct {
	mu     sync.Mutex
	all    map[string][]length
	pruned time.Time
}

type length struct {
	bytes int64
	at    time.Time // it was told last
}

func (l length) over(now time.Time) bool { return now.Sub(l.at) > toldFor }

// note notes what is told of a document.
func (t *told) note(n folder.Node, bytes int64, now time.Time) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.all == nil {
		t.all = map[string][]length{}
	}
	if now.Sub(t.pruned) > toldFor {
		t.pruned = now
		maps.DeleteFunc(t.all, func(_ string, of []length) bool {
			return !slices.ContainsFunc(of, func(l length) bool { return !l.over(now) })
		})
	}
	key := n.Doc.ContractID + "\x00" + n.Doc.ID
	of := slices.DeleteFunc(t.all[key], func(l length) bool { return l.over(now) || l.bytes == bytes })
	t.all[key] = append(of, length{bytes, now})
}

// otherThan reports whether something else was told of a document of late than a length.
func (t *told) otherThan(n folder.Node, bytes int64, now time.Time) bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	return slices.ContainsFunc(t.all[n.Doc.ContractID+"\x00"+n.Doc.ID], func(l length) bool { return !l.over(now) && l.bytes != bytes })
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
	if n.Doc == nil || !h.told.otherThan(n, -1, h.now()) { // nothing was told
		return false
	}
	info, err := h.Folder.Stat(r.Context(), n)
	if err != nil {
		return h.told.has(n, noLength, h.now())
	}
	return h.told.otherThan(n, info.Size, h.now())
}

// has reports whether a length was told of a document of late.
func (t *told) has(n folder.Node, bytes int64, now time.Time) bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	return slices.ContainsFunc(t.all[n.Doc.ContractID+"\x00"+n.Doc.ID], func(l length) bool { return !l.over(now) && l.bytes == bytes })
}
