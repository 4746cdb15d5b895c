//go:build unix

package redis_test

import (
	"testing"
	"time"

	"ccsfs/internal/pool"
	"ccsfs/internal/pool/pooltest"
	"ccsfs/internal/pool/redis/redistest"
)

// A server that stands still is away, and serves again when it goes on.
func TestAServerThatStandsStill(t *testing.T) {
	t.Parallel()
	server := redistest.Start(t)
	c := openHasty(t, server.URL())
	check(t, until(func() error { _, err := c.Get(t.Context(), "k"); return err }))
	server.Pause()
	wantAll(t, c, pool.ErrAway, "answer")
	server.Continue()
	check(t, until(func() error { _, err := c.Get(t.Context(), "k"); return err }))
}

// A server that was started again serves at once, also where connections were left of it.
func TestConnectionsThatAreLeftOfARestart(t *testing.T) {
	server := redistest.Start(t)
	c := open(t, server.URL(), "a")
	for range 3 {
		many(t, 8, func() error { return c.Set(t.Context(), "k", []byte("v"), time.Minute) })
		server.Restart()
		for call, err := range pooltest.EveryCall(t.Context(), c) {
			if err != nil {
				t.Errorf("%s: %v", call, err)
			}
		}
	}
}
