//go:build linux

package integration

import (
	"testing"
	"time"

	"ccsfs/apiclient/apisim"
	"ccsfs/internal/catalog"
)

// TestNamesAreBelievedNoLongerThanListings: who comes by name only, with no directory
// opened in between, is told of what there is once the listing is older than twice its
// time to live, as whoever lists is: by stat, and by open.
func TestNamesAreBelievedNoLongerThanListings(t *testing.T) {
	begin(t)
	doc := func(name, updated string, size int64) apisim.Document {
		return apisim.Document{ID: name, Type: "bills", Filename: name, Period: "202610", UpdatedAt: updated, Content: apisim.Pseudo(uint64(size), size, name)}
	}
	const ttl = time.Second
	for _, by := range []string{"stat", "open"} {
		for _, layout := range []string{"flat", "type"} {
			t.Run(by+", "+layout, func(t *testing.T) {
				t.Parallel()
				account := &apisim.Account{Contracts: []apisim.Contract{{ID: "C", Documents: []apisim.Document{
					doc("changed.pdf", "2026-11-01T00:00:00Z", 2000), doc("gone.pdf", "2026-11-01T00:00:00Z", 2000), doc("stays.pdf", "2026-11-01T00:00:00Z", 2000),
				}}}}
				r := newRig(t, options{account: account, layout: layout, quirks: apisim.Quirks{Dates: true},
					catalog: func(c *catalog.Config) { c.TTL = ttl }})
				a := newAgent(t)
				at := func(name string) string {
					if layout == "type" {
						return r.path("C", "bills", name)
					}
					return r.path("C", name)
				}
				for _, name := range []string{"changed.pdf", "gone.pdf", "stays.pdf"} {
					if x := a.readAll(at(name)); len(x.Data) != 2000 {
						t.Fatalf("%s: %d bytes, %s", name, len(x.Data), x.Errno)
					}
				}
				if err := r.sim.ReplaceDocument("C", doc("changed.pdf", "2026-11-02T00:00:00Z", 3000)); err != nil {
					t.Fatal(err)
				}
				if err := r.sim.RemoveDocument("C", "gone.pdf"); err != nil {
					t.Fatal(err)
				}
				time.Sleep(4 * ttl)
				if by == "stat" {
					if x := a.stat(at("changed.pdf")); x.Size != 3000 || x.Errno != "" {
						t.Errorf("changed.pdf: %d bytes, %s", x.Size, x.Errno)
					}
					if x := a.stat(at("gone.pdf")); x.Errno != "ENOENT" {
						t.Errorf("gone.pdf: %d bytes, %q", x.Size, x.Errno)
					}
					if x := a.stat(at("stays.pdf")); x.Size != 2000 || x.Errno != "" {
						t.Errorf("stays.pdf: %d bytes, %s", x.Size, x.Errno)
					}
					return
				}
				if x := a.readAll(at("changed.pdf")); len(x.Data) != 3000 {
					t.Errorf("changed.pdf: %d bytes, %s", len(x.Data), x.Errno)
				}
				if x := a.readAll(at("gone.pdf")); x.Errno != "ENOENT" {
					t.Errorf("gone.pdf: %d bytes, %q", len(x.Data), x.Errno)
				}
			})
		}
	}
}
