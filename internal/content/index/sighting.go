package index

import "time"

// sightings is where the directory keeps what is no document: a contract of its own,
// which no API can name.
const sightings = "\x00sightings of "

// Sighted tells when a thing of a contract, a listing for example, was first seen
// in the version that it has now, and remembers it on disk; the error says that it is
// remembered in memory only. With the version "" it tells what is known of the last
// one. A thing of which nothing is known is first seen now, in whatever version it
// turns out to have.
func (d *Dir) Sighted(contractID, thing, version string) (time.Time, error) {
	x := d.Of(sightings + contractID)
	old := x.Get(thing)
	if old != nil && (version == "" || version == old.UpdatedAt) {
		return old.FirstSeen(), nil
	}
	now := x.now()
	r := &Record{ID: thing, UpdatedAt: version, Size: 1, Changed: now, Checked: now, Seen: now.Round(0)}
	if old != nil && old.UpdatedAt == "" {
		r.Seen = old.FirstSeen()
	}
	r, err := x.sight(r)
	return r.FirstSeen(), err
}

// sight is Put for what is no document.
func (x *Index) sight(r *Record) (*Record, error) {
	x.mu.Lock()
	defer x.mu.Unlock()
	old := x.shelf.record(r.ID)
	placed, taken := x.place(r)
	if !taken {
		return placed, nil
	}
	if old != nil && old.UpdatedAt == "" {
		placed.Seen = r.Seen
		x.shelf.set(placed)
	}
	return placed, x.append(placed)
}
