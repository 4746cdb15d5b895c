package table

import (
	"math"
	"slices"
	"strings"
	"testing"
)

func TestMedian(t *testing.T) {
	for _, tc := range []struct {
		of              Series
		want, low, high float64
	}{
		{Series{3}, 3, 3, 3},
		{Series{3, 1}, 2, 1, 3},
		{Series{9, 1, 2}, 2, 1, 9},
		{Series{4, 1, 3, 100}, 3.5, 1, 100},
		{nil, math.NaN(), math.NaN(), math.NaN()},
	} {
		before := slices.Clone(tc.of)
		low, high := tc.of.Spread()
		for i, pair := range [][2]float64{{tc.of.Median(), tc.want}, {low, tc.low}, {high, tc.high}} {
			if pair[0] != pair[1] && !(math.IsNaN(pair[0]) && math.IsNaN(pair[1])) {
				t.Errorf("%v, %d: %v, not %v", tc.of, i, pair[0], pair[1])
			}
		}
		if !slices.Equal(before, tc.of) {
			t.Errorf("%v was put in order", before) // rounds belong together
		}
	}
}

func TestOver(t *testing.T) {
	for _, tc := range []struct {
		name     string
		s, of    Series
		want     Series
		medianOf float64
	}{
		{"round by round", Series{2, 40, 6}, Series{1, 20, 2}, Series{2, 2, 3}, 2},
		{"a fixed bound", Series{2, 4}, Fixed(4), Series{0.5, 1}, 0.75},
		{"measured once", Series{6}, Series{2, 3}, Series{3, 2}, 2.5},
		{"one round too few", Series{2, 4, 6}, Series{1, 1}, Series{2, 4}, 3},
		{"nothing to compare with", Series{2}, nil, nil, math.NaN()},
		{"nothing measured", nil, Series{2}, nil, math.NaN()},
	} {
		got := tc.s.Over(tc.of)
		if !slices.Equal(got, tc.want) {
			t.Errorf("%s: %v, not %v", tc.name, got, tc.want)
		}
		if m := got.Median(); m != tc.medianOf && !(math.IsNaN(m) && math.IsNaN(tc.medianOf)) {
			t.Errorf("%s: median %v, not %v", tc.name, m, tc.medianOf)
		}
	}
}

func TestFormat(t *testing.T) {
	for _, tc := range []struct {
		unit Unit
		v    float64
		want string
	}{
		{Seconds, 0.0123, "12.3 ms"}, {Seconds, 0.1, "100 ms"}, {Seconds, 1, "1.00 s"}, {Seconds, 12.345, "12.35 s"},
		{MiB, 33.6, "34 MiB"}, {Bytes, 499.5, "500 B"}, {Calls, 2, "2 calls"}, {Bytes, math.NaN(), "–"},
	} {
		if got := tc.unit.format(tc.v); got != tc.want {
			t.Errorf("%v %s: %q, not %q", tc.v, tc.unit, got, tc.want)
		}
	}
}

// TestJudgement: what is marked is the median of the ratios, not the ratio of the medians, and
// never a row without a target.
func TestJudgement(t *testing.T) {
	for _, tc := range []struct {
		name string
		row  Row
		mark string
	}{
		{"at the target", Row{Of: []Series{{1.5}}, By: Fixed(1), Target: 1.5}, "met"},
		{"above it", Row{Of: []Series{{1.6}}, By: Fixed(1), Target: 1.5}, "MISSED"},
		{"one slow round", Row{Of: []Series{{1, 9, 1}}, By: Series{1, 1, 1}, Target: 1.2}, "met"},
		{"slow where the bound is fast", Row{Of: []Series{{3, 3, 2}}, By: Series{1, 1, 9}, Target: 1.2}, "MISSED"},
		{"no target", Row{Of: []Series{{9}}, By: Fixed(1)}, ""},
		{"no bound", Row{Of: []Series{{9}}, Target: 1}, ""},
		{"not measured", Row{Of: []Series{nil}, By: Fixed(1), Target: 1}, ""},
	} {
		if got := tc.row.verdict(0); got != tc.mark {
			t.Errorf("%s: %q, not %q", tc.name, got, tc.mark)
		}
	}
}

func rows(contenders, peers []string, rows ...Row) *Table {
	t := &Table{Contenders: contenders, Peers: peers}
	for _, r := range rows {
		t.Add(r)
	}
	return t
}

func TestWrite(t *testing.T) {
	cp := Row{Work: "cp", Unit: Seconds, Of: []Series{{1, 1.2, 1.1}}, By: Series{1, 1, 1}, Bound: "local", Target: 1.15}
	find := Row{Work: "find", Unit: Calls, Of: []Series{{3}}, By: Fixed(2), Bound: "allowed", Target: 1}
	beside := cp
	beside.Of = []Series{{1, 1.2, 1.1}, {2, 2.4, 2}, nil}
	beside.Peers = []Series{{12}}
	for _, tc := range []struct {
		name  string
		table *Table
		want  string
	}{
		{"nothing", rows([]string{"ccsfs"}, nil), ""},
		{"alone", rows([]string{"ccsfs"}, []string{"rclone"}, cp, find), `
| work | ccsfs   | bound           | ratio | of rounds | target | |
| --- | --- | --- | --- | --- | --- | --- |
| cp | 1.10 s | 1.00 s local | 1.10 | 1.00–1.20 | ≤ 1.15 | met |
| find | 3 calls | 2 calls allowed | 1.50 | – | ≤ 1.00 | MISSED |
`},
		{"beside others", rows([]string{"ccsfs", "base", "lazy"}, []string{"rclone"}, beside, find), `
| work | ccsfs | bound | ratio | of rounds | target | | rclone | base | base / bound | ccsfs / base |
| --- | --- | --- | --- | --- | --- | --- | --- | --- | --- | --- |
| cp | 1.10 s | 1.00 s local | 1.10 | 1.00–1.20 | ≤ 1.15 | met | 12.00 s | 2.00 s | 2.00 MISSED | 0.50 (0.50–0.55) |
| find | 3 calls | 2 calls allowed | 1.50 | – | ≤ 1.00 | MISSED | – | – | – | – |
`},
	} {
		var got strings.Builder
		if err := tc.table.Write(&got); err != nil {
			t.Fatal(err)
		}
		if words(got.String()) != words(tc.want) {
			t.Errorf("%s:\n%s", tc.name, got.String())
		}
	}
}

// words leaves out how columns are aligned.
func words(s string) string { return strings.Join(strings.Fields(s), " ") }

func TestMet(t *testing.T) {
	table := rows([]string{"ccsfs"}, nil,
		Row{Of: []Series{{1}}, By: Fixed(1), Target: 1}, Row{Of: []Series{{2}}, By: Fixed(1), Target: 1}, Row{Of: []Series{{2}}, By: Fixed(1)})
	if met, of := table.Met(); met != 1 || of != 2 {
		t.Errorf("%d of %d", met, of)
	}
}

func TestLine(t *testing.T) {
	r := Row{Work: "cp", Unit: Seconds, Of: []Series{{1}, {2}}, By: Fixed(1), Bound: "local", Target: 2}
	got := rows([]string{"ccsfs", "base"}, []string{"rclone"}).Line(r)
	if want := "cp  1.00 s  1.00 s local  1.00  ≤ 2.00  met  base 2.00 s  base / bound 2.00 met  ccsfs / base 0.50 (–)"; got != want {
		t.Errorf("%q", got)
	}
}
