package apiclient

import (
	"io"
	"net/http"
	"sync"
)

// gate gives each request one of a limited number of slots, until its body is
// closed. A request that waits to be tried again holds none.
//
// Urgent requests go first, and one slot is kept free for them: background
// downloads of large bodies must not make a reader wait.
type gate struct {
	next    http.RoundTripper
	breaker *breaker // to leave the queue when there is no use in waiting
	size    int

	mu      sync.Mutex
	holders map[*waiter]struct{}
	queue   queue
}

func (g *gate) RoundTrip(req *http.Request) (*http.Response, error) {
	cl := callOf(req)
	w, err := g.acquire(req, cl)
	if err != nil {
		return nil, err
	}
	if g.breaker.stale(cl) { // it opened meanwhile
		g.release(w)
		return nil, cl.turnBack()
	}
	resp, err := g.next.RoundTrip(req)
	if err != nil {
		g.release(w)
		return nil, err
	}
	resp.Body = &slotBody{ReadCloser: resp.Body, release: sync.OnceFunc(func() { g.release(w) })}
	return resp, nil
}

// acquire waits for a slot or for the end of the caller's patience.
func (g *gate) acquire(req *http.Request, cl *call) (*waiter, error) {
	ctx := req.Context()
	u := priorityOf(ctx)
	g.mu.Lock()
	w := g.queue.push(u)
	if cl.ticket != nil && cl.ticket.probe { // those who hold the slots may never get an answer
		g.admit(w)
	}
	g.dispatch()
	g.mu.Unlock()
	raised := u.whenRaised()
	for {
		select {
		case <-w.ready:
			return w, nil
		case <-raised: // the slot kept for urgent ones may be free
			raised = nil
			g.mu.Lock()
			g.dispatch()
			g.mu.Unlock()
		case <-ctx.Done():
			g.mu.Lock()
			waiting := g.queue.remove(w)
			g.mu.Unlock()
			if !waiting {
				g.release(w)
			}
			return nil, cl.left(ctx)
		}
	}
}

func (g *gate) release(w *waiter) {
	g.mu.Lock()
	defer g.mu.Unlock()
	delete(g.holders, w)
	g.dispatch()
}

// dispatch lets in who can go. The mutex is held.
func (g *gate) dispatch() {
	for len(g.holders) < g.size {
		w := g.queue.next()
		if w == nil || !w.priority.urgent() && g.size > 1 && g.background() >= g.size-1 {
			return
		}
		g.admit(w)
	}
}

func (g *gate) admit(w *waiter) {
	g.queue.remove(w)
	g.holders[w] = struct{}{}
	close(w.ready)
}

// background counts the slots held by requests that are not urgent by now.
func (g *gate) background() int {
	n := 0
	for w := range g.holders {
		if !w.priority.urgent() {
			n++
		}
	}
	return n
}

// load returns the slots in use and the requests waiting for one.
func (g *gate) load() (inFlight, waiting int) {
	g.mu.Lock()
	defer g.mu.Unlock()
	return len(g.holders), len(g.queue.list)
}

// slotBody gives the slot back when the body is closed.
type slotBody struct {
	io.ReadCloser
	release func()
}

func (b *slotBody) Close() error {
	defer b.release()
	return b.ReadCloser.Close()
}
