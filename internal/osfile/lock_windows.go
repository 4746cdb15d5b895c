package osfile

import (
	"errors"
	"io"
	"os"
	"path/filepath"

	"golang.org/x/sys/windows"
)

// lockAt is the byte that locks are on: far behind all that is in a file, for what is locked
// here cannot be read by others (LockFileEx).
const lockAt = 1 << 62

// TryLock locks a file, against everybody who has opened it apart, until Unlock, or until it
// is closed or the process ends, however it does. ErrLocked is that another has it; any
// other error, that files cannot be locked there.
func TryLock(f *os.File) error { return LockByte(f, lockAt) }

// TryShare is TryLock for a lock that several may have at a time.
func TryShare(f *os.File) error { return lockByte(f, lockAt, 0) }

// Unlock gives a lock back.
func Unlock(f *os.File) error { return UnlockByte(f, lockAt) }

// LockByte locks one byte of a file, which need not be there, as TryLock does all of it.
func LockByte(f *os.File, at uint64) error { return lockByte(f, at, windows.LOCKFILE_EXCLUSIVE_LOCK) }

// UnlockByte gives the lock on a byte back.
func UnlockByte(f *os.File, at uint64) error {
	return windows.UnlockFileEx(windows.Handle(f.Fd()), 0, 1, 0, offset(at))
}

func lockByte(f *os.File, at uint64, how uint32) error {
	err := windows.LockFileEx(windows.Handle(f.Fd()), how|windows.LOCKFILE_FAIL_IMMEDIATELY, 0, 1, 0, offset(at))
	if errors.Is(err, windows.ERROR_LOCK_VIOLATION) || errors.Is(err, windows.ERROR_IO_PENDING) {
		return ErrLocked
	}
	return err
}

func offset(at uint64) *windows.Overlapped {
	return &windows.Overlapped{Offset: uint32(at), OffsetHigh: uint32(at >> 32)}
}

// lockName is the file by which a directory is locked: Windows locks files alone.
const lockName = ".lock"

// TryLockDir locks a directory until it is closed. Files in it can be used all the same.
func TryLockDir(dir string) (io.Closer, error) {
	f, err := Open(filepath.Join(dir, lockName), os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return nil, err
	}
	if err := TryLock(f); err != nil {
		f.Close()
		return nil, err
	}
	return f, nil
}
