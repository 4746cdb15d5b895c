package pool_test

import (
	"context"
	"errors"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"ccsfs/internal/pool"
)

// Who waits for one thing with many others has it as soon as it is there, or hears why it
// cannot be: they do not look one after the other, each under the lease.
func TestOnceIsNoConvoy(t *testing.T) {
	broken := errors.New("broken")
	for _, tc := range []struct {
		name string
		err  error
	}{{"done", nil}, {"failed", broken}} {
		t.Run(tc.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				r := newRig(t)
				const members, looks, takes = 300, 50 * time.Millisecond, 3 * time.Second
				var did atomic.Int64
				var there, failed atomic.Bool
				var wg sync.WaitGroup
				began := time.Now()
				for range members {
					p, leave := r.join(nil)
					wg.Go(func() {
						defer leave()
						err := p.Once(t.Context(), pool.Work{
							Name: "thing",
							Look: func(context.Context) error {
								time.Sleep(looks)
								if there.Load() {
									return nil
								}
								return pool.ErrNotDone
							},
							Failed: func(context.Context, bool) error {
								if failed.Load() {
									return broken
								}
								return nil
							},
							Do: func(context.Context) error {
								did.Add(1)
								time.Sleep(takes)
								there.Store(tc.err == nil)
								return tc.err
							},
							Done: func(_ *pool.Lease, err error) bool {
								failed.Store(err != nil)
								return false
							},
						})
						if !errors.Is(err, tc.err) {
							t.Error(err)
						}
						if took := time.Since(began); took > takes+time.Second {
							t.Errorf("it took a member %v", took)
						}
					})
				}
				wg.Wait()
				if n := did.Load(); n != 1 {
					t.Errorf("done %d times", n)
				}
			})
		})
	}
}

// Who is not needed any more leaves, and a lease that is lost ends what is done under it: it is
// done once more, no more.
func TestOnceEnds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t)
		p, leave := r.join(nil)
		defer leave()
		other, gone := r.join(nil)
		defer gone()
		never := func(context.Context) error { return pool.ErrNotDone }
		well := func(context.Context, bool) error { return nil }
		started := make(chan struct{}, 3)
		var wg sync.WaitGroup
		wg.Go(func() {
			err := p.Once(t.Context(), pool.Work{Name: "thing", Look: never, Failed: well, Do: func(ctx context.Context) error {
				started <- struct{}{}
				<-ctx.Done()
				return context.Cause(ctx)
			}, Done: func(*pool.Lease, error) bool { t.Error("it was lost"); return false }})
			if !errors.Is(err, pool.ErrNoLease) {
				t.Error(err)
			}
		})
		<-started
		err := other.Once(t.Context(), pool.Work{Name: "thing", Look: never, Failed: well, Needed: func() bool { return false }})
		if !errors.Is(err, pool.ErrNotNeeded) {
			t.Error(err)
		}
		r.leases.Forget()
		<-started
		r.leases.Forget()
		wg.Wait()
		if len(started) > 0 {
			t.Error("it was done a third time")
		}
	})
}
