//go:build unix

package osfile

import (
	"errors"
	"syscall"
)

// IsFull tells whether an error is that a disk, or this user's part of it, is full.
func IsFull(err error) bool {
	return errors.Is(err, syscall.ENOSPC) || errors.Is(err, syscall.EDQUOT)
}

// IsReadOnly tells whether an error is that nothing at all can be written to a disk.
func IsReadOnly(err error) bool { return errors.Is(err, syscall.EROFS) }

// IsBroken tells whether an error is that a disk fails.
func IsBroken(err error) bool { return errors.Is(err, syscall.EIO) }

// IsUnread tells whether an error is that whoever read from the other end of a pipe has left.
func IsUnread(err error) bool { return errors.Is(err, syscall.EPIPE) }

// IsRefused tells whether an error is that nobody listens where somebody wanted to connect.
func IsRefused(err error) bool { return errors.Is(err, syscall.ECONNREFUSED) }
