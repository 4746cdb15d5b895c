package content

import (
	"slices"
	"sync"
)

// parking holds the downloads that wait for a reader with their connection open.
// There are few places: a newcomer that somebody has asked for sends the oldest away,
// one that is fetched ahead finds none, since those before it are read before it.
type parking struct {
	limit int
	ahead int // of those, for what is fetched ahead: with few connections it would stand in the way
	mu    sync.Mutex
	lots  []chan struct{} // oldest first; closed to send away
}

// park takes a place; nil: there is none. The channel is closed when another download
// needs it; leave gives it back.
func (p *parking) park(asked bool) (evicted <-chan struct{}, leave func()) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if !asked && len(p.lots) >= p.ahead {
		return nil, nil
	}
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
