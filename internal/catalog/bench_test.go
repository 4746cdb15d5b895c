package catalog

import (
	"encoding/json"
	"fmt"
	"runtime"
	"testing"
	"time"

	"ccsfs/apiclient"
	"ccsfs/internal/billing"
	"ccsfs/internal/catalog/layout"
)

// realistic makes the documents of a contract, with all the fields that the
// API may give.
func realistic(n int) []billing.Document {
	docs := make([]billing.Document, n)
	for i := range docs {
		p := fmt.Sprintf("%d%02d", 2020+i/168%7, 1+i/14%12)
		docs[i] = billing.Document{
			ID: fmt.Sprintf("DOC%09d", i*7919%1000003), Type: billing.Types()[i%6], Period: p,
			Filename:  fmt.Sprintf("%s_OCB0001234_%s_%04d.pdf", billing.Types()[i%6], p, i),
			CreatedAt: fmt.Sprintf("%s-%s-%02dT08:%02d:%02dZ", p[:4], p[4:], 1+i%28, i%60, i/60%60),
			Amount:    fmt.Sprintf("%d.%02d", i, i%100), Currency: "EUR",
		}
		docs[i].UpdatedAt = docs[i].CreatedAt
	}
	return docs
}

func layoutNamed(t testing.TB, s string) *layout.Layout {
	t.Helper()
	l, err := layout.Parse(s)
	if err != nil {
		t.Fatal(err)
	}
	return l
}

// TestMemory bounds what a document costs, all in: a thousand contracts of a
// thousand documents must fit well under 500 MB.
func TestMemory(t *testing.T) {
	const contracts, documents = 50, 1000
	for _, template := range []string{"flat", "period"} {
		l := layoutNamed(t, template)
		kept := make([]*Listing, 0, contracts)
		before := heap()
		for i := range contracts {
			kept = append(kept, newListing(fmt.Sprintf("OCB%07d", i), time.Unix(1, 0), realistic(documents), l, nil))
		}
		each := float64(heap()-before) / (contracts * documents)
		t.Logf("layout %s: %.0f bytes a document", template, each)
		if each > 300 {
			t.Errorf("layout %s: %.0f bytes a document, want at most 300", template, each)
		}
		runtime.KeepAlive(kept)
	}
}

func heap() uint64 {
	runtime.GC()
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return m.HeapAlloc
}

func BenchmarkNewListing(b *testing.B) {
	for _, template := range []string{"flat", "type", "period"} {
		b.Run(template, func(b *testing.B) {
			docs, l := realistic(1000), layoutNamed(b, template)
			b.ReportAllocs()
			for b.Loop() {
				newListing("OCB0001234", time.Unix(1, 0), docs, l, nil)
			}
		})
	}
}

// BenchmarkNewListingCollisions is the worst ordinary case: all the same name.
func BenchmarkNewListingCollisions(b *testing.B) {
	docs, l := realistic(1000), layoutNamed(b, "flat")
	for i := range docs {
		docs[i].Filename = "invoice.pdf"
	}
	b.ReportAllocs()
	for b.Loop() {
		newListing("OCB0001234", time.Unix(1, 0), docs, l, nil)
	}
}

func BenchmarkLoadSaved(b *testing.B) {
	dir, api := b.TempDir(), newFake("C1")
	for _, d := range realistic(1000) {
		api.docs["C1"] = append(api.docs["C1"], apiclient.Document{
			ID: d.ID, Filename: d.Filename, Period: d.Period, CreatedAt: d.CreatedAt, UpdatedAt: d.UpdatedAt,
			Amount: d.Amount, Currency: d.Currency, Type: d.Type,
		})
	}
	c := open(b, Config{Dir: dir}, api)
	mustList(b, c, "C1")
	c.Close()
	b.ReportAllocs()
	for b.Loop() {
		if l, _ := c.disk.listing("C1", nil, c.cfg.Layout); l == nil || len(l.Documents) != 1000 {
			b.Fatal(l)
		}
	}
}

func BenchmarkListingJSON(b *testing.B) {
	l := newListing("OCB0001234", time.Unix(1, 0), realistic(1000), layoutNamed(b, "period"), nil)
	b.ReportAllocs()
	for b.Loop() {
		if text := l.JSON(); !json.Valid(text[:2]) && len(text) == 0 {
			b.Fatal("empty")
		}
	}
}

// BenchmarkKnown is what every lookup of the file system costs.
func BenchmarkKnown(b *testing.B) {
	api := newFake("C1")
	c := open(b, Config{}, api)
	mustList(b, c, "C1")
	b.ReportAllocs()
	for b.Loop() {
		if l, err := c.Known("C1"); err != nil || l == nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkLookup(b *testing.B) {
	l := newListing("C", time.Unix(1, 0), realistic(1000), layoutNamed(b, "flat"), nil)
	name := l.Documents[500].Filename
	b.ReportAllocs()
	for b.Loop() {
		if _, ok := l.Tree.Lookup(name); !ok {
			b.Fatal(name)
		}
	}
}
