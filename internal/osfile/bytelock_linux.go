package osfile

import (
	"errors"
	"io"
	"os"

	"golang.org/x/sys/unix"
)

// LockByte locks one byte of a file, which need not be there, as TryLock does all of it.
// Locks of open file descriptions, unlike those of processes, survive that somebody else in
// this process opens and closes the file (F_OFD_SETLK, fcntl_locking(2)).
func LockByte(f *os.File, at uint64) error {
	switch err := setByte(f, at, unix.F_WRLCK); {
	case errors.Is(err, unix.EAGAIN), errors.Is(err, unix.EACCES): // POSIX allows either
		return ErrLocked
	default:
		return err
	}
}

// UnlockByte gives the lock on a byte back.
func UnlockByte(f *os.File, at uint64) error { return setByte(f, at, unix.F_UNLCK) }

func setByte(f *os.File, at uint64, typ int16) error {
	lock := unix.Flock_t{Type: typ, Whence: io.SeekStart, Start: int64(at), Len: 1}
	return unix.FcntlFlock(f.Fd(), unix.F_OFD_SETLK, &lock)
}
