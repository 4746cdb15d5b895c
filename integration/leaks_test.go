//go:build linux

package integration

import (
	"bytes"
	"fmt"
	"maps"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"
)

// begin starts a test: it is skipped where nothing can be mounted, and fails at
// its end if it leaves a goroutine, a file descriptor or a mount behind. It
// belongs at the top of each test that has no parent.
func begin(t *testing.T) {
	t.Helper()
	requireFUSE(t)
	goroutines := goleak.IgnoreCurrent()
	files := openFiles(t)
	t.Cleanup(func() {
		if left := eventuallyNone(func() []string {
			if err := goleak.Find(goroutines); err != nil {
				return []string{err.Error()}
			}
			return nil
		}); len(left) > 0 {
			t.Errorf("goroutines left behind: %s", left[0])
		}
		if left := eventuallyNone(func() []string { return more(files, openFiles(t)) }); len(left) > 0 {
			t.Errorf("file descriptors left open: %s", strings.Join(left, ", "))
		}
		if left := eventuallyNone(func() []string { return mounts(t) }); len(left) > 0 {
			t.Errorf("mounts left behind: %s", strings.Join(left, ", "))
		}
	})
}

// requireFUSE skips a test that needs a mount where there can be none, unless
// the environment says that there must be one.
func requireFUSE(t testing.TB) {
	t.Helper()
	f, err := os.OpenFile("/dev/fuse", os.O_RDWR, 0)
	if err == nil {
		f.Close()
		return
	}
	if os.Getenv("CCSFS_REQUIRE_FUSE") == "1" {
		t.Fatalf("cannot mount here, and CCSFS_REQUIRE_FUSE=1: %v", err)
	}
	t.Skipf("cannot mount here (CCSFS_REQUIRE_FUSE=1 makes this a failure): %v", err)
}

// openFiles counts the open files of this process by what they are.
func openFiles(t testing.TB) map[string]int {
	t.Helper()
	entries, err := os.ReadDir("/proc/self/fd")
	if err != nil {
		t.Fatal(err)
	}
	files := make(map[string]int)
	for _, e := range entries {
		target, err := os.Readlink("/proc/self/fd/" + e.Name())
		if err != nil || strings.HasPrefix(target, "/proc/") {
			continue // the descriptor that listed the others
		}
		kind, _, _ := strings.Cut(target, ":[") // socket:[12345], pipe:[678]
		files[kind]++
	}
	return files
}

// more returns what there is more of in now.
func more(before, now map[string]int) []string {
	var left []string
	for _, kind := range slices.Sorted(maps.Keys(now)) {
		if n := now[kind] - before[kind]; n > 0 {
			left = append(left, fmt.Sprintf("%d × %s", n, kind))
		}
	}
	return left
}

// mounts returns the mountpoints below the directory of this run.
func mounts(t testing.TB) []string {
	t.Helper()
	table, err := os.ReadFile("/proc/self/mountinfo")
	if err != nil {
		t.Fatal(err)
	}
	var points []string
	for line := range bytes.Lines(table) {
		if f := bytes.Fields(line); bytes.HasPrefix(f[4], []byte(os.TempDir()+"/")) {
			points = append(points, string(f[4]))
		}
	}
	return points
}

// eventuallyNone asks until nothing is left, or for some seconds: what was
// closed a moment ago may not be gone yet.
func eventuallyNone(left func() []string) []string {
	for deadline := time.Now().Add(5 * time.Second); ; time.Sleep(10 * time.Millisecond) {
		l := left()
		if len(l) == 0 || time.Now().After(deadline) {
			return l
		}
	}
}

// eventually waits until something becomes true, and fails if it does not.
func eventually(t testing.TB, what string, f func() bool) {
	t.Helper()
	for deadline := time.Now().Add(20 * time.Second); !f(); time.Sleep(5 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("did not happen: %s", what)
		}
	}
}
