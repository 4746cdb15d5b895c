package index

import (
	"fmt"
	"log/slog"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"
)

// Whatever processes write, read back, void and compact, in whatever order:
// one generation is never of two contents, what is known of one content never
// gets another generation by being read back, and no hash is forgotten for a size.
func TestGenerationsNeverLie(t *testing.T) {
	dir, n := t.TempDir(), 0
	rapid.Check(t, func(t *rapid.T) {
		c := newClock()
		n++
		path := filepath.Join(dir, fmt.Sprint(n))
		open := func() *Index { return Open(path, slog.New(slog.DiscardHandler), c.now) }
		procs := []*Index{open(), open()}
		type fact struct {
			size int64
			sum  string
		}
		was := []map[uint64]fact{{}, {}}
		for range rapid.IntRange(1, 30).Draw(t, "steps") {
			p := rapid.IntRange(0, 1).Draw(t, "process")
			x := procs[p]
			old := x.shelf.record("d")
			r := &Record{ID: "d", Size: rapid.Int64Range(1, 2).Draw(t, "size"), Checked: c.now(), Changed: c.now(),
				UpdatedAt: rapid.SampledFrom([]string{"", "2026-10-01T00:00:00Z", "2026-11-01T00:00:00Z"}).Draw(t, "updated")}
			if rapid.Bool().Draw(t, "hash") {
				r.SHA256 = strings.Repeat(rapid.SampledFrom([]string{"a", "b"}).Draw(t, "content"), 64)
			}
			switch what := rapid.SampledFrom([]string{"put", "know", "refresh", "void", "reopen", "time", "compact"}).Draw(t, "what"); what {
			case "put":
				if _, err := x.Put(r); err != nil {
					t.Fatal(err)
				}
			case "know":
				r.SHA256 = ""
				x.Know(r)
			case "refresh":
				x.Refresh()
				if now := x.shelf.record("d"); old != nil && !old.Void && now.Generation == old.Generation && old.SHA256 != "" && now.SHA256 == "" {
					t.Fatal("a hash was displaced by a size")
				}
			case "void":
				x.Void("d")
				if old := x.shelf.record("d"); old != nil && !old.Void {
					t.Fatal("not void")
				}
			case "reopen":
				procs[p], was[p] = open(), map[uint64]fact{}
			case "compact":
				open().compact()
			case "time":
				c.add(time.Duration(rapid.Int64Range(1, 5).Draw(t, "seconds")) * time.Second)
			}
			now := procs[p].shelf.record("d")
			if now == nil || now.Void {
				continue
			}
			f := was[p][now.Generation]
			if f.size != 0 && (f.size != now.Size || f.sum != "" && now.SHA256 != "" && f.sum != now.SHA256) {
				t.Fatalf("generation %d was %v and is %d %s", now.Generation, f, now.Size, now.SHA256)
			}
			if now.SHA256 == "" {
				now = &Record{Size: now.Size, SHA256: f.sum, Generation: now.Generation}
			}
			was[p][now.Generation] = fact{now.Size, now.SHA256}
		}
		// Nothing happens any more: nothing changes any more.
		for _, x := range procs {
			x.Refresh()
			before := fmt.Sprint(x.shelf.record("d"))
			x.Refresh()
			if after := fmt.Sprint(x.shelf.record("d")); after != before {
				t.Fatalf("%s became %s", before, after)
			}
		}
	})
}
