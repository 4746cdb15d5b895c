package daemon

import (
	"runtime/debug"
	"testing"
)

// Garbage is collected early, unless GOGC says when.
func TestSpareMemory(t *testing.T) {
	was := debug.SetGCPercent(100)
	defer debug.SetGCPercent(was)
	for before, after := range map[int]int{100: garbage, 30: 30, 400: 400, -1: -1} {
		debug.SetGCPercent(before)
		spareMemory()
		if got := debug.SetGCPercent(before); got != after {
			t.Errorf("%d became %d, not %d", before, got, after)
		}
	}
}
