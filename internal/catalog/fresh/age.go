package fresh

import "time"

// How old something is, by clocks that may be wrong.

// clockSlack is how far in the future a time may lie and still count as now:
// clocks are corrected by a bit all the time.
const clockSlack = 5 * time.Second

// age of the value. One from before the scope is as old as can be if all is
// to be asked for afresh.
func (c *Value[T]) age(now time.Time) time.Duration {
	return c.scope.age(c.source.FetchedAt(c.value), now)
}

func (s *Scope) age(at, now time.Time) time.Duration {
	if at.Before(s.afresh) {
		return 1<<63 - 1
	}
	return ageOf(at, now)
}

// ageOf is how old something is. A time in the future says nothing, except
// that a clock was wrong: then it is as old as can be.
func ageOf(at, now time.Time) time.Duration {
	if Future(at, now) {
		return 1<<63 - 1
	}
	return max(now.Sub(at), 0)
}

// Future reports whether a time is so far ahead of now that a clock is or was wrong.
func Future(at, now time.Time) bool { return at.Sub(now) > clockSlack }
