package apiclient

import (
	"time"

	"golang.org/x/sys/windows"
)

// reallySleep sleeps by the real clock, in a bubble too.
func reallySleep(d time.Duration) {
	windows.SleepEx(uint32(max(1, d/time.Millisecond)), false)
}
