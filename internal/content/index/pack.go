package index

import (
	"encoding/binary"
	"iter"
	"sync/atomic"
	"time"

	"ccsfs/internal/content/blobstore"
)

// How records lie in memory: packed, as there may be a million, and most of them are
// never asked for again. Who asks gets one that was unpacked for it. What is packed is equal in
// all but pointers, and Failure, which is none of theirs; of times see clocks.

// shelf is what is known of the documents of one contract.
type shelf struct {
	table  table
	clocks clocks
	known  int // documents with a record
	// last is the record that was unpacked last, nil if it may be another one by now: an
	// open asks for the same one some times. Readers set it, under the lock that keeps
	// writers out; writers clear it.
	last atomic.Pointer[Record]
}

// What a packed record has. It begins with the sum of these.
const (
	hasRecord         = 1 << iota // else nothing is known but what readers had
	hasExposed                    // readers had bytes of another generation
	isExposed                     // readers had bytes of this generation
	isFinal                       //
	isDoubted                     //
	isVoid                        //
	hasUpholds                    //
	hasFingerprint                //
	hasTimes                      // the first of times, shifted by the number of the others
	hasTexts          = hasTimes << times
	times, otherTexts = 5, 7 // Identity is the first of the latter
)

// timesOf are those of r, each likely to be near the one before it.
func timesOf(r *Record) [times]*time.Time {
	return [...]*time.Time{&r.Checked, &r.Changed, &r.Seen, &r.Listed, &r.Retry}
}

// textsOf are those of r that are texts, but for its id and Identity.
func textsOf(r *Record) [otherTexts - 1]*string {
	return [...]*string{&r.SHA256, &r.UpdatedAt, &r.ETag, &r.LastModified, &r.Note, &r.By}
}

// key is the one of a document in the table.
func key(b []byte, id string) []byte { return appendText(b, id) }

// of returns what is known of a document, nil if that is nothing, and the generation that
// readers last had bytes of, 0 if they had none.
func (s *shelf) of(id string) (r *Record, exposed uint64) {
	var space [64]byte
	b, ok := s.table.get(key(space[:0], id))
	if !ok {
		return nil, 0
	}
	return s.unpack(id, b)
}

// record is of without what readers had.
func (s *shelf) record(id string) *Record {
	if r := s.last.Load(); r != nil && r.ID == id {
		return r
	}
	r, _ := s.of(id)
	if r != nil {
		s.last.Store(r)
	}
	return r
}

// set makes r the record of its document. What readers had stays.
func (s *shelf) set(r *Record) {
	s.last.Store(nil)
	var space [64]byte
	k := key(space[:0], r.ID)
	var exposed uint64
	b, ok := s.table.get(k)
	if ok {
		exposed = exposedIn(b)
	}
	if !ok || b[0]&hasRecord == 0 {
		s.known++
	}
	var value [256]byte
	s.table.set(k, s.pack(value[:0], r, exposed))
}

// replace is set, unless another record than old is known.
func (s *shelf) replace(old, r *Record) {
	var space [64]byte
	var before, after [256]byte
	k := key(space[:0], old.ID)
	b, ok := s.table.get(k)
	if !ok || r.ID != old.ID {
		return
	}
	exposed := exposedIn(b)
	if string(b) == string(s.pack(before[:0], old, exposed)) {
		s.last.Store(nil)
		s.table.set(k, s.pack(after[:0], r, exposed))
	}
}

// expose notes that readers have bytes of a generation.
func (s *shelf) expose(id string, generation uint64) {
	var space [64]byte
	var value [256]byte
	r, was := s.of(id)
	if was != generation {
		s.table.set(key(space[:0], id), s.pack(value[:0], r, generation))
	}
}

// all are the records of all documents, in no order.
func (s *shelf) all() iter.Seq[*Record] {
	return func(yield func(*Record) bool) {
		for b := range s.table.entries() {
			id, b := cutText(b, nil)
			if r, _ := s.unpack(string(id), b); r != nil && !yield(r) {
				return
			}
		}
	}
}

// settle makes the times of r what they are when they come back.
func (s *shelf) settle(r *Record) {
	for _, t := range timesOf(r) {
		*t = s.clocks.settled(*t)
	}
}

