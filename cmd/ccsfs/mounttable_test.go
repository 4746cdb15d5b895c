package main

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestParseMountinfo(t *testing.T) {
	const text = `22 1 8:1 / / rw,relatime shared:1 - ext4 /dev/sda1 rw
40 22 0:35 / /home/u/my\040bills ro,nosuid - fuse.ccsfs ccsfs ro,user_id=1000
41 22 0:36 / /mnt\134x rw - tmpfs none rw
not a line
`
	got, err := parseMountinfo(strings.NewReader(text))
	if err != nil {
		t.Fatal(err)
	}
	want := []mountEntry{{"/", "ext4", "/dev/sda1"}, {"/home/u/my bills", "fuse.ccsfs", "ccsfs"}, {`/mnt\x`, "tmpfs", "none"}}
	if d := cmp.Diff(want, got, cmp.AllowUnexported(mountEntry{})); d != "" {
		t.Error(d)
	}
	if !got[1].ours() || got[0].ours() || got[2].ours() {
		t.Error("ours is wrong")
	}
}

func TestParseMountOutput(t *testing.T) {
	const text = `/dev/disk1s1 on / (apfs, local, journaled)
ccsfs on /Users/u/my bills (old) (macfuse, nodev, nosuid, read-only)
map auto_home on /home (autofs)
`
	got, err := parseMountOutput(strings.NewReader(text))
	if err != nil {
		t.Fatal(err)
	}
	want := []mountEntry{{"/", "apfs", "/dev/disk1s1"}, {"/Users/u/my bills (old)", "macfuse", "ccsfs"}, {"/home", "autofs", "map auto_home"}}
	if d := cmp.Diff(want, got, cmp.AllowUnexported(mountEntry{})); d != "" {
		t.Error(d)
	}
	if !got[1].ours() {
		t.Error("ours is wrong")
	}
}

func FuzzMountinfo(f *testing.F) {
	f.Add(`40 22 0:35 / /a\040b ro - fuse.ccsfs ccsfs ro`)
	f.Add(`\`)
	f.Add(`1 2 3 4 \04 - a b`)
	f.Fuzz(func(t *testing.T, text string) {
		table, err := parseMountinfo(strings.NewReader(text))
		if err != nil {
			return
		}
		if n := strings.Count(text, "\n") + 1; len(table) > n {
			t.Errorf("%d entries from %d lines", len(table), n)
		}
		for _, m := range table {
			if len(m.point) > len(text) {
				t.Errorf("%q grew", m.point)
			}
		}
	})
}
