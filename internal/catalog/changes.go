package catalog

import "sync"

// Telling of differences.

// Change tells of a difference between what was known and what is. With an
// empty ContractID it is about the list of contracts, else about the listing
// of one. New is nil if Err says why there is none any more: access refused
// or contract gone. Old is nil if what was known before is not in memory any
// more (or never was, for a first answer that is a refusal): then anything
// may have changed.
type Change struct {
	ContractID                 string
	Old, New                   *Listing
	OldContracts, NewContracts *Contracts
	Err                        error
}

// changeQueue hands changes to their receiver one after the other, in the order
// they were added, outside all locks. Adding never waits: a receiver that
// tells the kernel may be held up by a request that waits for this catalog.
type changeQueue struct {
	mu      sync.Mutex
	f       func(Change)
	queue   []Change
	running bool
	wg      sync.WaitGroup
}

func (q *changeQueue) add(c Change) {
	q.mu.Lock()
	defer q.mu.Unlock()
	if q.f == nil {
		return
	}
	q.queue = append(q.queue, c)
	if !q.running {
		q.running = true
		q.wg.Go(q.deliver)
	}
}

func (q *changeQueue) deliver() {
	for {
		q.mu.Lock()
		if len(q.queue) == 0 {
			q.running, q.queue = false, nil
			q.mu.Unlock()
			return
		}
		c, f := q.queue[0], q.f
		q.queue = q.queue[1:]
		q.mu.Unlock()
		f(c)
	}
}

// stop drops what has not been delivered and waits for what is being.
func (q *changeQueue) stop() {
	q.mu.Lock()
	q.f, q.queue = nil, nil
	q.mu.Unlock()
	q.wg.Wait()
}
