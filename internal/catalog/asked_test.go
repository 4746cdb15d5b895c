package catalog

import (
	"context"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"ccsfs/apiclient"
)

// TestAnAnswerIsOfWhenItsQuestionLeft: whoever asks afresh takes what another
// process has begun to ask for before, if the question left only after it came, and
// nothing else.
func TestAnAnswerIsOfWhenItsQuestionLeft(t *testing.T) {
	const queued = 10 * time.Second // for a token, say; the answer takes as long again
	for _, tt := range []struct {
		title string
		after time.Duration
		calls int // of everything there is
	}{
		{"the question has not left", queued - time.Second, 1},
		{"the question has left", queued + time.Second, 2},
	} {
		t.Run(tt.title, func(t *testing.T) {
			dir := t.TempDir()
			synctest.Test(t, func(t *testing.T) {
				api := newFake("C1")
				api.before = func(ctx context.Context) {
					wait(ctx, queued)
					apiclient.Sent(ctx)
					wait(ctx, queued)
					apiclient.Sent(ctx) // it is tried again
				}
				ask := map[string]func(*Catalog) (time.Time, error){
					opContracts: func(c *Catalog) (time.Time, error) {
						l, err := c.Contracts(t.Context())
						if err != nil {
							return time.Time{}, err
						}
						return l.FetchedAt, nil
					},
					opListing: func(c *Catalog) (time.Time, error) {
						l, err := c.listings.Get(t.Context(), "C1")
						if err != nil {
							return time.Time{}, err
						}
						return l.FetchedAt, nil
					},
					opDetail: func(c *Catalog) (time.Time, error) {
						d, err := c.details.Get(t.Context(), "C1")
						if err != nil {
							return time.Time{}, err
						}
						return d.FetchedAt, nil
					},
				}
				both := func(begun time.Time, c *Catalog) {
					var wg sync.WaitGroup
					for what, get := range ask {
						wg.Go(func() {
							if at, err := get(c); err != nil || at.Before(begun) {
								t.Errorf("%s: of %v before, %v", what, begun.Sub(at), err)
							}
						})
					}
					wg.Wait()
				}
				var wg sync.WaitGroup
				first := open(t, Config{Dir: dir}, api)
				wg.Go(func() { both(time.Now(), first) })
				time.Sleep(tt.after)
				afresh := open(t, Config{Dir: dir, Afresh: true, Foreground: true}, api)
				both(time.Now(), afresh)
				wg.Wait()
				wantCalls(t, api, "contracts", tt.calls)
				wantCalls(t, api, "documents", 7*tt.calls)
				wantCalls(t, api, "contract", tt.calls)
			})
		})
	}
}
