package pooltest

import (
	"maps"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

func leaseTests() map[string]func(*testing.T, Engine) {
	return map[string]func(*testing.T, Engine){
		"OneHolderOfALease":               oneHolderOfALease,
		"OneHolderAtATime":                oneHolderAtATime,
		"LeasesRunOut":                    leasesRunOut,
		"LeasesAreRenewed":                leasesAreRenewed,
		"OnlyTheHolderRenewsAndGivesBack": onlyTheHolderRenewsAndGivesBack,
		"AnAnswerThatWasLost":             anAnswerThatWasLost,
		"OddNamesOfLeases":                oddNamesOfLeases,
		"LeasesAreForgotten":              leasesAreForgotten,
	}
}

func acquire(t *testing.T, e Engine, name, holder string, ttl time.Duration) (by string) {
	t.Helper()
	by, err := e.Acquire(t.Context(), name, holder, ttl)
	check(t, err)
	return by
}

func wantLeases(t *testing.T, e Engine, want map[string]string) {
	t.Helper()
	got, err := e.Leases(t.Context())
	check(t, err)
	if !maps.Equal(got, want) {
		t.Errorf("leases are %v, want %v", got, want)
	}
}

func oneHolderOfALease(t *testing.T, e Engine) {
	const members, rounds = 16, 100
	var mu sync.Mutex
	winners, told := make(map[string][]string), make(map[string]map[string]bool)
	var all sync.WaitGroup
	for i := range members {
		holder := numbered("holder", i)
		all.Go(func() {
			for round := range rounds {
				name := numbered("name", round)
				by, err := e.Acquire(t.Context(), name, holder, time.Minute)
				if err != nil {
					t.Error(err)
					return
				}
				mu.Lock()
				if by == holder {
					winners[name] = append(winners[name], holder)
				}
				if told[name] == nil {
					told[name] = make(map[string]bool)
				}
				told[name][by] = true
				mu.Unlock()
			}
		})
	}
	all.Wait()
	want := make(map[string]string)
	for round := range rounds {
		name := numbered("name", round)
		if len(winners[name]) != 1 || len(told[name]) != 1 {
			t.Fatalf("%s: won by %v, told is %v", name, winners[name], told[name])
		}
		want[name] = winners[name][0]
	}
	wantLeases(t, e, want)
}

// oneHolderAtATime: what is given back goes on to another one, and never to two.
func oneHolderAtATime(t *testing.T, e Engine) {
	var inside, times atomic.Int64
	var all sync.WaitGroup
	for i := range 16 {
		all.Go(func() {
			for round := range 100 {
				holder := numbered("holder", i*1000+round)
				by, err := e.Acquire(t.Context(), "name", holder, time.Minute)
				if err != nil {
					t.Error(err)
					return
				}
				if by != holder {
					continue
				}
				if n := inside.Add(1); n != 1 {
					t.Errorf("%d hold it", n)
				}
				times.Add(1)
				inside.Add(-1)
				if err := e.Release(t.Context(), "name", holder); err != nil {
					t.Error(err)
				}
			}
		})
	}
	all.Wait()
	if times.Load() == 0 {
		t.Error("nobody had it")
	}
	wantLeases(t, e, nil)
}

func leasesRunOut(t *testing.T, e Engine) {
	same(t, "holder", acquire(t, e, "short", "a", 30*time.Millisecond), "a")
	same(t, "holder", acquire(t, e, "long", "a", time.Minute), "a")
	same(t, "holder", acquire(t, e, "no time", "a", 0), "a")
	if e.Exact {
		e.Sleep(29 * time.Millisecond)
		same(t, "holder", acquire(t, e, "short", "b", time.Minute), "a")
	}
	e.Sleep(31 * time.Millisecond)
	wantLeases(t, e, map[string]string{"long": "a"})
	if held, err := e.Renew(t.Context(), "short", "a", time.Minute); err != nil || held {
		t.Errorf("renewed after its end (%v)", err)
	}
	same(t, "holder", acquire(t, e, "short", "b", time.Minute), "b")
	check(t, e.Release(t.Context(), "short", "a")) // too late
	same(t, "holder", acquire(t, e, "short", "c", time.Minute), "b")
	same(t, "holder", acquire(t, e, "long", "c", time.Minute), "a")
	wantLeases(t, e, map[string]string{"long": "a", "short": "b"})
}

func leasesAreRenewed(t *testing.T, e Engine) {
	same(t, "holder", acquire(t, e, "n", "a", 30*time.Millisecond), "a")
	if held, err := e.Renew(t.Context(), "n", "a", time.Minute); err != nil || !held {
		if e.Exact {
			t.Fatalf("not renewed (%v)", err)
		}
		t.Skip("this machine was too slow")
	}
	e.Sleep(50 * time.Millisecond)
	same(t, "holder", acquire(t, e, "n", "b", time.Minute), "a")
	held, err := e.Renew(t.Context(), "n", "a", 20*time.Millisecond) // also to a shorter time
	check(t, err)
	same(t, "held", held, true)
	e.Sleep(30 * time.Millisecond)
	same(t, "holder", acquire(t, e, "n", "b", time.Minute), "b")
}

func onlyTheHolderRenewsAndGivesBack(t *testing.T, e Engine) {
	same(t, "holder", acquire(t, e, "n", "a", time.Minute), "a")
	for _, other := range []string{"b", "", "A", "a "} {
		held, err := e.Renew(t.Context(), "n", other, time.Minute)
		check(t, err)
		same(t, "held", held, false)
		check(t, e.Release(t.Context(), "n", other))
	}
	held, err := e.Renew(t.Context(), "none", "a", time.Minute)
	check(t, err)
	same(t, "held", held, false)
	check(t, e.Release(t.Context(), "none", "a"))
	wantLeases(t, e, map[string]string{"n": "a"})
	check(t, e.Release(t.Context(), "n", "a"))
	check(t, e.Release(t.Context(), "n", "a"))
	wantLeases(t, e, nil)
	same(t, "holder", acquire(t, e, "n", "b", time.Minute), "b")
}

// anAnswerThatWasLost: who asks once more, has it for the new time.
func anAnswerThatWasLost(t *testing.T, e Engine) {
	acquire(t, e, "n", "a", 20*time.Millisecond)
	same(t, "holder", acquire(t, e, "n", "a", time.Minute), "a")
	e.Sleep(40 * time.Millisecond)
	same(t, "holder", acquire(t, e, "n", "b", time.Minute), "a")
}

func oddNamesOfLeases(t *testing.T, e Engine) {
	want := make(map[string]string)
	for i, name := range names() {
		want[name] = numbered("holder\x00 ", i)
		same(t, "holder", acquire(t, e, name, want[name], time.Minute), want[name])
	}
	wantLeases(t, e, want)
	for name, holder := range want {
		check(t, e.Release(t.Context(), name, holder))
	}
	wantLeases(t, e, nil)
}

func leasesAreForgotten(t *testing.T, e Engine) {
	if e.Forget == nil {
		t.Skip("it forgets nothing")
	}
	acquire(t, e, "n", "a", time.Minute)
	e.Forget()
	wantLeases(t, e, nil)
	if held, err := e.Renew(t.Context(), "n", "a", time.Minute); err != nil || held {
		t.Errorf("renewed what is forgotten (%v)", err)
	}
	same(t, "holder", acquire(t, e, "n", "b", time.Minute), "b")
}
