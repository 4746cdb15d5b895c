package index

import (
	"bytes"
	"encoding/binary"
	"hash/maphash"
	"iter"
)

// table maps keys to values, both short bytes, of which there may be millions: they lie
// packed in pages without pointers, and cost about 16 bytes each beyond their own. No key
// begins with another one, and none is ever taken out.
type table struct {
	seed  maphash.Seed
	at    map[uint32]place // of a key, by its hash or, where that is taken, the next number that is free
	pages [][]byte
	free  map[int][]place // places that were left, by their room
	given int             // bytes of all places
	left  int             // bytes of those in free
}

// place is where an entry lies: its page, and how many units of room its offset is.
type place uint32

const (
	roomUnit  = 8       // bytes; the room of an entry is a multiple
	pageMost  = 8 << 10 // bytes; an entry that is larger has a page of its own
	pageLeast = 256     // bytes; the first page, for tables of a few entries
	unitBits  = 10      // of a place: 8 KiB in units
)

func newTable() table {
	return table{seed: maphash.MakeSeed(), at: make(map[uint32]place), free: make(map[int][]place)}
}

// get returns the value of a key. It lasts until the next set.
func (t *table) get(key []byte) (value []byte, ok bool) {
	_, _, e, ok := t.find(key)
	if !ok {
		return nil, false
	}
	return e[len(key):], true
}

// find returns the entry of a key, and the number under which it is, or would be.
func (t *table) find(key []byte) (number uint32, at place, entry []byte, ok bool) {
	for number = uint32(maphash.Bytes(t.seed, key)); ; number++ {
		if at, ok = t.at[number]; !ok {
			return number, 0, nil, false
		}
		if entry = t.entry(at); bytes.HasPrefix(entry, key) {
			return number, at, entry, true
		}
	}
}

// entry is the key and the value that lie at a place.
func (t *table) entry(at place) []byte {
	p := t.pages[at>>unitBits][at&(1<<unitBits-1)*roomUnit:]
	n, prefix := binary.Uvarint(p)
	return p[prefix : prefix+int(n)]
}

// set makes value the one of key.
func (t *table) set(key, value []byte) {
	number, at, old, ok := t.find(key)
	need := roomFor(len(key) + len(value))
	switch {
	case !ok:
		at = t.room(need)
	case roomFor(len(old)) != need:
		t.leave(at, roomFor(len(old)))
		at = t.room(need)
	}
	t.at[number] = at
	t.write(at, key, value)
	if t.left > t.given/2 && t.left > pageMost {
		t.pack()
	}
}

// roomFor is what an entry of n bytes takes, with its length before it.
func roomFor(n int) int {
	var b [binary.MaxVarintLen64]byte
	return (binary.PutUvarint(b[:], uint64(n)) + n + roomUnit - 1) / roomUnit * roomUnit
}

// room finds a place of n bytes.
func (t *table) room(n int) place {
	if left := t.free[n]; len(left) > 0 {
		at := left[len(left)-1]
		if t.free[n] = left[:len(left)-1]; len(left) == 1 {
			delete(t.free, n)
		}
		t.left -= n
		return at
	}
	last := len(t.pages) - 1
	if last < 0 || cap(t.pages[last])-len(t.pages[last]) < n {
		size := max(min(pageLeast<<min(len(t.pages), 5), pageMost), n)
		t.pages = append(t.pages, make([]byte, 0, size))
		last++
	}
	page := t.pages[last]
	t.pages[last] = page[:len(page)+n]
	t.given += n
	return place(last)<<unitBits | place(len(page)/roomUnit)
}

// leave takes note that a place of n bytes is free.
func (t *table) leave(at place, n int) {
	t.free[n] = append(t.free[n], at)
	t.left += n
}

func (t *table) write(at place, key, value []byte) {
	p := t.pages[at>>unitBits][at&(1<<unitBits-1)*roomUnit:]
	n := binary.PutUvarint(p, uint64(len(key)+len(value)))
	n += copy(p[n:], key)
	copy(p[n:], value)
}

// pack moves all entries to pages without free places between them.
func (t *table) pack() {
	old := *t
	t.pages, t.free, t.given, t.left = nil, make(map[int][]place), 0, 0
	for number, at := range t.at {
		e := old.entry(at)
		t.at[number] = t.room(roomFor(len(e)))
		t.write(t.at[number], e, nil)
	}
}

// entries are those of all keys, in no order. The table stays as it is meanwhile.
func (t *table) entries() iter.Seq[[]byte] {
	return func(yield func([]byte) bool) {
		for _, at := range t.at {
			if !yield(t.entry(at)) {
				return
			}
		}
	}
}
