//go:build linux

package main

import (
	"time"

	"ccsfs/integration/bench/table"
)

// timing does something, and tells how long that took: what it begins with and cleans up
// afterwards is not counted.
type timing func() (time.Duration, error)

// warmRounds is how many measurements of what takes milliseconds make a round.
const warmRounds = 5

// turn is in which order n competitors have their turns in a round: who begins changes, since
// what one leaves behind (dirty pages, a warm core) meets the next.
func turn(round, n int) []int {
	order := make([]int, n)
	for i := range order {
		order[i] = (round + i) % n
	}
	return order
}

// turns measures several things, which take turns, in seconds; nil ones are left out.
func (b *bench) turns(rounds int, things ...timing) ([]table.Series, error) {
	all := make([]table.Series, len(things))
	var those []int
	for i, thing := range things {
		if thing != nil {
			those = append(those, i)
		}
	}
	for round := range rounds {
		for _, n := range turn(round, len(those)) {
			i := those[n]
			if err := b.ctx.Err(); err != nil {
				return nil, err
			}
			took, err := things[i]()
			if err != nil {
				return nil, err
			}
			all[i] = append(all[i], took.Seconds())
		}
	}
	return all, nil
}

// compare adds a row of what all contenders do beside what bounds them, which takes its turns
// with them; nil: the row has a bound already, or none.
func (b *bench) compare(r table.Row, rounds int, bound timing, of func(c int) timing) error {
	things := make([]timing, 0, len(b.contenders)+1)
	for i := range b.contenders {
		things = append(things, of(i))
	}
	all, err := b.turns(rounds, append(things, bound)...)
	if err != nil {
		return err
	}
	n := len(b.contenders)
	r.Unit, r.Of = table.Seconds, all[:n]
	if bound != nil {
		r.By = all[n]
	}
	b.add(r)
	return nil
}

// each measures something that is no time, once for each contender.
func (b *bench) each(of func(c contender) (float64, error)) ([]table.Series, error) {
	all := make([]table.Series, len(b.contenders))
	for i, c := range b.contenders {
		if err := b.ctx.Err(); err != nil {
			return nil, err
		}
		v, err := of(c)
		if err != nil {
			return nil, err
		}
		all[i] = table.Fixed(v)
	}
	return all, nil
}
