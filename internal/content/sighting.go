package content

import (
	"time"
)

// sightings is where the index keeps what is no document: a contract of its own,
// which no API can name.
const sightings = "\x00sightings of "

// Sighted tells when a thing of a contract, a listing for example, was first seen
// in the version that it has now, and remembers it on disk. With the version "" it
// tells what is known of the last one. A thing of which nothing is known is first
// seen now, in whatever version it turns out to have.
func (s *Store) Sighted(contractID, thing, version string) time.Time {
	x := s.index(sightings + contractID)
	old := x.get(thing)
	if old != nil && (version == "" || version == old.UpdatedAt) {
		return old.seen()
	}
	now := s.now()
	r := &record{ID: thing, UpdatedAt: version, Size: 1, Changed: now, Checked: now, Seen: now.Round(0)}
	if old != nil && old.UpdatedAt == "" {
		r.Seen = old.seen()
	}
	r, err := x.sight(r)
	if err != nil {
		s.diskTrouble("cannot remember when things were first seen", err)
	}
	return r.seen()
}

// sight is put for what is no document.
func (x *index) sight(r *record) (*record, error) {
	x.mu.Lock()
	defer x.mu.Unlock()
	unnamed := x.records[r.ID] != nil && x.records[r.ID].UpdatedAt == ""
	placed, taken := x.place(r)
	if !taken {
		return placed, nil
	}
	if unnamed {
		placed.Seen = r.Seen
	}
	return placed, x.append(placed)
}
