package apiclient

import (
	"sync"
	"time"
)

// sleptLeast is how far the clocks drift apart before it counts as sleep, not
// as the wall clock being set.
const sleptLeast = 10 * time.Second

// suspension notices that the machine has slept: the wall clock goes on then, and
// the monotonic clock of Go on Linux does not. Connections that were idle
// before look alive after, and each would cost a whole time-out.
type suspension struct {
	mu    sync.Mutex
	start time.Time
	drift time.Duration // of the wall clock from the monotonic one, since start
}

// slept reports whether the machine has slept since the last call.
func (a *suspension) slept(now time.Time) bool {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.start.IsZero() {
		a.start = now
	}
	return a.drifted(now.Round(0).Sub(a.start.Round(0)) - now.Sub(a.start))
}

func (a *suspension) drifted(drift time.Duration) bool {
	jump := drift - a.drift
	a.drift = drift
	return jump >= sleptLeast
}
