//go:build !windows

package fs

import (
	"context"
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

// Unmount takes away what is mounted at dir, an absolute path without links: lazily
// also if it is in use. It does not look at the mount, the server of which may stand
// still; umount(8) does.
func Unmount(ctx context.Context, dir string, lazily bool) error {
	if lazily {
		return unmountLazily(ctx, dir)
	}
	return unmountNow(ctx, dir)
}

// Unmount takes the mount away: cleanly if no file of it is open, else lazily,
// so that it is gone for everybody but those who have one open. It does not
// wait for them, nor for other mount namespaces that have a copy of the mount, as
// whoever left the common one while it was there (unshare -m, containers) has: those
// keep it alive, and lose it when the process ends. A mount that is gone already is no
// error.
func (s *Server) Unmount() error {
	if err := s.unmount(); err != nil {
		return err
	}
	s.detachOnce.Do(func() { close(s.detached) })
	return nil
}

func (s *Server) unmount() error {
	var err error
	for try := range busyTries {
		if try > 0 {
			time.Sleep(busyPause)
		}
		if s.gone() {
			return nil
		}
		if err = unmountNow(context.Background(), s.mountpoint); err == nil {
			return nil
		}
	}
	s.log.Info("the mount is busy; it goes away when the last file is closed", "error", err)
	if err := unmountLazily(context.Background(), s.mountpoint); err != nil {
		if s.gone() {
			return nil
		}
		return fmt.Errorf("unmount %s: %w", s.mountpoint, err)
	}
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

// ErrSilent says that the process that serves a mount stands still: it neither answers
// nor has it ended. Whatever touches such a mount hangs.
var ErrSilent = errors.New("the process that serves the mount does not answer")

// probeWait bounds how long a mount may take to answer what takes neither network nor
// disk.
const probeWait = 5 * time.Second

// probe asks what always reaches the server of a mount, and never the API. A
// stat would not do: the kernel answers it from its cache, also when the server
// is dead. A server that stands still is ErrSilent; the question then waits for it
// in the background, which holds up nothing, not even the end of the process.
func probe(dir string) error {
	answer := make(chan error, 1)
	go func() {
		var st unix.Statfs_t
		answer <- unix.Statfs(dir, &st)
	}()
	select {
	case err := <-answer:
		return err
	case <-time.After(probeWait):
		return ErrSilent
	}
}

// ErrDead says that the process that served a mount has ended without unmounting
// ("Transport endpoint is not connected").
var ErrDead = errors.New("a dead mount, left by a crash")

// CheckMount says whether what is mounted at dir, an absolute path without links, is
// served: else the error Is ErrDead or ErrSilent, the latter after some seconds. A mount
// that others may not look at counts as served.
func CheckMount(dir string) error {
	switch err := probe(dir); {
	case isDead(err):
		return ErrDead
	case errors.Is(err, ErrSilent):
		return err
	}
	return nil
}

// isDead reports the error of a mount whose server has ended without
// unmounting.
func isDead(err error) bool {
	return errors.Is(err, syscall.ENOTCONN) || errors.Is(err, syscall.ECONNABORTED)
}

// ClearDead takes a mount of ours away whose server has crashed ("Transport
// endpoint is not connected"), and reports whether there was one. It refuses to
// touch a dead mount of another file system, and does not wait for one that stands
// still (ErrSilent).
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
		switch err := probe(dir); {
		case errors.Is(err, ErrSilent):
			return cleared, fmt.Errorf("%s: %w", dir, err)
		case !isDead(err):
			return cleared, nil
		}
		m, ok := topMount(dir)
		if !ok {
			return cleared, fmt.Errorf("%s: a mount whose server has died, but it is not in the list of mounts", dir)
		}
		if !m.ours() {
			return cleared, fmt.Errorf("%s: a dead mount of another file system (%s); unmount it with: umount -l %s", dir, m.fsType, dir)
		}
		if err := unmountLazily(context.Background(), dir); err != nil {
			return cleared, fmt.Errorf("unmount %s: %w", dir, err)
		}
		cleared = true
	}
}
