package redis

import "time"

// OpenPatiently is Open for tests that are not about time: this machine may be busy.
func OpenPatiently(cfg Config) (*Coordinator, error) {
	return open(cfg, patience{call: time.Minute, dial: time.Minute, io: time.Minute})
}

// ClockKey is where the scripts read the time, after SetClock, in microseconds.
const ClockKey = "clock"

// SetClock makes the scripts of c read their time from a key.
func SetClock(c *Coordinator) {
	c.scripts = newScripts("local now = tonumber(redis.call('GET', '" + ClockKey + "'))\n")
}
