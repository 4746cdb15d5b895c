//go:build unix && !linux

package apiclient

import (
	"time"

	"golang.org/x/sys/unix"
)

// reallySleep sleeps by the real clock, in a bubble too.
func reallySleep(d time.Duration) {
	_, _ = unix.Poll(nil, max(1, int(d/time.Millisecond))) // a signal may cut it short
}
