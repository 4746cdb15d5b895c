package mirror

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// asAnotherUser does something as somebody who is not root where files are concerned.
func asAnotherUser(t *testing.T, do func() error) error {
	t.Helper()
	if os.Getuid() != 0 {
		t.Skip("takes root, to be another user")
	}
	done := make(chan error)
	go func() {
		runtime.LockOSThread() // and never unlocked: the thread ends with it
		if err := unix.Setfsuid(65534); err != nil {
			done <- err
			return
		}
		done <- do()
	}()
	return <-done
}

// Whoever has the destination shows that it goes on also where another user has made the
// lock file.
func TestTheLockFileOfAnotherUser(t *testing.T) {
	dir := t.TempDir()
	root, err := os.OpenRoot(dir)
	check(t, err)
	defer root.Close()
	before := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	check(t, os.WriteFile(filepath.Join(dir, lockName), []byte("process 7 on here\n"), 0o600))
	check(t, os.Chmod(filepath.Join(dir, lockName), 0o666))
	check(t, os.Chtimes(filepath.Join(dir, lockName), before, before))
	check(t, asAnotherUser(t, func() error {
		if err := root.Chtimes(lockName, before, before); !errors.Is(err, fs.ErrPermission) {
			t.Errorf("this tests nothing: %v", err)
		}
		return show(root, []byte("process 7 on here\n"), time.Now())
	}))
	info, err := root.Stat(lockName)
	check(t, err)
	if info.ModTime().Equal(before) {
		t.Error("it shows nothing")
	}
	if who := holder(root); who != "process 7 on here" {
		t.Errorf("it says %q", who)
	}
}

// A copy that another user has left gets another date by being replaced.
func TestTheCopyOfAnotherUser(t *testing.T) {
	for name, journal := range map[string]bool{"noted": true, "not noted": false} {
		t.Run(name, func(t *testing.T) { theCopyOfAnotherUser(t, journal) })
	}
}

func theCopyOfAnotherUser(t *testing.T, journal bool) {
	r := newRig(t)
	r.set("a", day1, "one")
	if got := r.pull(t.Context(), Options{}); got.Copied != 1 {
		t.Fatalf("%+v", got)
	}
	check(t, os.Chmod(filepath.Dir(r.path("a")), 0o777))
	r.set("a", day2, "one")
	if !journal {
		check(t, os.Remove(filepath.Join(r.dir, JournalName)))
	}
	d, err := OpenDest(t.Context(), r.dir, nobody)
	check(t, err)
	p := &puller{dest: d, store: r.store, options: Options{Prefetch: 4 << 20}, progress: nothing{}}
	check(t, asAnotherUser(t, func() error {
		c, err := p.see(t.Context(), r.items()[0])
		if c == nil {
			t.Error("it is not copied")
		}
		return err
	}))
	check(t, d.Close())
	if info, err := os.Stat(r.path("a")); err != nil || !info.ModTime().Equal(day(t, day2)) {
		t.Errorf("%v, %v", info.ModTime(), err)
	}
	if got := r.pull(t.Context(), Options{}); got.UpToDate != 1 {
		t.Errorf("%+v", got)
	}
}
