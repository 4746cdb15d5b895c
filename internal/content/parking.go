package content

import (
	"slices"
	"sync"
)

// parking holds the downloads that wait for a reader with their connection open.
// There are few places: a newcomer sends the oldest away.
type parking struct {
	limit int
	mu    sync.Mutex
	lots  []chan struct{} // oldest first; closed to send away
}

// park takes a place. The channel is closed when another download needs it; leave
// gives it back.
func (p *parking) park() (evicted <-chan struct{}, leave func()) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if len(p.lots) >= p.limit {
		close(p.lots[0])
		p.lots = p.lots[1:]
	}
	lot := make(chan struct{})
	p.lots = append(p.lots, lot)
	return lot, func() {
		p.mu.Lock()
		defer p.mu.Unlock()
		if i := slices.Index(p.lots, lot); i >= 0 {
			p.lots = slices.Delete(p.lots, i, i+1)
		}
	}
}
