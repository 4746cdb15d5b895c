package fs

import (
	"errors"
	"fmt"
	"path/filepath"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

const (
	// busyTries and busyPause are how long a clean unmount is tried: files that
	// were just closed are released a moment later.
	busyTries = 4
	busyPause = 20 * time.Millisecond
)

// Unmount takes the mount away: cleanly if no file of it is open, else lazily,
// so that it is gone for everybody but those who have one open. It does not
// wait for them. A mount that is gone already is no error.
func (s *Server) Unmount() error {
	var err error
	for try := range busyTries {
		if try > 0 {
			time.Sleep(busyPause)
		}
		if s.gone() {
			return nil
		}
		if err = unmountNow(s.mountpoint); err == nil {
			return nil
		}
	}
	s.log.Info("the mount is busy; it goes away when the last file is closed", "mountpoint", s.mountpoint, "error", err)
	if err := unmountLazily(s.mountpoint); err != nil {
		if s.gone() {
			return nil
		}
		return fmt.Errorf("unmount %s: %w", s.mountpoint, err)
	}
	s.detachOnce.Do(func() { close(s.detached) })
	return nil
}

// gone reports whether what is mounted there now is not this mount any more.
func (s *Server) gone() bool {
	select {
	case <-s.done:
		return true
	case <-s.detached:
		return true
	default:
	}
	m, ok := topMount(s.mountpoint)
	return s.device != "" && (!ok || m.device != s.device)
}

// probe asks what always reaches the server of a mount, and never the API. A
// stat would not do: the kernel answers it from its cache, also when the server
// is dead.
func probe(dir string) error {
	var st unix.Statfs_t
	return unix.Statfs(dir, &st)
}

// isDead reports the error of a mount whose server has ended without
// unmounting.
func isDead(err error) bool {
	return errors.Is(err, syscall.ENOTCONN) || errors.Is(err, syscall.ECONNABORTED)
}

// ClearDead takes a mount of ours away whose server has crashed ("Transport
// endpoint is not connected"), and reports whether there was one. It refuses to
// touch a dead mount of another file system.
func ClearDead(mountpoint string) (bool, error) {
	dir, err := filepath.Abs(mountpoint)
	if err != nil {
		return false, err
	}
	// Symbolic links are resolved above the mountpoint only: the mountpoint
	// itself cannot be looked at.
	if above, err := filepath.EvalSymlinks(filepath.Dir(dir)); err == nil {
		dir = filepath.Join(above, filepath.Base(dir))
	}
	cleared := false
	for {
		if !isDead(probe(dir)) {
			return cleared, nil
		}
		m, ok := topMount(dir)
		if !ok {
			return cleared, fmt.Errorf("%s: a mount whose server has died, but it is not in the list of mounts", dir)
		}
		if !m.ours() {
			return cleared, fmt.Errorf("%s: a dead mount of another file system (%s); unmount it with: umount -l %s", dir, m.fsType, dir)
		}
		if err := unmountLazily(dir); err != nil {
			return cleared, fmt.Errorf("unmount %s: %w", dir, err)
		}
		cleared = true
	}
}
