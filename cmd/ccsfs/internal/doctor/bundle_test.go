package doctor

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"ccsfs/cmd/ccsfs/internal/cmdtest"
	"ccsfs/cmd/ccsfs/internal/daemon/control"
	"ccsfs/cmd/ccsfs/internal/exitcode"
	"ccsfs/cmd/ccsfs/internal/settings"
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
	one, err := newTarget(env, "b.zip", false)
	if err != nil {
		t.Fatal(err)
	}
	two, err := newTarget(env, "b.zip", false)
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
	three, err := newTarget(env, "b.zip", true)
	if err != nil {
		t.Fatal(err)
	}
	if err := three.write([]byte("third")); err != nil {
		t.Error(err)
	}
	info, err := os.Stat(filepath.Join(env.Dirs.Work, "b.zip"))
	if err != nil || info.Mode().Perm() != 0o600 || info.Size() != 5 || left(t, env.Dirs.Work) != "b.zip" {
		t.Errorf("%v, %v", info, err)
	}
}

// A bundle that cannot be written whole is not there.
func TestBundleOnAFullDisk(t *testing.T) {
	env, _, _ := cmdtest.Environment(t)
	to, err := newTarget(env, "b.zip", false)
	if err != nil {
		t.Fatal(err)
	}
	full, err := os.OpenFile("/dev/full", os.O_WRONLY, 0)
	if err != nil {
		t.Skip(err)
	}
	if err := to.fill(full, []byte("content")); exitcode.Of(err) != exitcode.Failed || !errors.Is(err, unix.ENOSPC) || !strings.HasSuffix(err.Error(), "b.zip: no space left on device") {
		t.Error(err)
	}
	if got := left(t, env.Dirs.Work); got != "" {
		t.Error(got)
	}
	if _, err := newTarget(env, strings.Repeat("n", 256), false); !errors.Is(err, unix.ENAMETOOLONG) || exitcode.Of(err) != exitcode.Failed {
		t.Error(err)
	}
	gone, err := newTarget(env, "b.zip", false)
	if err != nil {
		t.Fatal(err)
	}
	gone.path = filepath.Join(env.Dirs.Work, "removed", "b.zip") // meanwhile
	if err := gone.write([]byte("content")); exitcode.Of(err) != exitcode.Failed || strings.Contains(err.Error(), ".ccsfs-bundle") {
		t.Error(err)
	}
}

// Of many logs those count that were written to last, be they in the usual place, set, or
// of a mount that runs.
func TestLogsOfABundle(t *testing.T) {
	env, _, _ := cmdtest.Environment(t)
	dir := filepath.Join(env.Dirs.State, "ccsfs")
	d := newDoctor(env, nil)
	r := &report{}
	if got := d.logTail(r, testScrubber()); got != "There is no log file.\n" {
		t.Errorf("%q", got)
	}
	if err := os.MkdirAll(dir, 0o700); err != nil {
		t.Fatal(err)
	}
	write := func(path string, age time.Duration) string {
		if err := os.WriteFile(path, []byte("level=INFO msg="+filepath.Base(path)[:1]+"\n"), 0o600); err != nil {
			t.Fatal(err)
		}
		at := time.Now().Add(-age)
		if err := os.Chtimes(path, at, at); err != nil {
			t.Fatal(err)
		}
		return path
	}
	for i, name := range []string{"a.log", "b.log", "c.log", "d.log", "e.txt"} {
		write(filepath.Join(dir, name), time.Duration(5-i)*time.Hour)
	}
	d.settings = &settings.Settings{}
	d.settings.Log.File = write(filepath.Join(env.Dirs.Work, "set"), time.Minute)
	r.Mounts = []mountState{
		{Status: &control.Status{LogFile: write(filepath.Join(env.Dirs.Work, "mount"), 90*time.Minute)}}, {Error: "silent"},
		{Status: &control.Status{LogFile: filepath.Join(dir, "a.log")}}, {Status: &control.Status{LogFile: "/does/not/exist"}},
	}
	want := "Log 1 of 4:\nlevel=\"INFO\" msg=\"s\"\nLog 2 of 4:\nlevel=\"INFO\" msg=\"m\"\nLog 3 of 4:\nlevel=\"INFO\" msg=\"d\"\nLog 4 of 4:\nlevel=\"INFO\" msg=\"c\"\n"
	if got := d.logTail(r, testScrubber()); got != want {
		t.Errorf("%q", got)
	}
	if err := os.RemoveAll(dir); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(dir, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if got := d.logTail(r, testScrubber()); !strings.HasPrefix(got, "The logs cannot be looked for: ") {
		t.Errorf("%q", got)
	}
}
