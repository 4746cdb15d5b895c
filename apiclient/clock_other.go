//go:build !linux

package apiclient

import "time"

// sharedClock is the clock on the wall, which may be set: what is shared is
// clamped, see sharedState.clamp.
func sharedClock() time.Duration { return time.Duration(time.Now().UnixNano()) }

func bootID() string { return "" }
