package hooks

import (
	"errors"
	"path/filepath"
	"strings"
	"testing"

	"golang.org/x/sys/unix"
)

// On a full disk all of a batch is staged or nothing.
func TestStagingOnAFullDisk(t *testing.T) {
	dir := t.TempDir()
	if err := unix.Mount("tmpfs", dir, "tmpfs", 0, "size=64k,nr_inodes=12"); err != nil {
		t.Skipf("no tmpfs here: %v", err)
	}
	t.Cleanup(func() { _ = unix.Unmount(dir, unix.MNT_DETACH) })
	var r rec
	a, b := r.hook("exec-1", nil), r.hook("mail-1", nil)
	b.look = true
	q := openQueue(t, filepath.Join(dir, "q"), 0, a, b)
	if n, err := q.Stage(at(), changes(100), nil); err == nil || !errors.Is(err, unix.ENOSPC) {
		t.Fatalf("batch %d, %v", n, err)
	}
	n := stage(t, q, changes(3)) // there is room again
	q.Commit(n)
	if a, b := q.Waiting(a.Key), q.Waiting(b.Key); a != 3 || b != 1 {
		t.Errorf("%d and %d wait", a, b)
	}
}

// What cannot be taken out of the queue is said, and not delivered again by this process.
func TestWhatStaysInTheQueue(t *testing.T) {
	dir := queueDir(t)
	var r rec
	q := openQueue(t, dir, 0, r.hook("exec-1", nil))
	q.Commit(stage(t, q, changes(1)))
	w := &worker{queue: q, hook: q.hooks[0], say: r.say}
	path := filepath.Join(dir, "exec-1", entryName(1, 0))
	if err := unix.Mount(path, path, "", unix.MS_BIND, ""); err != nil { // EBUSY for who removes it
		t.Skipf("no mounts here: %v", err)
	}
	defer func() { _ = unix.Unmount(path, unix.MNT_DETACH) }()
	for range 3 {
		if err := w.try(t.Context(), entryName(1, 0)); err == nil || !strings.Contains(err.Error(), "it was delivered") {
			t.Errorf("%v", err)
		}
	}
	if err := unix.Unmount(path, unix.MNT_DETACH); err != nil {
		t.Fatal(err)
	}
	if err := w.try(t.Context(), entryName(1, 0)); err != nil || len(r.delivered()) != 1 || q.Waiting("exec-1") != 0 {
		t.Errorf("%v, delivered %d times", err, len(r.delivered()))
	}
}
