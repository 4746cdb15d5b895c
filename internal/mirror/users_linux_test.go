package mirror

import (
	"os"
	"path/filepath"
	"runtime"
	"testing"

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
