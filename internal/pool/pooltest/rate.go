package pooltest

import (
	"slices"
	"sync"
	"testing"
	"time"

	"ccsfs/internal/pool"
)

func rateTests() map[string]func(*testing.T, Engine) {
	return map[string]func(*testing.T, Engine){
		"WhatIsForgottenBeginsWithAPause":      whatIsForgottenBeginsWithAPause,
		"ABurstThenOneAfterTheOther":           aBurstThenOneAfterTheOther,
		"TurnsThatAreTooFarAreNotTaken":        turnsThatAreTooFarAreNotTaken,
		"NoTurnIsFurtherAheadThanMayBe":        noTurnIsFurtherAheadThanMayBe,
		"ManyAtOnce":                           manyAtOnce,
		"TurnsThatWaitForAPauseAreSpaced":      turnsThatWaitForAPauseAreSpaced,
		"SlowHalvesOnceForWhatWasSentTogether": slowHalvesOnceForWhatWasSentTogether,
		"SlowIsBounded":                        slowIsBounded,
		"SlowEnds":                             slowEnds,
		"WithoutARate":                         withoutARate,
		"RatesThatCannotBe":                    ratesThatCannotBe,
		"PaceChangesNothing":                   paceChangesNothing,
		"ForgettingARate":                      forgettingARate,
	}
}

// begun is an engine whose first pause is over, with a whole burst of a rate.
func begun(t *testing.T, e Engine, r pool.Rate) {
	t.Helper()
	_, taken, err := e.Turn(t.Context(), r, 0)
	check(t, err)
	if taken {
		t.Fatal("the first turn is given at once")
	}
	e.Sleep(pool.ForgottenPause + time.Duration(r.Burst)*r.Every)
}

// turn is a turn that was given: when it is due lies between two times of this machine.
type turn struct{ from, to time.Time }

// take takes a turn, and expects it.
func take(t *testing.T, e Engine, r pool.Rate, most time.Duration) (wait time.Duration, given turn) {
	t.Helper()
	sent := time.Now()
	wait, taken, err := e.Turn(t.Context(), r, most)
	check(t, err)
	if !taken {
		t.Fatalf("a turn in %s is not given, of %s", wait, most)
	}
	return wait, turn{sent.Add(wait), time.Now().Add(wait)}
}

func whatIsForgottenBeginsWithAPause(t *testing.T, e Engine) {
	r := pool.Rate{Every: 50 * time.Millisecond, Burst: 3}
	pace, err := e.Pace(t.Context())
	check(t, err)
	same(t, "pace", pace, pool.Pace{Ahead: pool.ForgottenPause, Paused: pool.ForgottenPause})
	wait, taken, err := e.Turn(t.Context(), r, 0)
	check(t, err)
	if taken || wait != pool.ForgottenPause {
		t.Errorf("the first turn in %s (%v)", wait, taken)
	}
	_, first := take(t, e, r, 2*pool.ForgottenPause)
	for i := range 3 { // no burst
		wait, next := take(t, e, r, 2*pool.ForgottenPause)
		equal(t, e, "wait", wait, pool.ForgottenPause+time.Duration(i+1)*r.Every)
		if apart := next.to.Sub(first.from); apart < time.Duration(i+1)*r.Every && !e.Exact {
			t.Errorf("turn %d after %s", i+1, apart)
		}
	}
}

func aBurstThenOneAfterTheOther(t *testing.T, e Engine) {
	r := pool.Rate{Every: 500 * time.Millisecond, Burst: 3}
	begun(t, e, r)
	var turns []turn
	for i := range 7 {
		wait, given := take(t, e, r, 5*time.Second)
		turns = append(turns, given)
		equal(t, e, "wait", wait, time.Duration(max(i-2, 0))*r.Every)
		if i < r.Burst && wait != 0 {
			t.Errorf("turn %d of a burst in %s", i, wait)
		}
	}
	if !e.Exact {
		spaced(t, turns, r)
	}
	if e.Exact { // what is taken late does not come back, what is not taken does up to a burst
		e.Sleep(time.Minute)
		for i := range 4 {
			wait, _ := take(t, e, r, 5*time.Second)
			equal(t, e, "wait", wait, time.Duration(max(i-2, 0))*r.Every)
		}
	}
}

