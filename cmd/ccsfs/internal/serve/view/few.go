package view

import (
	"context"
	"sync"
)

// Few lets few do something at once that takes memory; the others wait.
type Few struct{ turns chan struct{} }

// NewFew lets n do it at once.
func NewFew(n int) *Few { return &Few{make(chan struct{}, n)} }

// Begin waits for a turn; done ends it, and may be called again. Without one, ok is false and
// ctx has ended.
func (f *Few) Begin(ctx context.Context) (done func(), ok bool) {
	select {
	case f.turns <- struct{}{}:
		return sync.OnceFunc(func() { <-f.turns }), true
	case <-ctx.Done():
		return func() {}, false
	}
}

// Now is how many do it.
func (f *Few) Now() int { return len(f.turns) }
