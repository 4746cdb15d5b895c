package mirror

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"ccsfs/internal/lease"
)

// Whoever has the destination and goes on is waited for, however long; one that stands
// still is given up, and named: jobs of cron would wait for it one after the other.
func TestWhoStandsStillIsGivenUp(t *testing.T) {
	for name, alive := range map[string]bool{"goes on": true, "stands still": false} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				root, err := os.OpenRoot(t.TempDir())
				check(t, err)
				defer root.Close()
				release := func() error { return nil }
				if alive {
					first, err := takeTurn(t.Context(), root, nobody)
					check(t, err)
					release = first.end
				} else {
					path := filepath.Join(root.Name(), lockName)
					check(t, os.WriteFile(path, []byte("process 7 on here\n"), 0o600))
					table := lease.Open(path)
					defer table.Close()
					l, ok := table.Try("destination")
					if !ok {
						t.Fatal("not locked")
					}
					defer l.Release()
				}
				start, got := time.Now(), make(chan error, 1)
				go func() {
					second, err := takeTurn(t.Context(), root, func(string) {})
					if err == nil {
						err = second.end()
					}
					got <- err
				}()
				time.Sleep(3 * standsStill)
				select {
				case err := <-got:
					if alive || !errors.Is(err, ErrStandsStill) || !strings.Contains(err.Error(), "process 7 on here") {
						t.Errorf("after %v: %v", time.Since(start), err)
					}
				default:
					if !alive {
						t.Error("it is waited for still")
					}
					check(t, release())
					check(t, <-got)
				}
			})
		})
	}
}

// A wait that is given up for another reason says that.
func TestWaitsEndWithTheirContext(t *testing.T) {
	root, err := os.OpenRoot(t.TempDir())
	check(t, err)
	defer root.Close()
	first, err := takeTurn(t.Context(), root, nobody)
	check(t, err)
	ctx, cancel := context.WithCancel(t.Context())
	if _, err := takeTurn(ctx, root, func(string) { cancel() }); !errors.Is(err, context.Canceled) {
		t.Error(err)
	}
	check(t, first.end())
}
