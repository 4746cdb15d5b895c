package fleet

import (
	"context"
	"flag"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"ccsfs/internal/pool/memory"
	"ccsfs/internal/pool/seal"
)

// scenario is a fleet, what it wants, and what goes wrong.
type scenario struct {
	name     string
	members  int // of ten thousand; 0: all
	docs     int
	wants    int           // documents of each member; 0: all
	parallel int           // that it wants at once
	wave     time.Duration // from the first member's coming to the last one's
	rates    bool          // members are set to different rates
	faults   faults
	bound    time.Duration // nobody waits longer, all in all
}

// scenarios are those of the table.
func scenarios() []scenario {
	third := func(m int, at time.Duration) bool { return m%3 == 0 && during(5*time.Second, 45*time.Second)(at) }
	const docs, wants, parallel, bound = 300, 20, 4, 3 * time.Minute
	all := []scenario{
		{name: "cold start of all at once", docs: 1000, wants: 30},
		{name: "one document for all", docs: 1, wants: 1},
		{name: "waves of new members", wave: time.Minute},
		{name: "a document that is broken", docs: 20, wants: 20, faults: faults{broken: 5}},
		{name: "members of different rates", rates: true, bound: 10 * time.Minute},
		{name: "a tenth crashes, at any step", faults: faults{crash: 0.1}},
		{name: "coordinator restarted empty", faults: faults{forget: []time.Duration{5 * time.Second, 9 * time.Second}}},
		{name: "coordinator away for 30 s", faults: faults{coordinatorAway: forAll(during(5*time.Second, 35*time.Second))}},
		{name: "bucket away for 60 s", faults: faults{bucketAway: forAll(during(5*time.Second, 65*time.Second))}},
		{name: "bucket slow", faults: faults{slow: 2 * time.Second}},
		{name: "a third cut off for 40 s", faults: faults{coordinatorAway: third, bucketAway: third}},
		{name: "1 % of answers lost", faults: faults{lose: 0.01}},
		{name: "API away for 30 s", faults: faults{apiAway: during(5*time.Second, 35*time.Second)}},
		{name: "API answers 429 for 10 s", bound: 10 * time.Minute, faults: faults{apiBusy: during(5*time.Second, 15*time.Second)}},
		{name: "holders stand still for 60 s", bound: 5 * time.Minute, faults: faults{pause: 0.01}},
	}
	for i := range all {
		s := &all[i]
		s.parallel = parallel
		for _, d := range []struct {
			to *int
			is int
		}{{&s.docs, docs}, {&s.wants, wants}, {&s.members, 10}} {
			if *d.to == 0 {
				*d.to = d.is
			}
		}
		if s.bound == 0 {
			s.bound = bound
		}
	}
	all[0].members, all[1].members = 100, 100
	return all
}

// settings of a run.
type settings struct {
	members *int
	seed    *uint64
}

func flags() settings {
	return settings{
		flag.Int("fleet.members", 200, "members of the largest scenarios; the others have a tenth of them, and at least 50"),
		flag.Uint64("fleet.seed", 1, "of delays, crashes, and who wants what"),
	}
}

var given = flags() //nolint:gochecknoglobals // a flag of a test is one of its package

// TestFleet runs all scenarios, and prints the table.
func TestFleet(t *testing.T) {
	t.Logf("seed %d", *given.seed)
	var table strings.Builder
	fmt.Fprintf(&table, "\n%-30s %7s %5s %6s %6s %6s %8s %8s %8s %8s %7s %7s\n", "scenario", "members", "docs", "calls", "a doc", "worst", "p50", "p99", "max", "all", "redis/s", "usual")
	for _, s := range scenarios() {
		s.members = max(*given.members*s.members/100, min(50, *given.members))
		t.Run(s.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) { fmt.Fprint(&table, s.run(t, *given.seed)) })
		})
	}
	t.Log(table.String())
}

