package table

import (
	"fmt"
	"math"
)

// Unit is what the measurements of a row are in.
type Unit string

// The units.
const (
	Seconds Unit = "s"
	MiB     Unit = "MiB"
	Bytes   Unit = "B"
	Calls   Unit = "calls"
)

// format writes a measurement with its unit, with three digits about.
func (u Unit) format(v float64) string {
	switch {
	case math.IsNaN(v):
		return none
	case u == Seconds && v < 0.1:
		return fmt.Sprintf("%.1f ms", v*1000)
	case u == Seconds && v < 1:
		return fmt.Sprintf("%.0f ms", v*1000)
	case u == Seconds:
		return fmt.Sprintf("%.2f s", v)
	}
	return fmt.Sprintf("%.0f %s", v, u)
}

// none stands where nothing was measured.
const none = "–"

// Row is one line: a piece of work, how long it took each contender, and what bounds it.
type Row struct {
	Work string
	Unit Unit

	Of     []Series // of the contenders of the table; the first one is judged
	By     Series   // the bound; empty: nothing is compared
	Bound  string   // its name
	Target float64  // the largest ratio of both that is good; 0: any is

	Peers []Series // of other programs, as the table names them; may be shorter
}

// Ratio is that of a contender to the bound, round by round.
func (r Row) Ratio(contender int) Series { return r.Of[contender].Over(r.By) }

// Judged reports whether there is a target.
func (r Row) Judged() bool { return r.Target > 0 && len(r.By) > 0 && len(r.Of[0]) > 0 }

// Met reports whether the median of a contender's ratios is within the target.
func (r Row) Met(contender int) bool { return r.Ratio(contender).Median() <= r.Target }

// verdict is the mark of a contender.
func (r Row) verdict(contender int) string {
	switch {
	case !r.Judged() || len(r.Of[contender]) == 0:
		return ""
	case r.Met(contender):
		return "met"
	}
	return "MISSED"
}

// cells are the columns of the row in a table of so many contenders and peers; see Table.head.
func (r Row) cells(contenders, peers int) []string {
	bound, target := none, none
	if len(r.By) > 0 {
		bound = r.Unit.format(r.By.Median()) + " " + r.Bound
	}
	if r.Target > 0 {
		target = fmt.Sprintf("≤ %.2f", r.Target)
	}
	ratio := r.Ratio(0)
	cells := []string{r.Work, r.Unit.format(r.Of[0].Median()), bound, two(ratio.Median()), spread(ratio), target, r.verdict(0)}
	for i := range peers {
		var peer Series
		if i < len(r.Peers) {
			peer = r.Peers[i]
		}
		cells = append(cells, r.Unit.format(peer.Median()))
	}
	for i := 1; i < contenders; i++ {
		var other Series
		if i < len(r.Of) {
			other = r.Of[i]
		}
		cells = append(cells, r.Unit.format(other.Median()))
		against := r.Of[0].Over(other)
		if len(against) == 0 {
			cells = append(cells, none, none)
			continue
		}
		mark := two(r.Ratio(i).Median())
		if r.verdict(i) != "" {
			mark += " " + r.verdict(i)
		}
		cells = append(cells, mark, two(against.Median())+" ("+spread(against)+")")
	}
	return cells
}

func two(v float64) string {
	if math.IsNaN(v) {
		return none
	}
	return fmt.Sprintf("%.2f", v)
}

func spread(s Series) string {
	if len(s) < 2 {
		return none
	}
	low, high := s.Spread()
	return fmt.Sprintf("%.2f–%.2f", low, high)
}
