//go:build unix

package peer

import (
	"errors"
	"syscall"
)

// Refused tells whether an error is that nobody listens.
func Refused(err error) bool { return errors.Is(err, syscall.ECONNREFUSED) }