// run runs a scenario, holds what is promised against it, and gives its line of the table.
func (s scenario) run(t *testing.T, seed uint64) string {
	key, _, err := seal.Generate()
	if err != nil {
		t.Fatal(err)
	}
	w := &world{scenario: s, seed: seed, key: key, coordinator: memory.NewCoordinator(), bucket: memory.NewObjects(),
		began: time.Now(), calls: map[string]int{}}
	var wg sync.WaitGroup
	for _, at := range s.faults.forget {
		wg.Go(func() {
			time.Sleep(at)
			leases, _ := w.coordinator.Leases(context.Background())
			w.forgotten.Add(int64(len(leases)))
			w.coordinator.Forget()
		})
	}
	var without, lost, gone atomic.Int64
	var mu sync.Mutex
	var took []time.Duration
	var end time.Duration
	for m := range s.members {
		wg.Go(func() {
			ctx, cancel := context.WithTimeout(context.Background(), s.bound)
			defer cancel()
			ids := rand.New(rand.NewPCG(seed, uint64(m)<<32)).Perm(s.docs)[:s.wants]
			time.Sleep(s.wave*time.Duration(m)/time.Duration(s.members) + time.Nanosecond)
			x := w.join(m, cancel)
			missing := x.live(ctx, ids)
			mu.Lock()
			if took = append(took, x.took...); !x.dead {
				end = max(end, w.at())
			}
			mu.Unlock()
			if lost.Add(x.pool.Stats().Lost); x.dead {
				gone.Add(1)
			} else {
				without.Add(int64(missing))
			}
			if err := x.pool.Close(); err != nil {
				t.Error(err)
			}
		})
	}
	wg.Wait()
	return w.judge(t, took, end, without.Load(), lost.Load(), gone.Load())
}

// worst is how many calls there were in the worst second.
func (w *world) worst() (most int) {
	for i, from := range w.asked {
		n := i
		for n < len(w.asked) && w.asked[n].Sub(from) < time.Second {
			n++
		}
		most = max(most, n-i)
	}
	return most
}

// judge compares what happened with what is promised.
func (w *world) judge(t *testing.T, took []time.Duration, end time.Duration, without, lost, gone int64) string {
	// Asked for again is what was refused, or in the hands of a member that crashed, lost its
	// lease, or had one when the coordinator forgot it.
	again := w.failed.Load() + w.crashed.Load() + w.forgotten.Load() + lost
	docs := 0
	for range w.calls {
		docs++
	}
	calls, worst := len(w.asked), w.worst()
	if int64(calls) > int64(docs)+again {
		t.Errorf("%d calls for %d documents; %d may be asked for again", calls, docs, again)
	}
	if most := perSecond + int(w.paused.Load()); worst > most {
		t.Errorf("%d calls in a second, %d may be", worst, most)
	}
	if without > 0 {
		t.Errorf("%d were not had within %v", without, w.bound)
	}
	if w.faults.crash > 0 && gone == 0 {
		t.Error("nobody crashed")
	}
	if n := w.bucket.Opened(); n != 0 {
		t.Errorf("%d bodies are open", n)
	}
	time.Sleep(16 * time.Second)
	if leases, _ := w.coordinator.Leases(t.Context()); len(leases) > 0 {
		t.Errorf("leases are left: %v", leases)
	}
	slices.Sort(took)
	inOrder := slices.Sorted(slices.Values(w.operation))
	usual := inOrder[len(inOrder)/2]
	of := func(p int) string {
		return fmt.Sprintf("%.2f s", took[(len(took)-1)*p/100].Seconds())
	}
	return fmt.Sprintf("%-30s %7d %5d %6d %6.2f %6d %8s %8s %8s %8s %7d %7d\n", w.name, w.members, docs, calls,
		float64(calls)/float64(docs), worst, of(50), of(99), of(100), fmt.Sprintf("%.0f s", end.Seconds()), slices.Max(w.operation), usual)
}
