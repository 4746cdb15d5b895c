//go:build unix

package redis_test

import (
	"testing"

	"ccsfs/internal/pool"
	"ccsfs/internal/pool/redis/redistest"
)

// A server that stands still is away, and serves again when it goes on.
func TestAServerThatStandsStill(t *testing.T) {
	server := redistest.Start(t)
	c := openHasty(t, server.URL())
	check(t, until(func() error { _, err := c.Get(t.Context(), "k"); return err }))
	server.Pause()
	wantAll(t, c, pool.ErrAway, "answer")
	server.Continue()
	check(t, until(func() error { _, err := c.Get(t.Context(), "k"); return err }))
}
