//go:build linux

package integration

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"ccsfs/apiclient/apisim"
)

// backups makes incremental ones, by ctime, of a mount.
type backups struct {
	*rig
	dir string
	n   int
}

// next is the files that a backup by each program has, apart from directories.
func (b *backups) next() (tar, find []string) {
	b.t.Helper()
	b.n++
	// What a backup is the first to see counts as seen after it began, and is in
	// the next one, too.
	b.must("ls", "-lRa", b.rig.dir)
	time.Sleep(50 * time.Millisecond) // the clock of file times has a tick
	archive := filepath.Join(b.dir, "a.tar")
	b.must("tar", "--no-check-device", "--listed-incremental="+filepath.Join(b.dir, "snapshot"), "-cf", archive, "-C", b.rig.dir, ".")
	for name := range strings.Lines(b.must("tar", "-tf", archive)) {
		if name = strings.TrimSpace(name); !strings.HasSuffix(name, "/") {
			tar = append(tar, filepath.Base(name))
		}
	}
	stamp, next := filepath.Join(b.dir, "stamp"), filepath.Join(b.dir, "next")
	if err := os.WriteFile(next, nil, 0o600); err != nil {
		b.t.Fatal(err)
	}
	argv := []string{"find", b.rig.dir, "-type", "f"}
	if b.n > 1 {
		argv = append(argv, "-cnewer", stamp)
	}
	for name := range strings.Lines(b.must(append(argv, "-printf", "%f\n")...)) {
		find = append(find, strings.TrimSpace(name))
	}
	if err := os.Rename(next, stamp); err != nil {
		b.t.Fatal(err)
	}
	slices.Sort(tar)
	slices.Sort(find)
	time.Sleep(50 * time.Millisecond)
	return tar, find
}

// want makes the next backup, which must have these files.
func (b *backups) want(when string, names ...string) {
	b.t.Helper()
	tar, find := b.next()
	for by, got := range map[string][]string{"tar": tar, "find": find} {
		if diff := cmp.Diff(names, got); diff != "" {
			b.t.Errorf("%s, by %s (-want +got):\n%s", when, by, diff)
		}
	}
}

// TestBackupsByChangeTime: ctime was the updatedAt, so that an incremental backup
// never had what had changed while the listing was still a cached one.
func TestBackupsByChangeTime(t *testing.T) {
	begin(t)
	doc := func(id, updated string) apisim.Document {
		return apisim.Document{ID: id, Type: "bills", Filename: id, Period: "202401", UpdatedAt: updated, Content: apisim.Bytes([]byte("content;" + id))}
	}
	const old = "2026-01-02T03:04:05Z"
	r := newRig(t, options{quirks: apisim.Quirks{Dates: true}, account: &apisim.Account{Contracts: []apisim.Contract{
		{ID: "C", CreatedAt: old, Documents: []apisim.Document{doc("one.csv", old), doc("two.csv", old), doc("three.csv", old)}},
	}}})
	b := &backups{rig: r, dir: t.TempDir()}
	b.want("first", ".contract.json", ".documents.json", "one.csv", "three.csv", "two.csv")
	b.want("nothing changed")

	changed := doc("one.csv", time.Now().UTC().Format(time.RFC3339))
	changed.Content = apisim.Bytes([]byte("other;content"))
	if err := r.sim.ReplaceDocument("C", changed); err != nil {
		t.Fatal(err)
	}
	b.want("the listing is still cached")
	r.refresh()
	b.want("a change that happened while the listing was cached", ".documents.json", "one.csv")

	if err := r.sim.Bump("C", "two.csv", "2026-01-03T03:04:05Z"); err != nil {
		t.Fatal(err)
	}
	r.refresh()
	b.want("a change of metadata only", ".documents.json", "two.csv")
	b.want("nothing changed again")

	r.remount()
	b.want("after a remount")
	r.loseBlobs()
	r.remount()
	r.must("cat", r.path("C", "one.csv"))
	b.want("after the blobs were evicted")

	if err := r.sim.AddDocument("C", doc("four.csv", old)); err != nil {
		t.Fatal(err)
	}
	r.refresh()
	b.want("a new document with an old date", ".documents.json", "four.csv")
	r.remount()
	b.want("after another remount")
}
