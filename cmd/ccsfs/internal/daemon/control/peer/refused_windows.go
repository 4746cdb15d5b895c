package peer

import (
	"errors"

	"golang.org/x/sys/windows"
)

// Refused tells whether an error is that nobody listens. syscall.ECONNREFUSED is none that
// Windows gives.
func Refused(err error) bool { return errors.Is(err, windows.WSAECONNREFUSED) }
