package turn

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

const file = "thing.lock"

func check(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func open(t *testing.T) Place {
	t.Helper()
	root, err := os.OpenRoot(t.TempDir())
	check(t, err)
	t.Cleanup(func() { root.Close() })
	return Place{Root: root, File: file, Name: "thing"}
}

// Whoever has the turn and goes on is waited for, however long; one that stands still is
// given up, and named: jobs of cron would wait for it one after the other.
func TestWhoStandsStillIsGivenUp(t *testing.T) {
	for name, alive := range map[string]bool{"goes on": true, "stands still": false} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				place := open(t)
				release := func() error { return nil }
				if alive {
					first, err := Take(t.Context(), place, Waiting{})
					check(t, err)
					release = first.End
				} else {
					path := filepath.Join(place.Root.Name(), file)
					check(t, os.WriteFile(path, []byte("process 7 on here\n"), 0o600))
					table := lease.Open(path)
					defer table.Close()
					l, ok := table.Try("thing")
					if !ok {
						t.Fatal("not locked")
					}
					defer l.Release()
				}
				start, got := time.Now(), make(chan error, 1)
				go func() {
					second, err := Take(t.Context(), place, Waiting{Tell: func(string) {}})
					if err == nil {
						err = second.End()
					}
					got <- err
				}()
				time.Sleep(3 * StandsStill)
				select {
				case err := <-got:
					var still StandsStillError
					if alive || !errors.As(err, &still) || !strings.Contains(err.Error(), "process 7 on here") {
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

// It is told once who is waited for, and not if the wait is short.
func TestWhomIsWaitedForIsTold(t *testing.T) {
	for name, test := range map[string]struct{ after, waits time.Duration }{
		"at once":    {0, time.Millisecond},
		"after long": {time.Second, 2 * time.Second},
		"not":        {time.Second, time.Second / 2},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				place := open(t)
				first, err := Take(t.Context(), place, Waiting{})
				check(t, err)
				time.AfterFunc(test.waits, func() { _ = first.End() })
				var told []string
				second, err := Take(t.Context(), place, Waiting{After: test.after, Tell: func(who string) { told = append(told, who) }})
				check(t, err)
				check(t, second.End())
				if want := test.waits > test.after; want != (len(told) == 1) || want && !strings.HasPrefix(told[0], "process ") {
					t.Errorf("%q", told)
				}
			})
		})
	}
}

// A wait that is given up for another reason says that.
func TestWaitsEndWithTheirContext(t *testing.T) {
	place := open(t)
	first, err := Take(t.Context(), place, Waiting{})
	check(t, err)
	ctx, cancel := context.WithCancel(t.Context())
	if _, err := Take(ctx, place, Waiting{Tell: func(string) { cancel() }}); !errors.Is(err, context.Canceled) {
		t.Error(err)
	}
	check(t, first.End())
}