// spaced expects turns not to be nearer to one another than a rate lets them be.
func spaced(t *testing.T, turns []turn, r pool.Rate) {
	t.Helper()
	slices.SortFunc(turns, func(a, b turn) int { return a.to.Compare(b.to) })
	for i := range turns {
		for j := i + r.Burst; j < len(turns); j++ {
			first, last := turns[i].from, turns[j].to
			for _, between := range turns[i : j+1] {
				first = earlier(first, between.from)
			}
			if apart, want := last.Sub(first), time.Duration(j-i+1-r.Burst)*r.Every; apart < want {
				t.Fatalf("%d turns within %s, want %s at least", j-i+1, apart, want)
			}
		}
	}
}

func earlier(a, b time.Time) time.Time {
	if b.Before(a) {
		return b
	}
	return a
}

func turnsThatAreTooFarAreNotTaken(t *testing.T, e Engine) {
	r := pool.Rate{Every: 2 * time.Second, Burst: 1}
	begun(t, e, r)
	_, first := take(t, e, r, 0)
	for range 20 {
		sent := time.Now()
		wait, taken, err := e.Turn(t.Context(), r, time.Millisecond)
		check(t, err)
		equal(t, e, "wait", wait, r.Every)
		if due := sent.Add(wait); due.After(first.to.Add(r.Every)) && !e.Exact {
			t.Fatalf("a turn that was not taken is spent: %s after the first", due.Sub(first.to))
		}
		if taken && wait > time.Millisecond {
			t.Fatalf("a turn in %s is taken", wait)
		}
	}
	wait, _ := take(t, e, r, r.Every)
	equal(t, e, "wait", wait, r.Every)
}

func noTurnIsFurtherAheadThanMayBe(t *testing.T, e Engine) {
	r := pool.Rate{Every: time.Second, Burst: 2}
	begun(t, e, r)
	given := 0
	for {
		wait, taken, err := e.Turn(t.Context(), r, time.Hour)
		check(t, err)
		if wait > pool.AheadMost {
			t.Fatalf("a turn in %s", wait)
		}
		if !taken {
			break
		}
		if given++; given > 1000 {
			t.Fatal("turns are given for ever")
		}
	}
	equal(t, e, "turns ahead", given, 2+int(pool.AheadMost/r.Every)-1)
	low := pool.Rate{Every: time.Minute, Burst: 1} // an interval that is longer than that
	e.Sleep(0)
	wait, taken, err := e.Turn(t.Context(), low, time.Hour)
	check(t, err)
	if taken || wait > low.Every {
		t.Errorf("a turn in %s (%v)", wait, taken)
	}
}

// manyAtOnce is what the API allows: 25 requests in a second, here with 20/s, three at once.
func manyAtOnce(t *testing.T, e Engine) {
	r := pool.Rate{Every: 50 * time.Millisecond, Burst: 3}
	begun(t, e, r)
	var mu sync.Mutex
	var turns []turn
	var all sync.WaitGroup
	for range 32 {
		all.Go(func() {
			for range 6 {
				sent := time.Now()
				wait, taken, err := e.Turn(t.Context(), r, pool.AheadMost)
				received := time.Now()
				if err != nil {
					t.Error(err)
					return
				}
				if !taken {
					continue
				}
				mu.Lock()
				turns = append(turns, turn{sent.Add(wait), received.Add(wait)})
				mu.Unlock()
			}
		})
	}
	all.Wait()
	if len(turns) < 100 {
		t.Errorf("%d turns", len(turns))
	}
	spaced(t, turns, r)
	for _, begin := range turns {
		in := 0
		for _, other := range turns {
			if !other.from.Before(begin.from) && other.to.Before(begin.from.Add(time.Second)) {
				in++
			}
		}
		if in > 25 {
			t.Fatalf("%d turns in a second", in)
		}
	}
}

