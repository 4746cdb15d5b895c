package control

import (
	"errors"

	"golang.org/x/sys/windows"
)

// refused tells whether an error is that nobody listens. syscall.ECONNREFUSED is none that
// Windows gives.
func refused(err error) bool { return errors.Is(err, windows.WSAECONNREFUSED) }
