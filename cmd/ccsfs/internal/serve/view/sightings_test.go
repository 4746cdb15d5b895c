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
	open := func() *sightings { return openSightings(path, slog.New(slog.DiscardHandler)) }
	at := time.Date(2026, 11, 20, 9, 30, 0, 0, time.UTC)
	see := func(s *sightings, after time.Duration, contract string, ids ...string) func(string) time.Time {
		l := &catalog.Listing{ContractID: contract, FetchedAt: at.Add(after)}
		for _, id := range ids {
			l.Documents = append(l.Documents, billing.Document{ContractID: contract, ID: id})
		}
		return s.see(l, l.FetchedAt)
	}
	first, second := open(), open()
	see(first, 0, "OCB1", "a", "b")
	see(second, 0, "OCB2", "x")
	see(first, time.Hour, "OCB1", "a", "b", "late")
	see(second, 2*time.Hour, "OCB1", "a", "late") // it was there when this one came
	see(second, 3*time.Hour, "OCB2", "x", "y")
	first.close()
	second.close()
	third := open()
	one, two := see(third, 4*time.Hour, "OCB1", "a", "b", "late"), see(third, 4*time.Hour, "OCB2", "x", "y")
	for _, tt := range []struct {
		of   func(string) time.Time
		id   string
		want time.Time
	}{{one, "a", time.Time{}}, {one, "b", time.Time{}}, {one, "late", at.Add(time.Hour)}, {two, "x", time.Time{}}, {two, "y", at.Add(3 * time.Hour)}} {
		if got := tt.of(tt.id); !got.Equal(tt.want) {
			t.Errorf("%s was first listed at %v, not %v", tt.id, got, tt.want)
		}
	}
	third.close()
}
