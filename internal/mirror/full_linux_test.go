package mirror

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"golang.org/x/sys/unix"
)

// A full disk ends the run, says so, and leaves nothing half written.
func TestFullDisk(t *testing.T) {
	r := newRig(t)
	if err := os.Mkdir(r.dir, 0o755); err != nil {
		t.Fatal(err)
	}
	if err := unix.Mount("tmpfs", r.dir, "tmpfs", 0, "size=200k"); err != nil {
		t.Skipf("no tmpfs here: %v", err)
	}
	t.Cleanup(func() {
		if err := unix.Unmount(r.dir, 0); err != nil {
			t.Error(err)
		}
	})
	for _, id := range []string{"a", "b", "c", "d"} {
		r.set(id, day1, strings.Repeat(id, 90_000))
	}
	got := r.pull(t.Context(), Options{})
	if !errors.Is(got.Stopped, ErrDestination) || !errors.Is(got.Stopped, unix.ENOSPC) || got.Left == 0 || got.Copied+got.Left != 4 {
		t.Fatalf("%+v", got)
	}
	for _, id := range []string{"a", "b", "c", "d"} {
		if text := r.local(id); text != "" && text != strings.Repeat(id, 90_000) {
			t.Errorf("%s has %d bytes", id, len(text))
		}
	}
	if err := os.Remove(r.path("a")); err != nil && !os.IsNotExist(err) {
		t.Fatal(err)
	}
	delete(r.docs, "b")
	delete(r.docs, "c")
	delete(r.docs, "d")
	if got := r.pull(t.Context(), Options{}); got.Stopped != nil && got.Copied == 1 {
		t.Errorf("with room again: %+v", got)
	}
}

// A directory below the destination that cannot be written to is seen without a try.
func TestLookAtAReadOnlyDirectory(t *testing.T) {
	r := newRig(t)
	r.set("a", day1, "one")
	below := filepath.Join(r.dir, "C")
	check(t, os.MkdirAll(below, 0o755))
	if err := unix.Mount("tmpfs", below, "tmpfs", unix.MS_RDONLY, ""); err != nil {
		t.Skipf("no tmpfs here: %v", err)
	}
	t.Cleanup(func() { check(t, unix.Unmount(below, 0)) })
	f := r.look(r.items(), Options{})
	got := r.pull(t.Context(), Options{})
	if !errors.Is(got.Stopped, unix.EROFS) || !errors.Is(f.result.Stopped, unix.EROFS) || f.result.Copied != 0 {
		t.Errorf("%+v, foreseen %+v", got, f.result)
	}
}

// A line that a full disk tore off does not spoil the next one, once there is room.
func TestTornByAFullDisk(t *testing.T) {
	dir := t.TempDir()
	if err := unix.Mount("tmpfs", dir, "tmpfs", 0, "size=16k"); err != nil {
		t.Skipf("no tmpfs here: %v", err)
	}
	t.Cleanup(func() {
		if err := unix.Unmount(dir, 0); err != nil {
			t.Error(err)
		}
	})
	root, err := os.OpenRoot(dir)
	check(t, err)
	defer root.Close()
	check(t, root.WriteFile("room", make([]byte, 8<<10), 0o644))
	j, err := openJournal(root)
	check(t, err)
	written := 0
	for put := error(nil); put == nil; written++ {
		put = j.put(entry{Path: fmt.Sprintf("%0200d", written), Size: 1})
	}
	check(t, root.Remove("room"))
	check(t, j.put(entry{Path: "last", Size: 1}))
	check(t, j.close())
	j, err = openJournal(root)
	check(t, err)
	defer func() { check(t, j.close()) }()
	if _, ok := j.get("last"); !ok || len(j.entries) != written {
		t.Errorf("%d lines of %d are there, the last one: %v", len(j.entries), written, ok)
	}
}
