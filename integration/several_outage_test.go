//go:build linux

package integration

import (
	"math/rand/v2"
	"testing"
	"time"

	"ccsfs/apiclient/apisim"
)

// TestOutagesForFour: what answers with a good status, or by turns, for twenty seconds,
// while two pulls, a cp by exec and a mount that is read share a cache: each gets every
// byte, and all together keep to the rate of one, and to less in it.
func TestOutagesForFour(t *testing.T) {
	begin(t)
	const length = 20 * time.Second
	// A process that asks for its first token in it may fail: documents alone are away.
	documents := apisim.Match{Op: apisim.OpFile}
	lasting := func(way apisim.Outage) func(*crew) {
		return func(c *crew) {
			c.sim.GoAway(way, documents, length)
			time.Sleep(length)
		}
	}
	byTurns := func(way apisim.Outage) func(*crew) {
		return func(c *crew) {
			r := rand.New(rand.NewPCG(4, 0))
			for end := time.Now().Add(length); time.Now().Before(end); {
				d := time.Duration(100+r.IntN(300)) * time.Millisecond
				c.sim.GoAway(way, documents, d)
				time.Sleep(2 * d)
			}
		}
	}
	t.Run("all", func(t *testing.T) {
		for _, tt := range []struct {
			name   string
			passes func(*crew)
			most   int // calls; at the full rate it were 400
		}{
			{"pages", lasting(apisim.OutagePage), 200},
			{"nothing", lasting(apisim.OutageNothing), 200},
			{"pages by turns", byTurns(apisim.OutagePage), 350},
			{"errors by turns", byTurns(apisim.OutageError), 350},
		} {
			survive(t, tt.name, func(t *testing.T) {
				c := newCrew(t, apisim.Synthetic(2, 120, 30_000, ".pdf"))
				c.work()
				time.Sleep(4 * time.Second)
				before := c.sim.Calls()
				tt.passes(c)
				after := c.sim.Calls()
				within(t, time.Minute, "the copies", func() { c.finish("") })
				if worst := c.sim.Calls().MaxPerSecond; worst > apiLimit {
					t.Errorf("%d calls in a second", worst)
				}
				n := asked(after) - asked(before)
				t.Logf("%d calls in it, %d before", n, asked(before))
				if n > tt.most {
					t.Errorf("%d calls in it, want at most %d", n, tt.most)
				}
			})
		}
	})
}

// asked is how many calls were made but for tokens.
func asked(calls apisim.Calls) int {
	return calls.Contracts + calls.Contract + calls.Documents + calls.File
}
