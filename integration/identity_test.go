//go:build linux

package integration

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"ccsfs/apiclient/apisim"
)

// inodes are the inode numbers of everything below the mount, by path.
func (r *rig) inodes() map[string]string {
	r.t.Helper()
	numbers := make(map[string]string)
	for line := range strings.Lines(r.must("find", r.dir, "-printf", "%i /%P\n")) {
		ino, path, _ := strings.Cut(strings.TrimSuffix(line, "\n"), " ")
		numbers[path] = ino
	}
	return numbers
}

// TestInodeNumbersStay: over a remount, with another cache, and in every
// layout; and no two things have one.
func TestInodeNumbersStay(t *testing.T) {
	begin(t)
	account := sample()
	r := newRig(t, options{account: account, quirks: apisim.Quirks{Shuffle: true}})
	first := r.inodes()
	if len(first) != 1+2+2*2+21 {
		t.Fatalf("%d paths: %v", len(first), first)
	}
	seen := make(map[string]string)
	for path, ino := range first {
		if other, dup := seen[ino]; dup {
			t.Errorf("%s and %s have inode number %s", path, other, ino)
		}
		seen[ino] = path
		if ino == "0" || (ino == "1") != (path == "/") {
			t.Errorf("%s has inode number %s", path, ino)
		}
	}
	r.remount()
	if diff := cmp.Diff(first, r.inodes()); diff != "" {
		t.Errorf("after a remount (-before +after):\n%s", diff)
	}
	elsewhere := newRig(t, options{account: account, layout: "type"}).inodes()
	for path, ino := range first {
		found := ""
		for other, n := range elsewhere {
			if n == ino {
				found = other
			}
		}
		if found == "" || found[strings.LastIndex(found, "/"):] != path[strings.LastIndex(path, "/"):] {
			t.Errorf("%s has inode number %s, in another layout that is %q", path, ino, found)
		}
	}
}

// TestReaddirAndStatAgree: "." and ".." included, which glibc leaves out if
// their number is 0.
func TestReaddirAndStatAgree(t *testing.T) {
	begin(t)
	r := newRig(t, options{layout: "period"})
	r.sh(`cd "$MNT"
		find . -type d | while read -r dir; do
			ls -aif "$dir" | while read -r ino name; do
				[ "$dir/$name" = ./.. ] || [ "$(stat -c %i "$dir/$name")" = "$ino" ] || { echo "$dir/$name: $ino"; exit 1; }
			done
			[ "$(ls -af "$dir" | grep -cx '\.\.\?')" = 2 ] || { echo "$dir lacks . or .."; exit 1; }
		done`)
}
