package disk

import (
	"cmp"
	"encoding/binary"
	"encoding/hex"
	"math"
	"path/filepath"
	"slices"
	"strings"
	"time"
)

// order is the blobs of a directory, from the one that was not used for longest to the
// one that was used last. There may be a million: each takes about 60 bytes, and its
// path none, which is made of its directory's, which many share, and of its name, which
// is a hash.
type order struct {
	dirs    []blobDir
	numbers map[blobDir]uint32 // of dirs

	// Blobs have numbers from 1 on; those that are gone are given again. Number 0 is
	// where the ring of older and newer ones begins and ends.
	chunks []*[chunkLen]entry
	last   uint32            // the highest number that was given
	free   uint32            // a number that is free, and so on by next; 0: none
	first  map[uint32]uint32 // the first blob of each hash, and so on by next
	count  int
}

// blobDir is a directory of blobs or, with whole, the path of one of which the name is no
// hash: something that is not ours.
type blobDir struct {
	path  string
	whole bool
}

// blobKey is a path in two parts. Those that are whole have no name.
type blobKey struct {
	dir  blobDir
	name [hashLen]byte
}

// entry is one blob.
type entry struct {
	name               [hashLen]byte
	size               int64 // bytes
	used               int64 // Unix time in nanoseconds
	dir                uint32
	older, newer, next uint32
}

const (
	hashLen  = 16 // bytes of blobstore.Name
	chunkLen = 512
)

func newOrder() *order {
	return &order{numbers: make(map[blobDir]uint32), first: make(map[uint32]uint32), chunks: []*[chunkLen]entry{new([chunkLen]entry)}}
}

func keyOf(path string) (k blobKey) {
	dir, name := filepath.Dir(path), filepath.Base(path)
	if !isName(name) || filepath.Join(dir, name) != path {
		return blobKey{dir: blobDir{path: path, whole: true}}
	}
	k.dir.path = dir
	_, _ = hex.Decode(k.name[:], []byte(name)) // isName has said that it can be
	return k
}

func (k blobKey) path() string {
	if k.dir.whole {
		return k.dir.path
	}
	return filepath.Join(k.dir.path, hex.EncodeToString(k.name[:]))
}

func (k blobKey) compare(other blobKey) int {
	return cmp.Or(strings.Compare(k.dir.path, other.dir.path), slices.Compare(k.name[:], other.name[:]))
}

func (o *order) entry(n uint32) *entry { return &o.chunks[n/chunkLen][n%chunkLen] }

func (o *order) key(e *entry) blobKey { return blobKey{o.dirs[e.dir], e.name} }

func hashOf(dir uint32, name [hashLen]byte) uint32 {
	const odd = 0x9e3779b1 // spreads small numbers
	return dir*odd ^ binary.LittleEndian.Uint32(name[:])
}

// find returns the number of a blob, 0 if there is none.
func (o *order) find(k blobKey) uint32 {
	dir, ok := o.numbers[k.dir]
	if !ok {
		return 0
	}
	n := o.first[hashOf(dir, k.name)]
	for n != 0 && (o.entry(n).name != k.name || o.entry(n).dir != dir) {
		n = o.entry(n).next
	}
	return n
}

// get tells what is known of a blob.
func (o *order) get(k blobKey) (blob, bool) {
	n := o.find(k)
	if n == 0 {
		return blob{}, false
	}
	return o.entry(n).blob(), true
}

func (e *entry) blob() blob { return blob{e.size, time.Unix(0, e.used)} }

// put makes a blob the one that was used last.
func (o *order) put(k blobKey, b blob) {
	n := o.find(k)
	if n == 0 {
		n = o.add(k)
	} else {
		o.unlink(n)
	}
	e := o.entry(n)
	e.size, e.used = b.size, nanoseconds(b.used)
	o.link(n)
}

// nanoseconds is a Unix time. That of a file may lie where no such number does.
func nanoseconds(t time.Time) int64 {
	switch {
	case t.Before(time.Unix(0, math.MinInt64)):
		return math.MinInt64
	case t.After(time.Unix(0, math.MaxInt64)):
		return math.MaxInt64
	}
	return t.UnixNano()
}

// add gives a number to a blob that has none.
func (o *order) add(k blobKey) uint32 {
	dir, ok := o.numbers[k.dir]
	if !ok {
		dir = uint32(len(o.dirs))
		o.dirs = append(o.dirs, k.dir)
		o.numbers[k.dir] = dir
	}
	n := o.free
	if n != 0 {
		o.free = o.entry(n).next
	} else {
		o.last++
		n = o.last
		if n/chunkLen == uint32(len(o.chunks)) {
			o.chunks = append(o.chunks, new([chunkLen]entry))
		}
	}
	h := hashOf(dir, k.name)
	*o.entry(n) = entry{name: k.name, dir: dir, next: o.first[h]}
	o.first[h] = n
	o.count++
	return n
}

// link puts a blob at the newer end of the ring.
func (o *order) link(n uint32) {
	newest := o.entry(0).older
	o.entry(n).older, o.entry(n).newer = newest, 0
	o.entry(newest).newer, o.entry(0).older = n, n
}

func (o *order) unlink(n uint32) {
	e := o.entry(n)
	o.entry(e.older).newer, o.entry(e.newer).older = e.newer, e.older
}

// remove forgets a blob, and tells what was known of it.
func (o *order) remove(k blobKey) (b blob, ok bool) {
	n := o.find(k)
	if n == 0 {
		return blob{}, false
	}
	e := o.entry(n)
	b = e.blob()
	h := hashOf(e.dir, e.name)
	if o.first[h] == n {
		if o.first[h] = e.next; e.next == 0 {
			delete(o.first, h)
		}
	} else {
		before := o.first[h]
		for o.entry(before).next != n {
			before = o.entry(before).next
		}
		o.entry(before).next = e.next
	}
	o.unlink(n)
	e.next, o.free = o.free, n
	o.count--
	return b, true
}

// oldest is the blob that was not used for longest.
func (o *order) oldest() (k blobKey, b blob, ok bool) {
	n := o.entry(0).newer
	if n == 0 {
		return blobKey{}, blob{}, false
	}
	return o.key(o.entry(n)), o.entry(n).blob(), true
}

// all calls f for each blob, the oldest first; it may change when it was used.
func (o *order) all(f func(k blobKey, e *entry)) {
	for n := o.entry(0).newer; n != 0; n = o.entry(n).newer {
		f(o.key(o.entry(n)), o.entry(n))
	}
}

// sort orders the blobs by when they were used.
func (o *order) sort() {
	numbers := make([]uint32, 0, o.count)
	for n := o.entry(0).newer; n != 0; n = o.entry(n).newer {
		numbers = append(numbers, n)
	}
	slices.SortFunc(numbers, func(a, b uint32) int {
		x, y := o.entry(a), o.entry(b)
		if x.used != y.used {
			return cmp.Compare(x.used, y.used)
		}
		return o.key(x).compare(o.key(y))
	})
	o.entry(0).older, o.entry(0).newer = 0, 0
	for _, n := range numbers {
		o.link(n)
	}
}
