package index

import (
	"fmt"
	"log/slog"
	"maps"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"time"
	"unsafe"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"ccsfs/internal/content/blobstore"
)

// oddText gives texts that look like hashes, times and validators, and some that nearly do.
func oddText() *rapid.Generator[string] {
	return rapid.OneOf(
		rapid.String(),
		rapid.StringMatching(`"?[0-9a-f]{0,80}"?`),
		rapid.StringMatching(`W/"[0-9A-Fa-f-]{0,40}"`),
		rapid.StringMatching(`[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-fA-F]{4}-[0-9a-f]{4}-[0-9a-f]{12}`),
		rapid.StringMatching(`[012][0-9]{3}-[01][0-9]-[0-3][0-9][Tt][0-2][0-9]:[0-5][0-9]:[0-6][0-9](Z|z|\+00:00|\.0Z)`),
		rapid.StringMatching(`(Mon|Tue|mon), [0-3][0-9] (Jan|Feb|feb) [0-9]{4} [0-2][0-9]:[0-5][0-9]:[0-6][0-9] (GMT|UTC)`),
		rapid.Map(oddTime(), func(t time.Time) string { return t.UTC().Format(httpTime) }),
		rapid.Map(oddTime(), func(t time.Time) string { return t.Format(time.RFC3339Nano) }),
		rapid.Map(rapid.IntRange(0, 10_000), func(n int) string { return strings.Repeat("\"\xff", n) }),
	)
}

// oddTime gives times of clocks, of files, of nobody, in and out of all bounds.
func oddTime() *rapid.Generator[time.Time] {
	now := time.Now()
	return rapid.Custom(func(t *rapid.T) time.Time {
		at := rapid.OneOf(
			rapid.Just(time.Time{}), rapid.Just(now), rapid.Just(now.Round(0)), rapid.Just(time.Unix(0, 0)),
			rapid.Map(rapid.Int64Range(-1e9, 1e9), func(ns int64) time.Time { return now.Add(time.Duration(ns)) }),
			rapid.Map(rapid.Int64(), func(ns int64) time.Time { return now.Add(time.Duration(ns)) }),
			rapid.Map(rapid.Int64Range(-1<<40, 1<<40), func(s int64) time.Time { return time.Unix(s, 999_999_999) }),
		).Draw(t, "time")
		switch rapid.IntRange(0, 3).Draw(t, "zone") {
		case 0:
			return at.UTC()
		case 1:
			return at.Local()
		case 2:
			return at.In(time.FixedZone("X", rapid.IntRange(-50_000, 50_000).Draw(t, "offset")))
		}
		return at
	})
}

func oddRecord() *rapid.Generator[*Record] {
	return rapid.Custom(func(t *rapid.T) *Record {
		r := &Record{
			ID: oddText().Draw(t, "id"), Size: rapid.Int64().Draw(t, "size"), Fingerprint: rapid.Uint64().Draw(t, "print"),
			Final: rapid.Bool().Draw(t, "final"), Doubted: rapid.Bool().Draw(t, "doubted"), Void: rapid.Bool().Draw(t, "void"),
			Generation: rapid.Uint64().Draw(t, "generation"), Upholds: rapid.Uint64().Draw(t, "upholds"),
			Identity: blobstore.Identity(oddText().Draw(t, "identity")),
		}
		for i, text := range textsOf(r) {
			*text = oddText().Draw(t, fmt.Sprint("text ", i))
		}
		for i, at := range timesOf(r) {
			*at = oddTime().Draw(t, fmt.Sprint("time ", i))
		}
		return r
	})
}

// sameTimes holds times for equal that are of the same moment and zone, and that say the same
// of other times.
func sameTimes() cmp.Option {
	return cmp.Comparer(func(a, b time.Time) bool {
		_, za := a.Zone()
		_, zb := b.Zone()
		return a.Equal(b) && a.Round(0).Equal(b.Round(0)) && za == zb && (a == a.Round(0)) == (b == b.Round(0))
	})
}

