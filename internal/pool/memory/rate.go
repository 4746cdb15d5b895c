package memory

import (
	"time"

	"ccsfs/internal/pool"
)

// rate is how turns are given. Its functions are those of the script of internal/pool/redis,
// line by line.
type rate struct {
	// tat is when the next turn would be due if all were taken evenly: the theoretical
	// arrival time of the generic cell rate algorithm (ITU-T I.371).
	tat     moment
	paused  moment // nothing goes before
	slowed  moment // when the rate was last halved
	recover moment // when it doubles again
	halved  int    // how often it is halved now
	seen    moment // when that was
}

// fresh is what is known after everything was forgotten: turns of the last second may have
// been given.
func fresh(now moment, r pool.Rate) *rate {
	paused := now.add(pool.ForgottenPause)
	return &rate{tat: paused.add(time.Duration(r.Burst-1) * r.Every), paused: paused, seen: now}
}

// turn reserves a turn, if it is due soon enough. A turn is due when the pause is over, and
// when it is at most a burst early.
func (s *rate) turn(now moment, r pool.Rate, most time.Duration) (wait time.Duration, taken bool) {
	s.catchUp(now)
	every := r.Every
	if every == 0 && s.halved > 0 {
		every = pool.SlowUnlimited
	}
	every <<= s.halved
	early := time.Duration(r.Burst-1) * every
	// More than that was not given: it is of members with another rate, or damage.
	s.tat = min(s.tat, now.add(max(pool.AheadMost, every)+early))
	due := max(now, s.paused)
	if every > 0 {
		due = max(due, s.tat.add(-early))
	}
	wait = due.sub(now)
	if wait > min(most, max(pool.AheadMost-every, 0)) {
		return wait, false
	}
	if every > 0 {
		s.tat = max(s.tat, due).add(every)
	}
	return wait, true
}

// slow pauses all turns and halves the rate. Requests that were on their way before the
// last halving do not halve it again.
func (s *rate) slow(now moment, sent, pause time.Duration) {
	s.catchUp(now)
	s.paused = max(s.paused, now.add(pause))
	s.recover = s.paused.add(pool.SlowFor)
	if s.halved > 0 && now.add(-sent) < s.slowed {
		return
	}
	s.slowed = now
	s.halved = min(s.halved+1, pool.SlowMost)
}

func (s *rate) pace(now moment) pool.Pace {
	is := *s
	is.catchUp(now)
	return pool.Pace{
		Ahead:  max(now, is.paused, min(is.tat, now.add(pool.AheadMost))).sub(now),
		Paused: max(now, is.paused).sub(now),
		Halved: is.halved,
	}
}

// catchUp makes what is known plausible, whatever the clock did, and doubles a slowed rate
// when its time has come. Where the clock has gone back all goes back with it: a pause that
// was over does not come again.
func (s *rate) catchUp(now moment) {
	if back := s.seen - now; back > 0 {
		s.tat -= back
		s.paused -= back
		s.slowed -= back
		s.recover -= back
	}
	s.seen = now
	s.paused = min(s.paused, now.add(pool.PauseMost))
	s.slowed = min(s.slowed, now)
	s.recover = min(s.recover, now.add(pool.PauseMost+pool.SlowFor))
	for s.halved > 0 && now >= s.recover {
		s.halved--
		s.recover = s.recover.add(pool.SlowFor)
	}
}
