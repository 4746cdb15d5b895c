package index

import (
	"fmt"
	"log/slog"
	"path/filepath"
	"testing"
	"time"
)

// A clock that was put back makes no version older than the one before.
func TestSeenAndClocks(t *testing.T) {
	c := newClock()
	x := Open(filepath.Join(t.TempDir(), "x"), slog.New(slog.DiscardHandler), c.now)
	put := func(updated string) time.Time {
		r, err := x.Put(&Record{ID: "a", UpdatedAt: updated, Size: 5, Checked: c.now(), Changed: c.now()})
		if err != nil {
			t.Fatal(err)
		}
		return r.Seen
	}
	one := put("2026-10-01T08:00:00Z")
	c.add(-30 * time.Second)
	r := x.shelf.record("a")
	r.Checked = c.now()
	x.shelf.set(r)
	if two := put("2026-11-01T08:00:00Z"); !two.After(one) {
		t.Errorf("%v, then %v", one, two)
	}
	c.add(365 * 24 * time.Hour)
	put("2026-11-02T08:00:00Z")
	c.add(-365 * 24 * time.Hour)
	if four := put("2026-11-03T08:00:00Z"); !four.Equal(c.now()) {
		t.Errorf("%v at %v", four, c.now())
	}
}

// Lines of before know when the content was first seen.
func TestSeenInLinesOfOld(t *testing.T) {
	line := []byte(`{"id":"a","size":5,"changed":"2026-11-02T03:04:05Z","checked":"2026-11-03T03:04:05Z"}`)
	path := filepath.Join(t.TempDir(), "x")
	write(t, path, fmt.Appendf(nil, "%08x %s\n", lineSum(line), line))
	x := Open(path, slog.New(slog.DiscardHandler), newClock().now)
	if r := x.Get("a"); r == nil || !r.FirstSeen().Equal(r.Changed) || r.Changed.IsZero() {
		t.Errorf("%+v", r)
	}
}
