package chart

import (
	"math"
	"testing"

	"pgregory.net/rapid"
)

// Whatever the values, bars stand on zero within the chart, and the axis holds them all.
func TestBarsFit(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		values := rapid.SliceOfN(rapid.Float64Range(-1e12, 1e12), 1, 24).Draw(rt, "values")
		if rapid.Bool().Draw(rt, "gap") {
			values[0] = math.NaN()
		}
		c := Of(values)
		if len(c.Bars) != len(values) || len(c.Ticks) < 2 || len(c.Ticks) > 8 {
			rt.Fatalf("%d bars, %d ticks", len(c.Bars), len(c.Ticks))
		}
		low, high := c.Ticks[0].Value, c.Ticks[len(c.Ticks)-1].Value
		for i, b := range c.Bars {
			if b.Value == math.IsNaN(values[i]) {
				rt.Fatalf("bar %d: %+v", i, b)
			}
			if !b.Value {
				continue
			}
			if b.X < 0 || b.X+b.W > Width || b.Y < 0 || b.Y+b.H > Height || b.H < 1 || b.Y != c.Zero && b.Y+b.H != c.Zero && b.H != 1 {
				rt.Fatalf("bar %d of %v: %+v, zero at %d", i, values[i], b, c.Zero)
			}
			if values[i] < low*1.0001-1 || values[i] > high*1.0001+1 {
				rt.Fatalf("%v is not between %v and %v", values[i], low, high)
			}
		}
	})
}

func TestAxis(t *testing.T) {
	for _, c := range []struct {
		values []float64
		want   []float64
	}{
		{[]float64{8000, 10256}, []float64{0, 5000, 10000, 15000}}, {[]float64{0}, []float64{0, 1}}, {[]float64{-5, 10}, []float64{-5, 0, 5, 10}}, {[]float64{math.NaN()}, []float64{0, 1}},
	} {
		var got []float64
		for _, t := range Of(c.values).Ticks {
			got = append(got, t.Value)
		}
		if len(got) != len(c.want) || got[0] != c.want[0] || got[len(got)-1] != c.want[len(c.want)-1] {
			t.Errorf("%v: %v, want %v", c.values, got, c.want)
		}
	}
}
