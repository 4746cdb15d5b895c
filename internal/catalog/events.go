package catalog

import "sync"

// events hands changes to their receiver one after the other, in the order
// they were added, outside all locks. Adding never waits: a receiver that
// tells the kernel may be held up by a request that waits for this catalog.
type events struct {
	mu      sync.Mutex
	f       func(Change)
	queue   []Change
	running bool
	wg      sync.WaitGroup
}

func (e *events) add(c Change) {
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.f == nil {
		return
	}
	e.queue = append(e.queue, c)
	if !e.running {
		e.running = true
		e.wg.Go(e.deliver)
	}
}

func (e *events) deliver() {
	for {
		e.mu.Lock()
		if len(e.queue) == 0 {
			e.running, e.queue = false, nil
			e.mu.Unlock()
			return
		}
		c, f := e.queue[0], e.f
		e.queue = e.queue[1:]
		e.mu.Unlock()
		f(c)
	}
}

// stop drops what has not been delivered and waits for what is being.
func (e *events) stop() {
	e.mu.Lock()
	e.f, e.queue = nil, nil
	e.mu.Unlock()
	e.wg.Wait()
}
