//go:build unix

package osfile

import (
	"errors"
	"io"
	"os"

	"golang.org/x/sys/unix"
)

// TryLock locks a file, against everybody who has opened it apart, until Unlock, or until it
// is closed or the process ends, however it does. ErrLocked is that another has it; any
// other error, that files cannot be locked there.
func TryLock(f *os.File) error { return flock(f, unix.LOCK_EX|unix.LOCK_NB) }

// TryShare is TryLock for a lock that several may have at a time.
func TryShare(f *os.File) error { return flock(f, unix.LOCK_SH|unix.LOCK_NB) }

// Unlock gives a lock back.
func Unlock(f *os.File) error { return flock(f, unix.LOCK_UN) }

// TryLockDir locks a directory until it is closed. Files in it can be used all the same.
func TryLockDir(dir string) (io.Closer, error) {
	d, err := os.Open(dir)
	if err != nil {
		return nil, err
	}
	if err := TryLock(d); err != nil {
		d.Close()
		return nil, err
	}
	return d, nil
}

// flock is flock(2).
func flock(f *os.File, how int) error {
	for {
		switch err := unix.Flock(int(f.Fd()), how); {
		case errors.Is(err, unix.EINTR):
		case errors.Is(err, unix.EWOULDBLOCK):
			return ErrLocked
		default:
			return err
		}
	}
}
