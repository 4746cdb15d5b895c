package bundle

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"ccsfs/cmd/ccsfs/internal/cmdtest"
	"ccsfs/cmd/ccsfs/internal/exitcode"
	"ccsfs/internal/osfile/osfiletest"
)

// left are the files in a directory.
func left(t *testing.T, dir string) string {
	t.Helper()
	entries, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	names := make([]string, 0, len(entries))
	for _, e := range entries {
		names = append(names, e.Name())
	}
	return strings.Join(names, " ")
}

// Of two that write the same file at once, one does, and the other says why not.
func TestTwoBundles(t *testing.T) {
	env, _, _ := cmdtest.Environment(t)
	one, err := NewTarget(env, "b.zip", false)
	if err != nil {
		t.Fatal(err)
	}
	two, err := NewTarget(env, "b.zip", false)
	if err != nil {
		t.Fatal(err)
	}
	if err := one.write([]byte("first")); err != nil {
		t.Fatal(err)
	}
	if err := two.write([]byte("second")); exitcode.Of(err) != exitcode.Usage || !strings.Contains(err.Error(), "is there already") {
		t.Error(err)
	}
	if got := left(t, env.Dirs.Work); got != "b.zip" {
		t.Error(got)
	}
	data, err := os.ReadFile(filepath.Join(env.Dirs.Work, "b.zip"))
	if err != nil || string(data) != "first" {
		t.Errorf("%q, %v", data, err)
	}
	three, err := NewTarget(env, "b.zip", true)
	if err != nil {
		t.Fatal(err)
	}
	if err := three.write([]byte("third")); err != nil {
		t.Error(err)
	}
	info, err := os.Stat(filepath.Join(env.Dirs.Work, "b.zip"))
	if err != nil || !osfiletest.HasMode(info, 0o600) || info.Size() != 5 || left(t, env.Dirs.Work) != "b.zip" {
		t.Errorf("%v, %v", info, err)
	}
}

// A bundle that cannot be written whole is not there.
func TestBundleOnAFullDisk(t *testing.T) {
	osfiletest.NeedsUnix(t, "/dev/full")
	env, _, _ := cmdtest.Environment(t)
	to, err := NewTarget(env, "b.zip", false)
	if err != nil {
		t.Fatal(err)
	}
	full, err := os.OpenFile("/dev/full", os.O_WRONLY, 0)
	if err != nil {
		t.Skip(err)
	}
	if err := to.fill(full, []byte("content")); exitcode.Of(err) != exitcode.Failed || !errors.Is(err, syscall.ENOSPC) || !strings.HasSuffix(err.Error(), "b.zip: no space left on device") {
		t.Error(err)
	}
	if got := left(t, env.Dirs.Work); got != "" {
		t.Error(got)
	}
	if _, err := NewTarget(env, strings.Repeat("n", 256), false); !errors.Is(err, syscall.ENAMETOOLONG) || exitcode.Of(err) != exitcode.Failed {
		t.Error(err)
	}
	gone, err := NewTarget(env, "b.zip", false)
	if err != nil {
		t.Fatal(err)
	}
	gone.path = filepath.Join(env.Dirs.Work, "removed", "b.zip") // meanwhile
	if err := gone.write([]byte("content")); exitcode.Of(err) != exitcode.Failed || strings.Contains(err.Error(), ".ccsfs-bundle") {
		t.Error(err)
	}
}
