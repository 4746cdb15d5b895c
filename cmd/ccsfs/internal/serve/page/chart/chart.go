// Package chart is the geometry of a bar chart of the months of a year. It draws nothing.
package chart

import "math"

// The size of a chart, in its own units, and the room in it for the bars.
const (
	Width, Height = 1000, 132
	left, right   = 0, Width
	top, bottom   = 12, 124
	barShare      = 0.62 // of the room of a month
)

// Bar is a bar.
type Bar struct {
	Of              int // which of the values, from 0
	X, Y, W, H      int
	Middle          int // of its month, for a label
	Value, Negative bool
}

// Tick is a value on the axis.
type Tick struct {
	Y     int
	Value float64
}

// Chart is what is to be drawn.
type Chart struct {
	Bars  []Bar // one of each value, also where there is none
	Ticks []Tick
	Zero  int // where the bars stand
}

// Of is a chart of values, NaN where there is none. Amounts may be negative.
func Of(values []float64) Chart {
	low, high := 0.0, 0.0
	for _, v := range values {
		if !math.IsNaN(v) {
			low, high = math.Min(low, v), math.Max(high, v)
		}
	}
	step := nice((high - low) / 3)
	low, high = math.Floor(low/step)*step, math.Ceil(high/step)*step
	if high == low {
		high = low + step
	}
	at := func(v float64) int { return bottom - int(math.Round((v-low)/(high-low)*(bottom-top))) }
	c := Chart{Zero: at(0)}
	for i := 0; ; i++ {
		v := low + float64(i)*step
		if v > high+step/2 {
			break
		}
		c.Ticks = append(c.Ticks, Tick{at(v), v})
	}
	room := float64(right-left) / float64(max(len(values), 1))
	for i, v := range values {
		b := Bar{Of: i, Middle: left + int(room*(float64(i)+0.5)), W: int(room * barShare)}
		b.X = b.Middle - b.W/2
		if !math.IsNaN(v) {
			b.Value, b.Negative = true, v < 0
			b.Y = min(at(v), c.Zero)
			b.H = max(max(at(v), c.Zero)-b.Y, 1)
		}
		c.Bars = append(c.Bars, b)
	}
	return c
}

// nice is the next number of 1, 2 or 5 times a power of ten.
func nice(v float64) float64 {
	if v <= 0 || math.IsInf(v, 0) {
		return 1
	}
	power := math.Pow(10, math.Floor(math.Log10(v)))
	for _, n := range [...]float64{1, 2, 5, 10} {
		if n*power >= v*0.999 {
			return n * power
		}
	}
	return 10 * power
}
