package apiclient

import "time"

// holdOff is a time during which something is not tried again. It doubles with
// each failure in a row.
type holdOff struct {
	first, most time.Duration

	last  time.Duration
	until time.Time
}

// extend starts the next, longer one.
func (h *holdOff) extend(now time.Time) {
	h.last = min(max(2*h.last, h.first), h.most)
	h.until = now.Add(h.last)
}

// active reports whether to wait still.
func (h *holdOff) active(now time.Time) bool { return now.Before(h.until) }

// reset forgets the failures.
func (h *holdOff) reset() { h.last, h.until = 0, time.Time{} }

// clock writes a time of day for a message.
func clock(t time.Time) string { return t.Format(time.TimeOnly) }
