package apiclient

import "slices"

// waiter is a request that waits for a slot or for the rate.
type waiter struct {
	priority *Priority
	ready    chan struct{} // closed when it is its turn
	stale    func() bool   // whether it need not wait for the rate any more; nil: no
	turn     turn          // once it is ready, if it waited for the rate
	err      error         // why it gets none
}

// queue holds waiters in the order they came. Who is next is decided only when
// someone can go, since a waiter may become urgent meanwhile. The owner's mutex
// guards it.
type queue struct{ list []*waiter }

func (q *queue) push(u *Priority) *waiter {
	w := &waiter{priority: u, ready: make(chan struct{})}
	q.list = append(q.list, w)
	return w
}

// next returns the first urgent waiter, else the first, else nil.
func (q *queue) next() *waiter {
	for _, w := range q.list {
		if w.priority.urgent() {
			return w
		}
	}
	if len(q.list) > 0 {
		return q.list[0]
	}
	return nil
}

// remove reports whether w was still waiting.
func (q *queue) remove(w *waiter) bool {
	i := slices.Index(q.list, w)
	if i >= 0 {
		q.list = slices.Delete(q.list, i, i+1)
	}
	return i >= 0
}
