package content

import (
	"context"
	"fmt"
	"time"

	"ccsfs/apiclient"
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
func leaseName(k key) string { return diskName(k.contract) + "/" + diskName(k.document) }

// lease waits for the right to ask for the document, as long as anybody needs to.
// Waited says that another process, or another store, had it. Where an old copy is
// there that may be served, it fails with errElsewhere before long. Else a holder is
// given up after waitMost, sooner where one was before, and the lease holds for nobody.
func (b *body) lease(ctx context.Context) (l *lease.Lease, waited bool, err error) {
	if b.store.cfg.CacheSize == 0 { // nothing that one process asks for is of use to another
		return &lease.Lease{}, false, nil
	}
	leases := b.store.leases
	name, since, most := leaseName(b.ref.key()), time.Now(), leases.Patience(b.store.waitMost)
	old := b.t.replaces && b.t.prev.covers(b.ref.version(), b.store.now()) && b.store.hasBlob(b.ref.key(), b.t.prev)
	if old {
		most = min(most, silentGrace)
	}
	for pause := lookFirst; ; pause = min(2*pause, lookMost) {
		if l, ok := leases.Try(name); ok {
			return l, waited, nil
		}
		switch waited = true; {
		case !b.waitsElsewhere():
			return nil, waited, errStopped
		case time.Since(since) > most && old:
			return nil, waited, errElsewhere
		case time.Since(since) > most:
			leases.GaveUp()
			b.store.log.Warn("another process has had this document in hand for long; it is asked for without waiting any longer",
				"contract", b.ref.ContractID, "document", b.ref.DocumentID)
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
func (b *body) waitsElsewhere() bool {
	b.store.index(b.ref.ContractID).refresh()
	r := b.store.record(b.ref)
	b.mu.Lock()
	defer b.mu.Unlock()
	if r != nil && !b.known && b.n < 0 && b.store.fresh(b.ref, r) {
		b.learn(r)
		b.release()
	}
	return b.readers > 0 || b.asked && !b.known
}

// unlearn takes back a size that only another process has seen, before this one
// asks by itself: the document may be another one by now. Who was told the size has
// the generation to go by.
func (b *body) unlearn() {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.n < 0 {
		b.known, b.size, b.info = false, -1, Info{}
	}
}
