package apiclient

import (
	"cmp"
	"context"
	"math/rand/v2"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"pgregory.net/rapid"
)

// Calls that wait for two circuits go on, each at its time: none stands first in the line
// of one while it waits behind another in that of the other, and so on in a circle.
func TestNoCircleOfLines(t *testing.T) {
	for seed := range uint64(200) {
		inBubble(t, func(t *testing.T) {
			const calls = 12
			r := rand.New(rand.NewPCG(seed, 0))
			b, _ := newTestBreaker(&scripted{})
			defer b.close()
			ctx, cancel := context.WithTimeout(t.Context(), 2*calls*cautionMost)
			defer cancel()
			now := time.Now()
			for _, key := range []circuitKey{{}, {opDocuments, ""}, {opDocuments, "C1"}, {opDocuments, "C2"}} {
				c := b.api
				if key.op != "" {
					c = b.circuit(key)
				}
				if r.IntN(3) > 0 {
					c.caution.begin(now)
					c.caution.next = now.Add(time.Duration(r.IntN(500_000)) * time.Microsecond)
				}
			}
			for range calls {
				cl := &call{op: opDocuments, contract: []string{"C1", "C2"}[r.IntN(2)]}
				cl.self = cl
				late := time.Duration(r.IntN(300_000)) * time.Microsecond
				go func() {
					time.Sleep(late)
					if _, err := b.enter(ctx, cl); err != nil {
						t.Errorf("seed %d: %v", seed, err)
					}
				}()
			}
			time.Sleep(4 * calls * cautionMost)
			synctest.Wait()
			for _, c := range []*circuit{b.api, b.circuit(circuitKey{op: opDocuments}), b.circuit(circuitKey{opDocuments, "C1"})} {
				if len(c.line) > 0 {
					t.Errorf("seed %d: %d stand in line, and there is nothing to wait for", seed, len(c.line))
				}
			}
		})
		if t.Failed() {
			return
		}
	}
}

// Who came first has its turn in each line, in whichever of them it stands.
func TestTheFirstHasItsTurn(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		lines := [3]*circuit{{}, {}, {}}
		var first *call
		for _, n := range rapid.Permutation([]int64{1, 2, 3, 4, 5, 6}).Draw(t, "calls, as they join") {
			cl := &call{arrived: n}
			lines[rapid.IntRange(0, 2).Draw(t, "line")].join(cl)
			if first == nil || n < first.arrived {
				first = cl
			}
		}
		for i, c := range lines {
			if !c.turn(first) {
				t.Errorf("line %d: the first of all waits for another", i)
			}
			if !slices.IsSortedFunc(c.line, func(a, b *call) int { return cmp.Compare(a.arrived, b.arrived) }) {
				t.Errorf("line %d is out of order", i)
			}
		}
	})
}
