package lease

import (
	"sync/atomic"
	"time"
)

// A process that was stopped (SIGSTOP, a debugger, a frozen container) keeps all the
// leases that it had in hand, dozens of them in the middle of a copy, and nothing tells
// whose a lease is. Who has waited in vain for one of them does not wait as long for the
// next: impatience for each, within impatientFor of having given up last. A holder that
// is only slow is asked beside, which costs a call and no more.
const (
	impatience   = time.Second
	impatientFor = 10 * time.Minute
)

// patience is what is left of it.
type patience struct {
	gaveUp atomic.Int64 // unix nanoseconds, 0: never
}

// Patience returns how long to wait for a lease that another process holds: most, or
// less if one was given up a while ago.
func (t *Table) Patience(most time.Duration) time.Duration {
	if since := time.Now().UnixNano() - t.patience.gaveUp.Load(); since >= 0 && since < int64(impatientFor) {
		return min(most, impatience)
	}
	return most
}

// GaveUp notes that a lease was waited for in vain.
func (t *Table) GaveUp() { t.patience.gaveUp.Store(time.Now().UnixNano()) }
