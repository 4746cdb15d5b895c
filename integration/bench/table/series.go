// Package table holds measurements that were taken in turns, and writes them as a table with
// their ratios. It measures nothing itself.
package table

import (
	"math"
	"slices"
)

// Series are the measurements of one thing, one a round, in the unit of their row.
type Series []float64

// Fixed is a bound that is the same in each round.
func Fixed(v float64) Series { return Series{v} }

// Median is the middle one, the mean of the two in the middle of an even number; NaN of none.
func (s Series) Median() float64 {
	if len(s) == 0 {
		return math.NaN()
	}
	sorted := slices.Sorted(slices.Values(s))
	middle := len(sorted) / 2
	if len(sorted)%2 == 1 {
		return sorted[middle]
	}
	return (sorted[middle-1] + sorted[middle]) / 2
}

// Spread is the smallest and the largest one; NaN of none.
func (s Series) Spread() (low, high float64) {
	if len(s) == 0 {
		return math.NaN(), math.NaN()
	}
	return slices.Min(s), slices.Max(s)
}

// Over is the ratio to another series, round by round: what a machine was busy with in a round
// slowed both. One that was measured once is compared with each round of the other; rounds that
// one of them lacks are left out.
func (s Series) Over(of Series) Series {
	if len(s) == 0 || len(of) == 0 {
		return nil
	}
	rounds := min(len(s), len(of))
	if rounds == 1 {
		rounds = max(len(s), len(of))
	}
	ratios := make(Series, rounds)
	for i := range ratios {
		ratios[i] = s[i%len(s)] / of[i%len(of)]
	}
	return ratios
}
