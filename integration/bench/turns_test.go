//go:build linux

package main

import (
	"context"
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"ccsfs/integration/bench/table"
)

// TestTurn: all take part in each round, and each one begins one in its turn.
func TestTurn(t *testing.T) {
	first := map[int]int{}
	for round := range 6 {
		order := turn(round, 3)
		first[order[0]]++
		slices.Sort(order)
		if !slices.Equal(order, []int{0, 1, 2}) {
			t.Error(round, order)
		}
	}
	if first[0] != 2 || first[1] != 2 || first[2] != 2 {
		t.Error(first)
	}
}

// TestTurns: each thing keeps its measurements in the order of the rounds, whoever began.
func TestTurns(t *testing.T) {
	var did strings.Builder
	thing := func(name string, seconds ...int) timing {
		return func() (time.Duration, error) {
			did.WriteString(name)
			took := seconds[0]
			seconds = seconds[1:]
			return time.Duration(took) * time.Second, nil
		}
	}
	b := &bench{ctx: t.Context()}
	all, err := b.turns(3, thing("a", 1, 2, 3), nil, thing("b", 4, 5, 6))
	if err != nil || did.String() != "abbaab" {
		t.Errorf("%s, %v", &did, err)
	}
	for i, want := range []table.Series{{1, 2, 3}, nil, {4, 5, 6}} {
		if !slices.Equal(all[i], want) {
			t.Errorf("%d: %v, not %v", i, all[i], want)
		}
	}
}

func TestTurnsEnd(t *testing.T) {
	broken := errors.New("broken")
	b := &bench{ctx: t.Context()}
	if _, err := b.turns(3, func() (time.Duration, error) { return 0, broken }); !errors.Is(err, broken) {
		t.Error(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	rounds := 0
	b.ctx = ctx
	if _, err := b.turns(3, func() (time.Duration, error) {
		rounds++
		cancel()
		return 0, nil
	}); !errors.Is(err, context.Canceled) || rounds != 1 {
		t.Errorf("%d rounds, %v", rounds, err)
	}
}

// TestCompare: contenders and what bounds them stand where they belong in the row.
func TestCompare(t *testing.T) {
	takes := func(d time.Duration) timing { return func() (time.Duration, error) { return d, nil } }
	contenders := []contender{{name: "ccsfs"}, {name: "base"}}
	for _, tc := range []struct {
		name  string
		row   table.Row
		bound timing
		by    table.Series
	}{
		{"a bound that is measured", table.Row{Bound: "curl"}, takes(time.Second), table.Series{1, 1}},
		{"one that is known", table.Row{By: table.Fixed(4)}, nil, table.Fixed(4)},
		{"none", table.Row{}, nil, nil},
	} {
		b := &bench{ctx: t.Context(), contenders: contenders, work: table.Table{Contenders: []string{"ccsfs", "base"}}}
		if err := b.compare(tc.row, 2, tc.bound, func(c int) timing { return takes(time.Duration(c+2) * time.Second) }); err != nil {
			t.Fatal(err)
		}
		got := b.work.Rows[0]
		if !slices.Equal(got.By, tc.by) || len(got.Of) != 2 || !slices.Equal(got.Of[0], table.Series{2, 2}) || !slices.Equal(got.Of[1], table.Series{3, 3}) {
			t.Errorf("%s: %+v", tc.name, got)
		}
	}
}

// TestFaceRow: what is judged is compared with the faster one of rclone's two, if it has any.
func TestFaceRow(t *testing.T) {
	takes := func(d time.Duration) timing { return func() (time.Duration, error) { return d, nil } }
	ours := faceThing{"ccsfs", takes(2)}
	for _, tc := range []struct {
		name  string
		peers []faceThing
		bound string // "": nothing is judged
	}{
		{"both", []faceThing{{"webdav", takes(3)}, {"http", takes(1)}}, "http"},
		{"webdav is faster", []faceThing{{"webdav", takes(1)}, {"http", takes(3)}}, "webdav"},
		{"webdav alone", []faceThing{{"webdav", takes(3)}}, "webdav"},
		{"http alone", []faceThing{{"http", takes(3)}}, "http"},
		{"none", nil, ""},
	} {
		b := &bench{ctx: t.Context(), faces: table.Table{Contenders: []string{"ccsfs"}}}
		if err := b.faceRow("", 1, append([]faceThing{ours}, tc.peers...), takes(9)); err != nil {
			t.Fatal(err)
		}
		got := b.faces.Rows[0]
		if got.Judged() != (tc.bound != "") || got.Judged() && got.Bound != tc.bound || len(got.Of) != 1 || got.Of[0].Median() != 2e-9 || got.Peers[2].Median() != 9e-9 {
			t.Errorf("%s: %+v", tc.name, got)
		}
	}
}

func TestMetrics(t *testing.T) {
	got, err := metrics(strings.NewReader("# HELP a is a\n# TYPE a gauge\na 1.5e+06\nb{op=\"x y\"} 2\nc\nd NaN-ish\n\ne 7\n"))
	if err != nil || got["a"] != 1.5e6 || got["e"] != 7 || len(got) != 2 {
		t.Error(got, err)
	}
}
