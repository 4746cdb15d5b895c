package apiclient

import (
	"os"
	"strings"
	"time"

	"golang.org/x/sys/unix"
)

// sharedClock is the same for all processes of the machine, goes on while it
// sleeps, and cannot be set (clock_gettime(2), CLOCK_BOOTTIME).
func sharedClock() time.Duration {
	var ts unix.Timespec
	if err := unix.ClockGettime(unix.CLOCK_BOOTTIME, &ts); err != nil {
		return time.Duration(time.Now().UnixNano())
	}
	return time.Duration(ts.Nano())
}

// bootID tells whether times of sharedClock are of this boot (random(4)).
func bootID() string {
	id, err := os.ReadFile("/proc/sys/kernel/random/boot_id")
	if err != nil {
		return ""
	}
	return strings.TrimSpace(string(id))
}
