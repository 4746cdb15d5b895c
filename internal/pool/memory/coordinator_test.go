package memory_test

import (
	"testing"
	"testing/synctest"
	"time"

	"ccsfs/internal/pool"
	"ccsfs/internal/pool/memory"
	"ccsfs/internal/pool/pooltest"
)

func TestCoordinator(t *testing.T) {
	pooltest.RunCoordinator(t, pooltest.Kind{
		Open: func(*testing.T) pooltest.Engine {
			c := memory.NewCoordinator()
			return pooltest.Engine{Coordinator: c, Sleep: time.Sleep, Exact: true, Forget: c.Forget}
		},
		Within: func(t *testing.T, test func(*testing.T)) { synctest.Test(t, test) },
	})
}

// A clock that goes back, by however much, holds nobody up for longer than before, and one
// that goes forward gives no more than a burst.
func TestAClockThatJumps(t *testing.T) {
	r := pool.Rate{Every: 50 * time.Millisecond, Burst: 3}
	for name, test := range map[string]struct{ jump, wait time.Duration }{
		"back":    {-24 * time.Hour, r.Every},
		"a bit":   {-time.Millisecond, r.Every},
		"not":     {0, r.Every},
		"forward": {24 * time.Hour, 0},
	} {
		t.Run(name, func(t *testing.T) {
			now := time.Date(2026, 11, 30, 12, 0, 0, 0, time.UTC)
			c := memory.NewCoordinatorOf(func() time.Time { return now })
			turn := func(most time.Duration) (time.Duration, bool) {
				wait, taken, err := c.Turn(t.Context(), r, most)
				if err != nil {
					t.Fatal(err)
				}
				return wait, taken
			}
			turn(0)
			now = now.Add(time.Minute)
			for range r.Burst {
				turn(0)
			}
			now = now.Add(test.jump)
			if wait, _ := turn(-1); wait != test.wait {
				t.Errorf("the next turn in %s", wait)
			}
			now = now.Add(test.wait)
			given := 0
			for range 100 {
				if _, taken := turn(0); taken {
					given++
				}
			}
			if given == 0 || given > r.Burst {
				t.Errorf("%d turns at once", given)
			}
		})
	}
}
