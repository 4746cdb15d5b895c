package content

import (
	"context"
	"time"

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

// lease waits for the right to ask for the document, as long as anybody needs to.
// Waited says that another process, or another store, had it. The lease is nil if
// that one was waited for in vain.
func (b *body) lease(ctx context.Context) (l *lease.Lease, waited bool, err error) {
	name := b.ref.ContractID + "\x00" + b.ref.DocumentID
	since := time.Now()
	for pause := lookFirst; ; pause = min(2*pause, lookMost) {
		if l, ok := b.store.leases.Try(name); ok {
			return l, waited, nil
		}
		switch waited = true; {
		case !b.waitsElsewhere():
			return nil, waited, errStopped
		case time.Since(since) > b.store.waitMost:
			b.store.log.Warn("another process has had this document in hand for long; it is asked for without waiting any longer",
				"contract", b.ref.ContractID, "document", b.ref.DocumentID)
			return nil, waited, nil
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
