package catalog

import (
	"ccsfs/internal/osfile/osfiletest"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// Forget removes what the catalog saves, and leaves locks, refusals and what is not ours.
func TestForget(t *testing.T) {
	dir := t.TempDir()
	name := strings.Repeat("0a", 16)
	ours := []string{"contracts.json", "listings/" + name + ".json", "listings/" + name + "-" + name[:16] + ".json", "details/" + name + ".json"}
	others := []string{"leases", "failed/contracts.json", "said/" + name + ".json", "listings/mine.json", "listings/" + name, "listings/" + name + "-1.json",
		"details/A" + name[1:] + ".json", name + ".json", "contracts.json~"}
	for _, at := range append(slices.Clone(ours), others...) {
		if err := os.MkdirAll(filepath.Join(dir, filepath.Dir(at)), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(dir, at), []byte("12"), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	osfiletest.SkipWine(t)
	if err := os.Symlink("/nowhere", filepath.Join(dir, "details", strings.Repeat("1", 32)+".json")); err != nil {
		t.Fatal(err)
	}
	for range 2 { // looking changes nothing
		if got, err := LookAtSaved(dir); err != nil || got != (Saved{len(ours), int64(2 * len(ours))}) {
			t.Errorf("there is %+v, %v", got, err)
		}
	}
	if got, err := Forget(dir); err != nil || got.Files != len(ours) {
		t.Errorf("%+v, %v", got, err)
	}
	if got, err := Forget(dir); err != nil || got.Files != 0 {
		t.Errorf("again: %+v, %v", got, err)
	}
	left := 0
	_ = filepath.WalkDir(dir, func(_ string, e fs.DirEntry, err error) error {
		if err == nil && !e.IsDir() {
			left++
		}
		return err
	})
	if left != len(others)+1 {
		t.Errorf("%d files are left, want %d", left, len(others)+1)
	}
	if got, err := Forget(filepath.Join(dir, "none")); err != nil || got.Files != 0 {
		t.Errorf("of nothing: %+v, %v", got, err)
	}
}