// pack adds what is known, nil if nothing is, and the generation that readers had.
func (s *shelf) pack(b []byte, r *Record, exposed uint64) []byte {
	if r == nil {
		return binary.AppendUvarint(append(b, hasExposed), exposed)
	}
	b = binary.AppendUvarint(b, flagsOf(r, exposed))
	if exposed != 0 && exposed != r.Generation {
		b = binary.AppendUvarint(b, exposed)
	}
	b = binary.AppendUvarint(b, r.Generation)
	b = binary.AppendVarint(b, r.Size)
	if r.Upholds != 0 {
		b = binary.AppendUvarint(b, r.Upholds)
	}
	if r.Fingerprint != 0 {
		b = binary.LittleEndian.AppendUint64(b, r.Fingerprint)
	}
	var before time.Time
	for _, t := range timesOf(r) {
		if *t != (time.Time{}) {
			b = s.clocks.append(b, *t, before)
			before = *t
		}
	}
	if r.Identity != "" {
		b = appendText(b, string(r.Identity))
	}
	for _, text := range textsOf(r) {
		if *text != "" {
			b = appendText(b, *text)
		}
	}
	return b
}

func flagsOf(r *Record, exposed uint64) uint64 {
	flags := uint64(hasRecord)
	add := func(is bool, flag uint64) {
		if is {
			flags |= flag
		}
	}
	add(exposed != 0 && exposed != r.Generation, hasExposed)
	add(exposed != 0 && exposed == r.Generation, isExposed)
	add(r.Final, isFinal)
	add(r.Doubted, isDoubted)
	add(r.Void, isVoid)
	add(r.Upholds != 0, hasUpholds)
	add(r.Fingerprint != 0, hasFingerprint)
	for i, t := range timesOf(r) {
		add(*t != (time.Time{}), hasTimes<<i)
	}
	add(r.Identity != "", hasTexts)
	for i, text := range textsOf(r) {
		add(*text != "", hasTexts<<(1+i))
	}
	return flags
}

// unpack is what pack was given of a document.
func (s *shelf) unpack(id string, b []byte) (r *Record, exposed uint64) {
	flags, b := cutUvarint(b)
	if flags&hasExposed != 0 {
		exposed, b = cutUvarint(b)
	}
	if flags&hasRecord == 0 {
		return nil, exposed
	}
	r = &Record{ID: id, Final: flags&isFinal != 0, Doubted: flags&isDoubted != 0, Void: flags&isVoid != 0}
	r.Generation, b = cutUvarint(b)
	if flags&isExposed != 0 {
		exposed = r.Generation
	}
	size, n := binary.Varint(b)
	r.Size, b = size, b[n:]
	if flags&hasUpholds != 0 {
		r.Upholds, b = cutUvarint(b)
	}
	if flags&hasFingerprint != 0 {
		r.Fingerprint, b = binary.LittleEndian.Uint64(b), b[8:]
	}
	var before time.Time
	for i, t := range timesOf(r) {
		if flags&(hasTimes<<i) != 0 {
			*t, b = s.clocks.cut(b, before)
			before = *t
		}
	}
	unpackTexts(r, b, flags)
	return r, exposed
}

// unpackTexts sets the texts of r, which share one allocation.
func unpackTexts(r *Record, b []byte, flags uint64) {
	var space [320]byte
	var ends [otherTexts]int
	long := space[:0]
	for i := range ends {
		if flags&(hasTexts<<i) != 0 {
			long, b = cutText(b, long)
		}
		ends[i] = len(long)
	}
	all := string(long)
	r.Identity = blobstore.Identity(all[:ends[0]])
	for i, text := range textsOf(r) {
		*text = all[ends[i]:ends[i+1]]
	}
}

// exposedIn is the generation that readers had bytes of, in a packed record.
func exposedIn(b []byte) uint64 {
	flags, b := cutUvarint(b)
	if flags&(hasExposed|isExposed) == 0 {
		return 0
	}
	exposed, _ := cutUvarint(b) // either stands first
	return exposed
}

func cutUvarint(b []byte) (v uint64, rest []byte) {
	v, n := binary.Uvarint(b)
	return v, b[n:]
}
