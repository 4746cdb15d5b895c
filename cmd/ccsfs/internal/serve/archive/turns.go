package archive

import "sync"

// Turns are the rights to have an archive made: one at a time for each user.
type Turns struct {
	mu   sync.Mutex
	busy map[string]bool
}

// Take takes the right of a user; false if it is taken. Whoever has it calls done.
func (t *Turns) Take(user string) (done func(), ok bool) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.busy[user] {
		return nil, false
	}
	if t.busy == nil {
		t.busy = map[string]bool{}
	}
	t.busy[user] = true
	return func() {
		t.mu.Lock()
		defer t.mu.Unlock()
		delete(t.busy, user)
	}, true
}
