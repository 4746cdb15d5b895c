package content

import (
	"context"
	"fmt"
	"time"

	"ccsfs/apiclient"
	"ccsfs/internal/content/blobstore"
	"ccsfs/internal/lease"
)

// How often it is looked what has become of a document that another process asks
// for.
const (
	lookFirst = 2 * time.Millisecond
	lookMost  = 50 * time.Millisecond
)

// waitMost is how long another process is waited for: it may have been stopped
// (SIGSTOP, a debugger) with the lease in hand. A document that takes longer is
// asked for twice, which harms less than waiting for ever.
const waitMost = time.Minute

// errElsewhere is why an old copy is served, or a lease is not waited for any longer.
var errElsewhere = fmt.Errorf("%w: another process has had it in hand for long", apiclient.ErrTimeout)

// leaseName is the same for all processes, also for those that know no ids.
func leaseName(k blobstore.Key) string { return k.Contract + "/" + k.Document }

// lease waits for the right to ask for the document, as long as anybody needs to.
// Waited says that another process, or another store, had it. Where an old copy is
// there that may be served, it fails with errElsewhere before long. Else a holder is
// given up after waitMost, sooner where one was before, and the lease holds for nobody.
func (d *download) lease(ctx context.Context) (l *lease.Lease, waited bool, err error) {
	if d.store.cfg.CacheSize == 0 { // nothing that one process asks for is of use to another
		return &lease.Lease{}, false, nil
	}
	leases := d.store.leases
	name, since, most := leaseName(d.ref.blob()), time.Now(), leases.Patience(d.store.waitMost)
	old := d.w.replaces && d.w.prev.Covers(d.ref.version(), d.store.now()) && d.store.hasBlob(d.ref.blob(), d.w.prev)
	if old {
		most = min(most, silentGrace)
	}
	for pause := lookFirst; ; pause = min(2*pause, lookMost) {
		if l, ok := leases.Try(name); ok {
			return l, waited, nil
		}
		switch waited = true; {
		case !d.waitsElsewhere():
			return nil, waited, errStopped
		case time.Since(since) > most && old:
			return nil, waited, errElsewhere
		case time.Since(since) > most:
			leases.GaveUp()
			d.store.log.Warn("another process has had this document in hand for long; it is asked for without waiting any longer",
				"contract", d.ref.ContractID, "document", d.ref.DocumentID)
			return &lease.Lease{}, waited, nil
		}
		select {
		case <-time.After(pause):
		case <-ctx.Done():
			return nil, waited, context.Cause(ctx)
		}
	}
}

// waitsElsewhere takes in what another process has found out so far, and reports
// whether anybody waits for more. Nobody does if the document is fetched ahead of
// its reader, for the other process does that as well, or if the size was all that
// was asked for, and is known by now.
func (d *download) waitsElsewhere() bool {
	d.store.indexes.Of(d.ref.ContractID).Refresh()
	r := d.store.record(d.ref)
	d.mu.Lock()
	defer d.mu.Unlock()
	if r != nil && !d.known && d.n < 0 && d.store.fresh(d.ref, r) {
		d.learn(r)
		d.release()
	}
	return d.readers > 0 || d.asked && !d.known
}

// unlearn takes back a size that only another process has seen, before this one
// asks by itself: the document may be another one by now. Who was told the size has
// the generation to go by.
func (d *download) unlearn() {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.n < 0 {
		d.known, d.size, d.info = false, -1, Info{}
	}
}
