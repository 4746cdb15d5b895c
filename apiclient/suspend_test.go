package apiclient

import (
	"testing"
	"time"
)

func TestSleepIsNoticed(t *testing.T) {
	var a suspension
	start := time.Now()
	for i := range 3 {
		if a.slept(start.Add(time.Duration(i) * time.Hour)) {
			t.Error("an idle hour is no sleep")
		}
	}
	for i, tt := range []struct {
		drift time.Duration // as after sleep and clock changes
		want  bool
	}{
		{time.Second, false},
		{time.Hour, true},
		{time.Hour, false},
		{time.Hour + 5*time.Second, false},
		{-time.Hour, false}, // set back
		{2 * time.Hour, true},
	} {
		if got := a.drifted(tt.drift); got != tt.want {
			t.Errorf("%d: %v", i, got)
		}
	}
}

// Connections that were idle before the machine slept are not used after.
func TestIdleConnectionsAfterSleep(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		f, c := newFake(t)
		f.answer("/contracts", 200, `[]`)
		for i, slept := range []bool{false, false, true, false} {
			if slept {
				c.sender.suspended.drift = -time.Hour // the wall clock is an hour further than it was
			}
			before := f.net.dials.Load()
			if _, err := c.Contracts(t.Context()); err != nil {
				t.Fatal(err)
			}
			if dialled := f.net.dials.Load() > before; dialled != (slept || i == 0) {
				t.Errorf("%d: dialled %v", i, dialled)
			}
		}
	})
}