// turnsThatWaitForAPauseAreSpaced: that all of them wait for one moment does not make them
// due together.
func turnsThatWaitForAPauseAreSpaced(t *testing.T, e Engine) {
	r := pool.Rate{Every: 50 * time.Millisecond, Burst: 3}
	begun(t, e, r)
	check(t, e.Slow(t.Context(), 0, time.Second))
	var turns []turn
	for i := range 20 {
		wait, given := take(t, e, r, pool.AheadMost)
		turns = append(turns, given)
		equal(t, e, "wait", wait, time.Second+time.Duration(max(i-2, 0))*2*r.Every)
	}
	if !e.Exact {
		spaced(t, turns, pool.Rate{Every: 2 * r.Every, Burst: r.Burst})
	}
}

func slowHalvesOnceForWhatWasSentTogether(t *testing.T, e Engine) {
	for range 32 { // all were on their way before the first was refused
		check(t, e.Slow(t.Context(), time.Minute, time.Second))
	}
	pace, err := e.Pace(t.Context())
	check(t, err)
	same(t, "halved", pace.Halved, 1)
	e.Sleep(20 * time.Millisecond)
	sent := time.Second
	if !e.Exact {
		sent = time.Minute // all that may have taken more than a second
	}
	check(t, e.Slow(t.Context(), sent, time.Second)) // sent before that was known
	if pace, err = e.Pace(t.Context()); err != nil || pace.Halved != 1 {
		t.Errorf("%+v (%v)", pace, err)
	}
	check(t, e.Slow(t.Context(), 0, time.Second))
	if pace, err = e.Pace(t.Context()); err != nil || pace.Halved != 2 {
		t.Errorf("%+v (%v)", pace, err)
	}
	check(t, e.Slow(t.Context(), -time.Hour, time.Second)) // nothing is sent later than now
	if pace, err = e.Pace(t.Context()); err != nil || pace.Halved != 3 {
		t.Errorf("%+v (%v)", pace, err)
	}
}

func slowIsBounded(t *testing.T, e Engine) {
	begun(t, e, pool.Rate{Every: 50 * time.Millisecond, Burst: 3}) // what is forgotten is paused for longer
	check(t, e.Slow(t.Context(), 0, -time.Hour))
	pace, err := e.Pace(t.Context())
	check(t, err)
	equal(t, e, "pause", pace.Paused, pool.PauseLeast)
	if pace.Paused > pool.PauseLeast {
		t.Errorf("paused for %s", pace.Paused)
	}
	for range 20 {
		check(t, e.Slow(t.Context(), 0, time.Hour))
	}
	pace, err = e.Pace(t.Context())
	check(t, err)
	same(t, "halved", pace.Halved, pool.SlowMost)
	equal(t, e, "pause", pace.Paused, pool.PauseMost)
	if pace.Paused > pool.PauseMost || pace.Ahead < pace.Paused {
		t.Errorf("%+v", pace)
	}
	check(t, e.Slow(t.Context(), 0, time.Second)) // a shorter one does not end it
	if after, err := e.Pace(t.Context()); err != nil || after.Paused < pool.PauseMost/2 {
		t.Errorf("%+v (%v)", after, err)
	}
	wait, taken, err := e.Turn(t.Context(), pool.Rate{Every: time.Millisecond, Burst: 1}, time.Hour)
	check(t, err)
	if taken {
		t.Errorf("a turn in %s is given, in a pause of %s", wait, pool.PauseMost)
	}
}

