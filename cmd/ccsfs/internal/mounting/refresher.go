//go:build !windows

package mounting

import (
	"context"
	"sync"
)

// refresher asks the API for everything anew, on SIGHUP, one time at a time.
type refresher struct {
	ctx     context.Context
	mounted *Mounted
	running sync.WaitGroup
	busy    chan struct{} // holds one while a refresh runs
}

// newRefresher returns a refresher, and what ends it.
func newRefresher(ctx context.Context, m *Mounted) (*refresher, func()) {
	ctx, cancel := context.WithCancel(ctx)
	r := &refresher{ctx: ctx, mounted: m, busy: make(chan struct{}, 1)}
	return r, func() {
		cancel()
		r.running.Wait()
	}
}

// start begins a refresh, unless one is under way.
func (r *refresher) start() {
	select {
	case r.busy <- struct{}{}:
	default:
		return
	}
	r.running.Go(func() {
		defer func() { <-r.busy }()
		log := r.mounted.Logger
		log.Info("refreshing")
		r.mounted.attendants.Service.Reloading()
		defer r.mounted.ready()
		r.mounted.Content.Forgive()
		err := r.mounted.Catalog.Refresh(r.ctx, "")
		switch {
		case err == nil:
			log.Info("refreshed")
		case r.ctx.Err() != nil:
			log.Info("refresh given up: unmounted")
		default:
			log.Warn("refresh failed", "error", err)
		}
	})
}