// What is packed comes back as it was, whatever it is: once settled, in every respect;
// before, but for what its monotonic clock says below sameStretch.
func TestPackedRecordsComeBack(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		s := shelf{table: newTable()}
		r, exposed := oddRecord().Draw(t, "record"), rapid.Uint64().Draw(t, "exposed")
		was := *r
		s.settle(r)
		for i, at := range timesOf(r) {
			before := *timesOf(&was)[i]
			if !at.Round(0).Equal(before.Round(0)) || at.Sub(before).Abs() > sameStretch {
				t.Fatalf("%v is settled as %v", before, *at)
			}
		}
		got, has := s.unpack(r.ID, s.pack(nil, r, exposed))
		if diff := cmp.Diff(r, got, sameTimes()); diff != "" || has != exposed {
			t.Fatalf("exposed %d as %d, %s", exposed, has, diff)
		}
		if string(s.pack(nil, got, has)) != string(s.pack(nil, &was, exposed)) {
			t.Fatal("it is packed otherwise the next time")
		}
	})
}

// A clock on the wall that is put back or forth changes no order of the times that this
// process has taken.
func TestPackedTimesAndASteppedClock(t *testing.T) {
	var c clocks
	taken := time.Now()
	all := []time.Time{taken, taken.Add(time.Second), taken.Add(-time.Hour)}
	for i, by := range []time.Duration{30 * time.Second, 30 * time.Second, -time.Hour} {
		all = append(all, afterAStep(taken.Add(time.Duration(i)), by))
	}
	back := make([]time.Time, len(all))
	for i, in := range all {
		var rest []byte
		back[i], rest = c.cut(c.append(nil, in, taken), taken)
		if len(rest) != 0 || back[i] != in {
			t.Errorf("%v became %v", in, back[i])
		}
		for j := range i {
			if back[i].Compare(back[j]) != in.Compare(all[j]) {
				t.Errorf("%v and %v change places", in, all[j])
			}
		}
	}
	if len(c.bases) != 3 {
		t.Errorf("%d stretches", len(c.bases))
	}
}

// afterAStep is t on a wall clock that was put forth by a step, as time.Now gives it: its
// monotonic reading (the second word of a Time) stays behind.
func afterAStep(t time.Time, by time.Duration) time.Time {
	(*[2]int64)(unsafe.Pointer(&t))[1] -= int64(by)
	return t
}

// The shelf knows what a map knows, whatever is replaced, exposed or grows.
func TestShelfIsAMap(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		s := shelf{table: newTable()}
		known, exposed := map[string]*Record{}, map[string]uint64{}
		id := rapid.OneOf(rapid.Map(rapid.IntRange(0, 30), func(i int) string { return fmt.Sprint(i) }), oddText())
		for range rapid.IntRange(1, 200).Draw(t, "steps") {
			id := id.Draw(t, "which")
			switch rapid.IntRange(0, 3).Draw(t, "what") {
			case 0:
				exposed[id] = rapid.Uint64Range(0, 3).Draw(t, "generation")
				s.expose(id, exposed[id])
			case 1:
				if old := s.record(id); old != nil {
					next := *old
					next.Note = oddText().Draw(t, "note")
					s.replace(old, &next)
					known[id] = &next
					stale := next
					stale.Size++
					s.replace(&stale, old)
				}
			default:
				r := oddRecord().Draw(t, "record")
				r.ID, r.Generation = id, rapid.Uint64Range(0, 3).Draw(t, "generation")
				s.settle(r)
				s.set(r)
				known[id] = r
			}
		}
		if s.known != len(known) {
			t.Fatalf("%d known, not %d", s.known, len(known))
		}
		all := map[string]*Record{}
		for r := range s.all() {
			all[r.ID] = r
		}
		if diff := cmp.Diff(known, all, sameTimes()); diff != "" {
			t.Fatal(diff)
		}
		for id, g := range exposed {
			if r, has := s.of(id); has != g || (r == nil) != (known[id] == nil) {
				t.Fatalf("%q: %v, exposed %d, not %d", id, r, has, g)
			}
		}
		for id := range maps.Keys(known) {
			if _, has := s.of(id); has != exposed[id] {
				t.Fatalf("%q: exposed %d, not %d", id, has, exposed[id])
			}
		}
	})
}