func slowEnds(t *testing.T, e Engine) {
	if !e.Exact {
		t.Skip("takes minutes, of a clock that cannot be set")
	}
	r := pool.Rate{Every: 50 * time.Millisecond, Burst: 1}
	begun(t, e, r)
	for range 3 {
		check(t, e.Slow(t.Context(), 0, 2*time.Second))
	}
	e.Sleep(2*time.Second + pool.SlowFor - time.Microsecond)
	for want := 3; want >= 0; want-- {
		pace, err := e.Pace(t.Context())
		check(t, err)
		same(t, "halved", pace.Halved, want)
		take(t, e, r, 0)
		wait, _, err := e.Turn(t.Context(), r, 0)
		check(t, err)
		same(t, "interval", wait, r.Every<<want)
		e.Sleep(time.Microsecond)
		if want > 0 {
			pace, err := e.Pace(t.Context())
			check(t, err)
			same(t, "halved", pace.Halved, want-1)
		}
		e.Sleep(pool.SlowFor - time.Microsecond)
	}
}

func withoutARate(t *testing.T, e Engine) {
	var none pool.Rate
	begun(t, e, none)
	for range 100 {
		wait, _ := take(t, e, none, 0)
		same(t, "wait", wait, 0)
	}
	check(t, e.Slow(t.Context(), 0, time.Second))
	var turns []turn
	for i := range 10 {
		wait, given := take(t, e, none, 5*time.Second)
		turns = append(turns, given)
		equal(t, e, "wait", wait, time.Second+time.Duration(i)*2*pool.SlowUnlimited)
	}
	if !e.Exact {
		spaced(t, turns, pool.Rate{Every: 2 * pool.SlowUnlimited, Burst: 1})
	}
}

// ratesThatCannotBe harm nobody else.
func ratesThatCannotBe(t *testing.T, e Engine) {
	const most = 1<<63 - 1
	for _, r := range []pool.Rate{
		{Every: -time.Hour, Burst: -5}, {Every: most, Burst: 1 << 30}, {Every: 1, Burst: 1 << 30}, {Every: most}, {Every: 100},
	} {
		for _, bound := range []time.Duration{0, -time.Hour, time.Second, most} {
			_, _, err := e.Turn(t.Context(), r, bound)
			check(t, err)
		}
	}
	check(t, e.Slow(t.Context(), most, most))
	r := pool.Rate{Every: 50 * time.Millisecond, Burst: 3}
	wait, _, err := e.Turn(t.Context(), r, 0)
	check(t, err)
	if wait > pool.PauseMost {
		t.Errorf("a turn in %s", wait)
	}
}

func paceChangesNothing(t *testing.T, e Engine) {
	r := pool.Rate{Every: 100 * time.Millisecond, Burst: 3}
	begun(t, e, r)
	for range 10 {
		_, err := e.Pace(t.Context())
		check(t, err)
	}
	for i := range 5 {
		wait, _ := take(t, e, r, time.Second)
		equal(t, e, "wait", wait, time.Duration(max(i-2, 0))*r.Every)
		pace, err := e.Pace(t.Context())
		check(t, err)
		equal(t, e, "pace", pace, pool.Pace{Ahead: time.Duration(i+1) * r.Every})
	}
}

func forgettingARate(t *testing.T, e Engine) {
	if e.Forget == nil {
		t.Skip("it forgets nothing")
	}
	r := pool.Rate{Every: 50 * time.Millisecond, Burst: 3}
	begun(t, e, r)
	take(t, e, r, 0)
	check(t, e.Slow(t.Context(), 0, time.Minute))
	e.Forget()
	wait, taken, err := e.Turn(t.Context(), r, 0)
	check(t, err)
	if taken || wait != pool.ForgottenPause {
		t.Errorf("the first turn in %s (%v)", wait, taken)
	}
	pace, err := e.Pace(t.Context())
	check(t, err)
	if pace.Paused <= 0 || pace.Paused > pool.ForgottenPause || pace.Halved != 0 {
		t.Errorf("%+v", pace)
	}
}
