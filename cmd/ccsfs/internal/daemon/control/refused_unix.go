//go:build unix

package control

import (
	"errors"
	"syscall"
)

// refused tells whether an error is that nobody listens.
func refused(err error) bool { return errors.Is(err, syscall.ECONNREFUSED) }
