//go:build !windows

package main

import (
	"bytes"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"ccsfs/apiclient/apisim"
)

// TestWatchOnAFullDisk: what cannot be kept for the hooks is not told, nor counts it as
// seen; once there is room, all of it is told, once.
func TestWatchOnAFullDisk(t *testing.T) {
	r := newWatchRig(t)
	state := filepath.Join(r.dir, "state")
	if err := os.Mkdir(state, 0o700); err != nil {
		t.Fatal(err)
	}
	if err := unix.Mount("tmpfs", state, "tmpfs", 0, "size=512k"); err != nil {
		t.Skipf("no tmpfs here: %v", err)
	}
	t.Cleanup(func() { _ = unix.Unmount(state, unix.MNT_DETACH) })
	r.once()
	if err := r.api.AddDocument("OCB0003055", apisim.Document{ID: "a", Type: "invoices", Filename: "a.pdf", Period: "202610"}); err != nil {
		t.Fatal(err)
	}
	full, err := os.Create(filepath.Join(state, "full"))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := io.Copy(full, moreThanFits()); err == nil {
		t.Fatal("the disk is not full")
	}
	full.Close()
	for range 2 {
		out, err := r.command("--once").CombinedOutput()
		if err == nil || !strings.Contains(string(out), "no space left on device") || strings.Contains(string(out), `"change"`) {
			t.Errorf("%v\n%s", err, out)
		}
	}
	if told, err := os.ReadFile(filepath.Join(r.dir, "told")); err == nil || len(r.received()) > 0 {
		t.Errorf("told: %s %v", told, r.received())
	}
	if err := os.Remove(full.Name()); err != nil {
		t.Fatal(err)
	}
	r.once()
	told, err := os.ReadFile(filepath.Join(r.dir, "told"))
	if err != nil || strings.Count(string(told), "\n") != 1 || len(r.received()) != 1 {
		t.Errorf("%v: %s %v", err, told, r.received())
	}
}

// moreThanFits is more bytes than the disk has.
func moreThanFits() io.Reader { return bytes.NewReader(make([]byte, 1<<20)) }
