package redis

// ClockKey is where the scripts read the time, after SetClock, in microseconds.
const ClockKey = "clock"

// SetClock makes the scripts of c read their time from a key.
func SetClock(c *Coordinator) {
	c.scripts = newScripts("local now = tonumber(redis.call('GET', '" + ClockKey + "'))\n")
}