// Keys whose hashes are the same number are told apart.
func TestTableWithEqualHashes(t *testing.T) {
	tab := newTable()
	tab.set(appendText(nil, "other"), []byte("its"))
	_, other, _, _ := tab.find(appendText(nil, "other"))
	number, _, _, _ := tab.find(appendText(nil, "new"))
	for i := range uint32(50) { // as if fifty others had the number, and the next ones for it
		tab.at[number+i] = other
	}
	for _, value := range []string{"mine", strings.Repeat("mine", 100)} {
		tab.set(appendText(nil, "new"), []byte(value))
		if v, ok := tab.get(appendText(nil, "new")); !ok || string(v) != value {
			t.Errorf("%q, %v", v, ok)
		}
	}
	if v, ok := tab.get(appendText(nil, "other")); !ok || string(v) != "its" {
		t.Errorf("the other one: %q, %v", v, ok)
	}
}

// typicalRecord is the i-th one of a contract, as a mount has it after a read.
func typicalRecord(i int, now time.Time) *Record {
	return &Record{
		ID: fmt.Sprintf("%08x-7d1c-4a3b-9c5e-%012x", i*2654435761, i), UpdatedAt: "2026-11-01T08:00:00Z", Fingerprint: uint64(i) * 0x9e3779b97f4a7c15,
		Listed: now.Add(-time.Minute).Round(0), Size: 2048 + int64(i%100), SHA256: fmt.Sprintf("%064x", i),
		ETag: fmt.Sprintf(`"%032x"`, i), LastModified: "Sun, 01 Nov 2026 08:00:00 GMT",
		Changed: now.Add(time.Duration(i) * 100), Checked: now.Add(time.Duration(i) * 90), Final: true,
		Identity: blobstore.Identity(fmt.Sprintf("%018d", i)),
	}
}

// What is known of a document takes little memory, of a million about 200 MB: bytes a
// document, after all that a mount does with it.
func TestMemoryOfAnIndex(t *testing.T) {
	const documents, most = 50_000, 240
	now := time.Now()
	before := heap()
	x := Open(filepath.Join(t.TempDir(), "x"), slog.New(slog.DiscardHandler), time.Now)
	for i := range documents {
		r := typicalRecord(i, now)
		sized := *r
		sized.SHA256, sized.Identity = "", ""
		x.Know(&sized)
		x.mu.Lock()
		r, _ = x.place(r)
		x.mu.Unlock()
		x.Expose(r.ID, r.Generation)
	}
	got := (heap() - before) / documents
	t.Logf("%d bytes a document", got)
	if got > most {
		t.Errorf("%d bytes a document, not %d", got, most)
	}
	if n := len(x.All()); n != documents {
		t.Error(n)
	}
}

// heap is the number of bytes that are in use.
func heap() int {
	var m runtime.MemStats
	runtime.GC()
	runtime.GC()
	runtime.ReadMemStats(&m)
	return int(m.HeapAlloc)
}

func BenchmarkGet(b *testing.B) {
	x := Open(filepath.Join(b.TempDir(), "x"), slog.New(slog.DiscardHandler), time.Now)
	now := time.Now()
	ids := make([]string, 20_000)
	for i := range ids {
		r := x.Know(typicalRecord(i, now))
		ids[i] = r.ID
	}
	b.ReportAllocs()
	for i := 0; b.Loop(); i++ {
		if x.Get(ids[i%len(ids)]) == nil {
			b.Fatal("gone")
		}
	}
}

func BenchmarkKnow(b *testing.B) {
	x := Open(filepath.Join(b.TempDir(), "x"), slog.New(slog.DiscardHandler), time.Now)
	now := time.Now()
	b.ReportAllocs()
	for i := 0; b.Loop(); i++ {
		x.Know(typicalRecord(i%20_000, now))
	}
}
