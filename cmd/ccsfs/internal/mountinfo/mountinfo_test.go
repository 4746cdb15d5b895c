package mountinfo

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"ccsfs/internal/osfile/osfiletest"
)

func TestParseMountinfo(t *testing.T) {
	const text = `22 1 8:1 / / rw,relatime shared:1 - ext4 /dev/sda1 rw
40 22 0:35 / /home/u/my\040bills ro,nosuid - fuse.ccsfs ccsfs ro,user_id=1000
41 22 0:36 / /mnt\134x rw - tmpfs none rw
42 22 0:37 / /odd rw - fuse x rw,user_id=,user_id=me,user_id=-1
43 22 0:38 / /a rw - ext4 /b rw,user_id=7
not a line
`
	got, err := parseMountinfo(strings.NewReader(text))
	if err != nil {
		t.Fatal(err)
	}
	want := []Entry{
		{Point: "/", FsType: "ext4", Source: "/dev/sda1"}, {Point: "/home/u/my bills", FsType: "fuse.ccsfs", Source: "ccsfs", User: "1000"},
		{Point: `/mnt\x`, FsType: "tmpfs", Source: "none"}, {Point: "/odd", FsType: "fuse", Source: "x"}, {Point: "/a", FsType: "ext4", Source: "/b"},
	}
	if d := cmp.Diff(want, got, cmp.AllowUnexported(Entry{})); d != "" {
		t.Error(d)
	}
	if !got[1].Ours() || got[0].Ours() || got[2].Ours() {
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
	want := []Entry{
		{Point: "/", FsType: "apfs", Source: "/dev/disk1s1"}, {Point: "/Users/u/my bills (old)", FsType: "macfuse", Source: "ccsfs"},
		{Point: "/home", FsType: "autofs", Source: "map auto_home"},
	}
	if d := cmp.Diff(want, got, cmp.AllowUnexported(Entry{})); d != "" {
		t.Error(d)
	}
	if !got[1].Ours() {
		t.Error("ours is wrong")
	}
}

func TestOwner(t *testing.T) {
	osfiletest.NeedsUnix(t, "names of users by their numbers")
	for user, want := range map[string]string{"": "", "0": "root (uid 0)", "4294967294": "uid 4294967294"} {
		if got := (Entry{User: user}).Owner(); got != want {
			t.Errorf("%q: %q", user, got)
		}
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
			if len(m.Point) > len(text) {
				t.Errorf("%q grew", m.Point)
			}
			if strings.Trim(m.User, "0123456789") != "" || len(m.User) > 20 && strings.Trim(m.User, "0") == m.User {
				t.Errorf("user %q", m.User)
			}
		}
	})
}
