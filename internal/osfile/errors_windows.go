package osfile

import (
	"errors"
	"syscall"

	"golang.org/x/sys/windows"
)

// IsFull tells whether an error is that a disk, or this user's part of it, is full.
func IsFull(err error) bool {
	return isOne(err, windows.ERROR_DISK_FULL, windows.ERROR_HANDLE_DISK_FULL, windows.ERROR_DISK_QUOTA_EXCEEDED)
}

// IsReadOnly tells whether an error is that nothing at all can be written to a disk.
func IsReadOnly(err error) bool { return isOne(err, windows.ERROR_WRITE_PROTECT) }

// IsBroken tells whether an error is that a disk fails.
func IsBroken(err error) bool {
	return isOne(err, windows.ERROR_IO_DEVICE, windows.ERROR_CRC, windows.ERROR_GEN_FAILURE)
}

// IsUnread tells whether an error is that whoever read from the other end of a pipe has left.
func IsUnread(err error) bool {
	return isOne(err, windows.ERROR_BROKEN_PIPE, windows.ERROR_NO_DATA, windows.ERROR_PIPE_NOT_CONNECTED, syscall.EPIPE)
}

// IsRefused tells whether an error is that nobody listens where somebody wanted to connect.
func IsRefused(err error) bool { return isOne(err, windows.WSAECONNREFUSED, syscall.ECONNREFUSED) }

func isOne(err error, of ...syscall.Errno) bool {
	for _, e := range of {
		if errors.Is(err, e) {
			return true
		}
	}
	return false
}
