package content

import (
	"context"
	"errors"
	"time"

	"ccsfs/apiclient"
)

// errStopped ends a run that nobody waits for any more; it can be taken up again.
var errStopped = errors.New("nobody is waiting for the document")

// run brings the download to completion: from the blob, or from the API. Of the
// processes that share the directory one asks for a document at a time; the others
// wait for it, and look again.
func (d *download) run(ctx context.Context) error {
	if d.cached(ctx, false) {
		return nil
	}
	if d.store.cfg.Offline {
		if d.w.prev != nil && d.w.prev.Covers(d.ref.version(), d.store.now()) && d.openBlob(ctx, d.w.prev, false) {
			return nil
		}
		return ErrOffline
	}
	began := d.store.now()
	l, waited, err := d.lease(ctx)
	if errors.Is(err, errElsewhere) && d.serveOld(ctx, err) {
		return nil
	}
	if err != nil {
		return err
	}
	defer l.Release()
	d.store.indexes.Of(d.ref.ContractID).Refresh()
	if d.cached(ctx, true) {
		return nil
	}
	if err := d.failedBefore(began, waited); err != nil {
		return err
	}
	if waited && !d.w.replaces && d.w.prev != nil && d.w.prev.SHA256 != "" {
		l.Release() // nothing is kept: others would wait for each other in vain
	}
	if d.store.cfg.Pool != nil {
		return d.inPool(ctx, began)
	}
	return d.alone(ctx)
}

// alone has the document from the API: nobody else asks for it.
func (d *download) alone(ctx context.Context) error {
	d.unlearn()
	err := d.ask(ctx)
	d.rememberFailure(err)
	return err
}

// cached makes the blob the bytes of the download if it is what the reference asks for, and
// of the content that readers have had bytes of. alone: this process has the lease.
func (d *download) cached(ctx context.Context, alone bool) bool {
	d.mu.Lock()
	had := d.handedOut()
	d.mu.Unlock()
	d.w.prev = d.store.record(d.ref)
	fresh := d.w.prev != nil && d.store.fresh(d.ref, d.w.prev)
	d.w.replaces = d.w.prev != nil && !fresh
	return fresh && (had == 0 || had == d.w.prev.Generation) && d.openBlob(ctx, d.w.prev, alone)
}

// ask has the document from the API.
func (d *download) ask(ctx context.Context) error {
	if d.w.replaces && d.w.prev.Covers(d.ref.version(), d.store.now()) {
		return d.revalidate(ctx)
	}
	return d.fetch(ctx, apiclient.FileRequest{})
}

// revalidate asks whether volatile content is still what the blob holds. Where the
// API cannot be asked, what is there is served, and asked about again soon.
func (d *download) revalidate(ctx context.Context) error {
	prev := d.w.prev
	var cond apiclient.FileRequest
	if d.store.hasBlob(d.ref.blob(), prev) {
		cond.IfNoneMatch, cond.IfModifiedSince = prev.ETag, prev.LastModified
	}
	asking, done := d.impatient(ctx)
	err := d.fetch(asking, cond)
	done()
	if errors.Is(context.Cause(asking), errSilent) {
		err = errSilent
	}
	switch {
	case errors.Is(err, errNotModified):
		checked := *prev
		checked.Checked, checked.Retry = d.store.now(), time.Time{}
		if d.openBlob(ctx, d.store.remember(d.ref, &checked), true) {
			return nil
		}
		return d.fetch(ctx, apiclient.FileRequest{})
	case err != nil && apiclient.Temporary(err) && !d.published() && d.serveOld(ctx, err):
		return nil
	}
	return err
}

// serveOld serves volatile content that could not be revalidated as it was, and
// has it asked about again soon.
func (d *download) serveOld(ctx context.Context, err error) bool {
	prev := d.w.prev
	old := *prev
	old.Retry = d.store.now().Add(staleRetry)
	if !d.openBlob(ctx, &old, false) {
		return false
	}
	d.store.short.stale(d.ref, err)
	d.store.indexes.Of(d.ref.ContractID).Update(prev, &old)
	d.store.log.Warn("document may have changed, but the API cannot be asked; serving the cached copy",
		"contract", d.ref.ContractID, "document", d.ref.DocumentID, "error", err)
	return true
}

// errNotModified is the answer to a condition that holds.
var errNotModified = errors.New("not modified")
