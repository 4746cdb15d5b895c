package view

import (
	"log/slog"
	"path/filepath"
	"testing"
	"time"

	"ccsfs/internal/billing"
	"ccsfs/internal/catalog"
)

// Several servers on one cache, who see different contracts or types, keep what each has seen.
func TestSightingsOfSeveral(t *testing.T) {
	path := filepath.Join(t.TempDir(), "sightings.json")
	open := func() *sightings { return openSightings(path, nil, slog.New(slog.DiscardHandler)) }
	at := time.Date(2026, 11, 20, 9, 30, 0, 0, time.UTC)
	see := func(s *sightings, after time.Duration, contract string, ids ...string) func(string) time.Time {
		l := &catalog.Listing{ContractID: contract}
		for _, id := range ids {
			l.Documents = append(l.Documents, billing.Document{ContractID: contract, ID: id})
		}
		return s.see(l, at.Add(after))
	}
	first, second := open(), open()
	see(first, 0, "OCB1", "a", "b")
	see(second, 0, "OCB2", "x")
	see(first, time.Hour, "OCB1", "a", "b", "late")
	see(second, 2*time.Hour, "OCB1", "a", "late") // it was there when this one came
	see(second, 3*time.Hour, "OCB2", "x", "y")
	see(first, 4*time.Hour, "OCB1", "a", "b", "late", "both")
	see(second, 5*time.Hour, "OCB1", "a", "late", "both") // until then it showed the listing before
	first.close()
	second.close()
	third := open()
	one, two := see(third, 6*time.Hour, "OCB1", "a", "b", "late", "both"), see(third, 6*time.Hour, "OCB2", "x", "y")
	for _, tt := range []struct {
		of   func(string) time.Time
		id   string
		want time.Time
	}{{one, "a", time.Time{}}, {one, "b", time.Time{}}, {one, "late", at.Add(time.Hour)}, {one, "both", at.Add(5 * time.Hour)}, {two, "x", time.Time{}}, {two, "y", at.Add(3 * time.Hour)}} {
		if got := tt.of(tt.id); !got.Equal(tt.want) {
			t.Errorf("%s was first listed at %v, not %v", tt.id, got, tt.want)
		}
	}
	third.close()
}

// Types that are shown where they were not before have not come since; and nothing is new for
// years where a clock was wrong.
func TestSightingsOfOtherTypes(t *testing.T) {
	path := filepath.Join(t.TempDir(), "sightings.json")
	at := time.Date(2026, 11, 20, 9, 30, 0, 0, time.UTC)
	look := func(now time.Time, types []string, ids ...string) (first func(string) time.Time) {
		s := openSightings(path, types, slog.New(slog.DiscardHandler))
		defer s.close()
		l := &catalog.Listing{ContractID: "OCB1"}
		for _, id := range ids {
			typ := map[byte]string{'i': "invoices", 'b': "bills", 'r': "reports"}[id[0]]
			l.Documents = append(l.Documents, billing.Document{ContractID: "OCB1", ID: id, Type: typ})
		}
		return s.see(l, now)
	}
	look(at, []string{"invoices", "reports"}, "i1") // no report yet
	first := look(at.Add(time.Hour), nil, "i1", "i2", "b1", "r1")
	for id, want := range map[string]time.Time{"i1": {}, "i2": at.Add(time.Hour), "b1": {}, "r1": at.Add(time.Hour)} {
		if got := first(id); !got.Equal(want) {
			t.Errorf("%s was first listed at %v, not %v", id, got, want)
		}
	}
	wrong := at.AddDate(5, 0, 0)
	look(wrong, nil, "i1", "i2", "i3", "b1", "b2", "r1")
	if got := look(at.Add(2*time.Hour), nil, "i1", "i2", "i3", "b1", "b2", "r1")("b2"); !got.Equal(at.Add(2 * time.Hour)) {
		t.Errorf("by a clock that was wrong it is first listed at %v", got)
	}
	if got := look(at.Add(3*time.Hour), nil, "i1", "i2", "i3", "b1", "b2", "r1")("b2"); !got.Equal(at.Add(2 * time.Hour)) {
		t.Errorf("and later at %v", got)
	}
	if got := look(at.Add(3*time.Hour), []string{"bills"}, "b1", "b2", "b3")("b3"); !got.Equal(at.Add(3 * time.Hour)) {
		t.Errorf("of fewer types again: %v", got)
	}
}
