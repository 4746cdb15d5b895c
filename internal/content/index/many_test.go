package index

import (
	"fmt"
	"log/slog"
	"path/filepath"
	"testing"
	"time"
)

// What is put at once is what is put one by one: known here, to another process, and after a
// restart; what says less than what is known stands back.
func TestPutAll(t *testing.T) {
	path, now := filepath.Join(t.TempDir(), "x"), time.Now
	open := func() *Index { return Open(path, slog.New(slog.DiscardHandler), now) }
	hash := fmt.Sprintf("%064x", 7)
	x := open()
	if _, err := x.Put(&Record{ID: "0", UpdatedAt: "a", Size: 5, SHA256: hash, Checked: now(), Changed: now(), Final: true}); err != nil {
		t.Fatal(err)
	}
	var all []*Record
	for i := range 500 {
		all = append(all, &Record{ID: fmt.Sprint(i), UpdatedAt: "a", Size: 5, Checked: now(), Changed: now(), Final: true})
	}
	if err := x.PutAll(all); err != nil {
		t.Fatal(err)
	}
	if err := x.PutAll(nil); err != nil {
		t.Error(err)
	}
	for _, y := range []*Index{x, open()} {
		generations := map[uint64]bool{}
		for i := range 500 {
			r := y.Get(fmt.Sprint(i))
			if r == nil || r.Size != 5 || (r.SHA256 == hash) != (i == 0) {
				t.Fatalf("%d: %+v", i, r)
			}
			generations[r.Generation] = true
		}
		if len(generations) != 500 {
			t.Errorf("%d generations", len(generations))
		}
	}
}
