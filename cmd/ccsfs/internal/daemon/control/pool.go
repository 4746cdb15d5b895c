package control

import (
	"time"

	"ccsfs/internal/content"
	"ccsfs/internal/pool"
)

// PoolStatus says what this process has to do with the machines that share its account.
type PoolStatus struct {
	Members     int64  `json:"members"` // as last counted, this one included; 0: not yet
	Turns       int64  `json:"turns"`   // requests at the rate of all of them
	Taken       int64  `json:"taken"`   // documents had from the shared store, and not from the API
	Given       int64  `json:"given"`   // documents put there
	Waited      int64  `json:"waited"`  // leases that another machine had
	Lost        int64  `json:"lost"`    // leases that could not be renewed
	Alone       int64  `json:"alone"`   // leases that were done without, with shared-on-loss = "degraded"
	Damaged     int64  `json:"damaged"` // things in the store that did not count
	Coordinator Engine `json:"coordinator"`
	Store       Engine `json:"store"`
	Writing     Engine `json:"writing"` // to the store, which may be read all the same
}

// Engine says whether what a pool is made of can be used.
type Engine struct {
	AwaySince time.Time `json:"away_since,omitzero"` // zero: it can
	Cause     string    `json:"cause,omitempty"`
}

// awayFor is how long an engine is away before it is trouble: until then calls hold on.
const awayFor = pool.Grace

func poolStatus(p *pool.Pool, c content.Stats) *PoolStatus {
	if p == nil {
		return nil
	}
	s := p.Stats()
	return &PoolStatus{
		Members: s.Members, Turns: s.Turns, Taken: c.Taken, Given: c.Given, Waited: s.Waited, Lost: s.Lost, Alone: s.Alone, Damaged: s.Damaged,
		Coordinator: Engine{s.CoordinatorAway, s.CoordinatorWhy}, Store: Engine{s.StoreAway, s.StoreWhy}, Writing: Engine{s.WritingAway, s.WritingWhy},
	}
}

// troubles are what is the matter with the engines, for a while already; nil without a pool.
func (p *PoolStatus) troubles(now time.Time) (all []engineTrouble) {
	if p == nil {
		return nil
	}
	for _, e := range []engineTrouble{
		{"what the machines share (Redis) cannot be used", p.Coordinator},
		{"the shared store cannot be used", p.Store},
		{"the shared store takes nothing", p.Writing},
	} {
		if !e.AwaySince.IsZero() && now.Sub(e.AwaySince) >= awayFor {
			all = append(all, e)
		}
	}
	return all
}

// engineTrouble is an engine that is away.
type engineTrouble struct {
	text string
	Engine
}
