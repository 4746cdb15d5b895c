package apiclient

import (
	"time"

	"golang.org/x/sys/unix"
)

// reallySleep sleeps by the real clock, in a bubble too.
func reallySleep(d time.Duration) {
	_ = unix.Nanosleep(&unix.Timespec{Nsec: int64(d)}, nil) // a signal may cut it short
}
