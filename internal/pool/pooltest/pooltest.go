// Package pooltest has the tests that every [pool.Coordinator] must pass.
package pooltest

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"testing"
	"time"

	"ccsfs/internal/pool"
)

// Kind is a kind of coordinator.
type Kind struct {
	// Open opens an engine that knows nothing. It is closed at the end of the test.
	Open func(t *testing.T) Engine
	// Within runs a test, as in a bubble of testing/synctest; nil: it is just called.
	Within func(t *testing.T, test func(t *testing.T))
	// Parallel lets tests run beside one another, since they wait for the time to pass.
	Parallel bool
}

// Engine is an engine, and its clock.
type Engine struct {
	pool.Coordinator
	// Sleep lets the clock of the engine go on, at least by d.
	Sleep func(d time.Duration)
	// Exact says that the clock goes on by Sleep alone.
	Exact bool
	// Forget makes the engine forget everything; nil: it cannot.
	Forget func()
}

// RunCoordinator runs all tests on a kind of coordinator.
func RunCoordinator(t *testing.T, kind Kind) {
	for _, tests := range []map[string]func(*testing.T, Engine){rateTests(), leaseTests(), keepingTests()} {
		for _, name := range slices.Sorted(maps.Keys(tests)) {
			test := tests[name]
			t.Run(name, func(t *testing.T) {
				if kind.Parallel {
					t.Parallel()
				}
				within := kind.Within
				if within == nil {
					within = func(t *testing.T, test func(*testing.T)) { test(t) }
				}
				within(t, func(t *testing.T) { test(t, kind.Open(t)) })
			})
		}
	}
}

func check(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// equal compares where the clock is exact, and what is compared depends on it.
func equal[T comparable](t *testing.T, e Engine, what string, got, want T) {
	t.Helper()
	if e.Exact && got != want {
		t.Errorf("%s: %v, want %v", what, got, want)
	}
}

// same compares.
func same[T comparable](t *testing.T, what string, got, want T) {
	t.Helper()
	if got != want {
		t.Errorf("%s: %v, want %v", what, got, want)
	}
}

// A context that has ended ends each call, and nothing is done.
func contextsThatHaveEnded(t *testing.T, e Engine) {
	check(t, e.Set(t.Context(), "k", []byte("before"), time.Minute))
	_, place, _, err := e.News(t.Context(), "")
	check(t, err)
	canceled, cancel := context.WithCancel(t.Context())
	cancel()
	expired, cancel := context.WithTimeout(t.Context(), -time.Second)
	defer cancel()
	for want, ctx := range map[error]context.Context{context.Canceled: canceled, context.DeadlineExceeded: expired} {
		for name, err := range everyCall(ctx, e) {
			if !errors.Is(err, want) || errors.Is(err, pool.ErrAway) || errors.Is(err, pool.ErrRefused) {
				t.Errorf("%s: %v", name, err)
			}
		}
	}
	value, err := e.Get(t.Context(), "k")
	check(t, err)
	same(t, "value", string(value), "before")
	leases, err := e.Leases(t.Context())
	check(t, err)
	members, err := e.Members(t.Context())
	check(t, err)
	news, _, missed, err := e.News(t.Context(), place)
	check(t, err)
	pace, err := e.Pace(t.Context())
	check(t, err)
	if len(leases)+len(members)+len(news)+pace.Halved != 0 || missed {
		t.Errorf("%v, %v, %v, %v, %v", leases, members, news, pace, missed)
	}
}

// everyCall makes each call once, and returns its error.
func everyCall(ctx context.Context, c pool.Coordinator) map[string]error {
	errs := make(map[string]error)
	_, _, errs["Turn"] = c.Turn(ctx, pool.Rate{Every: time.Second, Burst: 1}, time.Second)
	errs["Slow"] = c.Slow(ctx, 0, 0)
	_, errs["Pace"] = c.Pace(ctx)
	_, errs["Acquire"] = c.Acquire(ctx, "n", "h", time.Second)
	_, errs["Renew"] = c.Renew(ctx, "n", "h", time.Second)
	errs["Release"] = c.Release(ctx, "n", "h")
	_, errs["Leases"] = c.Leases(ctx)
	_, errs["Get"] = c.Get(ctx, "k")
	errs["Set"] = c.Set(ctx, "k", []byte("v"), time.Second)
	errs["Tell"] = c.Tell(ctx, "n")
	_, _, _, errs["News"] = c.News(ctx, "")
	_, errs["Beat"] = c.Beat(ctx, "m", []byte("a"), time.Second)
	_, errs["Members"] = c.Members(ctx)
	return errs
}

// EveryCall makes each call once, and returns their errors by name: where an engine is away
// or refuses, all say so.
func EveryCall(ctx context.Context, c pool.Coordinator) map[string]error { return everyCall(ctx, c) }

// names are odd ones, which are all different.
func names() []string {
	return []string{"n", "N", "n ", "", "a:b", "{a}", "d/ü€\x00\xff", "until", "*", "n\r\n$3"}
}

func numbered(prefix string, i int) string { return fmt.Sprintf("%s%d", prefix, i) }
