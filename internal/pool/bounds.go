package pool

import "time"

// Bounds of what a coordinator is asked for, the same in each kind.
const (
	// PauseLeast is the shortest pause of [Coordinator.Slow]: Orange asks for at least this.
	PauseLeast = time.Second
	// SlowUnlimited is from one turn to the next where no rate was set, and the API refused a
	// request all the same, before it is halved.
	SlowUnlimited = time.Second / 20
	// NewsMost is how many pieces of news a coordinator keeps.
	NewsMost = 4096
	// NewsAtOnce is how many of them [Coordinator.News] tells at most; the next ones come
	// after the place of the last. An answer must not take longer than it is waited for.
	NewsAtOnce = 256

	everyMost = time.Hour
	burstMost = 1000
)

// Bounded returns a rate that can be reckoned with: whole microseconds, of which a clock
// of Redis is made, and at least one turn at once.
func (r Rate) Bounded() Rate {
	return Rate{
		Every: min(max(r.Every, 0), everyMost).Truncate(time.Microsecond),
		Burst: min(max(r.Burst, 1), burstMost),
	}
}

// BoundedPause returns a pause that [Coordinator.Slow] may make of the one it is given.
func BoundedPause(pause time.Duration) time.Duration {
	return min(max(pause, PauseLeast), PauseMost).Truncate(time.Microsecond)
}

// BoundedTTL returns a time to live in whole milliseconds, which Redis counts, and at
// least one.
func BoundedTTL(ttl time.Duration) time.Duration {
	return max((ttl + time.Millisecond - 1).Truncate(time.Millisecond), time.Millisecond)
}
