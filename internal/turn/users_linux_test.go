package turn

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

// Whoever has the turn shows that it goes on also where another user has made the
// lock file.
func TestTheLockFileOfAnotherUser(t *testing.T) {
	dir := t.TempDir()
	root, err := os.OpenRoot(dir)
	check(t, err)
	defer root.Close()
	place := Place{Root: root, File: file, Name: "thing"}
	before := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	check(t, os.WriteFile(filepath.Join(dir, file), []byte("process 7 on here\n"), 0o600))
	check(t, os.Chmod(filepath.Join(dir, file), 0o666))
	check(t, os.Chtimes(filepath.Join(dir, file), before, before))
	check(t, asAnotherUser(t, func() error {
		if err := root.Chtimes(file, before, before); !errors.Is(err, fs.ErrPermission) {
			t.Errorf("this tests nothing: %v", err)
		}
		return place.show([]byte("process 7 on here\n"), time.Now())
	}))
	info, err := root.Stat(file)
	check(t, err)
	if info.ModTime().Equal(before) {
		t.Error("it shows nothing")
	}
	if who := place.holder(); who != "process 7 on here" {
		t.Errorf("it says %q", who)
	}
}
