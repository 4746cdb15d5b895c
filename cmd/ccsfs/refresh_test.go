package main

import (
	"bytes"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

// TestRefreshSaysThatItWaits: once, to somebody at a terminal, and not where the API
// answers soon.
func TestRefreshSaysThatItWaits(t *testing.T) {
	for _, tt := range []struct {
		title    string
		terminal bool
		takes    time.Duration
		lines    int
	}{
		{"soon", true, waitingAfter - time.Second, 0},
		{"late", true, 90 * time.Second, 1},
		{"late, and nobody is there", false, 90 * time.Second, 0},
	} {
		t.Run(tt.title, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				var out bytes.Buffer
				done := tellWaiting(&out, tt.terminal)
				time.Sleep(tt.takes)
				done()
				time.Sleep(time.Hour)
				if n := strings.Count(out.String(), "\n"); n != tt.lines || n == 1 && !strings.Contains(out.String(), "Ctrl-C") {
					t.Errorf("it says %q", out.String())
				}
			})
		})
	}
}
