package pull

import (
	"errors"
	"os"
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
