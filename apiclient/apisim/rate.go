package apisim

import (
	"net/http"
	"sync"
	"time"
)

// window counts what was let through in the last while.
type window struct {
	mu    sync.Mutex
	times []time.Time // ascending
}

// allow reports whether one more fits into limit per window. What is refused
// does not count.
func (w *window) allow(now time.Time, limit int, per time.Duration) bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	old := 0
	for old < len(w.times) && now.Sub(w.times[old]) >= per {
		old++
	}
	w.times = append(w.times[:0], w.times[old:]...)
	if len(w.times) >= limit {
		return false
	}
	w.times = append(w.times, now)
	return true
}

func (s *Server) rateWindow() time.Duration {
	if s.Quirks.RateWindow > 0 {
		return s.Quirks.RateWindow
	}
	return time.Second
}

// limited refuses a call over the limit; 0 is no limit.
func (s *Server) limited(w *window, limit int, per time.Duration) *apiError {
	if limit <= 0 || w.allow(s.Now(), limit, per) {
		return nil
	}
	s.calls.refused()
	status := http.StatusForbidden
	if s.Quirks.RateAs429 {
		status = http.StatusTooManyRequests
	}
	return fail(status, codeTooMany, "The application sends too many requests")
}
