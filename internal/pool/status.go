package pool

import (
	"context"
	"encoding/json"
	"slices"
	"strings"
	"time"
)

// Stats is what this member did, and what it last saw.
type Stats struct {
	Members int64 // as last counted; 0: not yet
	Turns   int64 // of the shared rate
	Waited  int64 // for leases of others
	Lost    int64 // leases
	Alone   int64 // leases that were done without
	Had     int64 // things read from the shared store
	Gave    int64 // things put there
	Damaged int64 // things there, or notes, that did not count

	CoordinatorAway time.Time // since when; zero: it is there
	CoordinatorWhy  string
	StoreAway       time.Time
	StoreWhy        string
	WritingAway     time.Time // the store can be read, perhaps, and takes nothing
	WritingWhy      string
}

// Stats asks nobody.
func (p *Pool) Stats() Stats {
	c := &p.counters
	s := Stats{
		Members: p.others.Load(), Turns: c.turns.Load(), Waited: c.waited.Load(), Lost: c.lost.Load(), Alone: c.alone.Load(),
		Had: c.had.Load(), Gave: c.gave.Load(), Damaged: c.damaged.Load(),
	}
	var why error
	if s.CoordinatorAway, why = p.coordinator.gone(); why != nil {
		s.CoordinatorWhy = why.Error()
	}
	if s.StoreAway, why = p.objects.gone(); why != nil {
		s.StoreWhy = why.Error()
	}
	if s.WritingAway, why = p.puts.gone(); why != nil {
		s.WritingWhy = why.Error()
	}
	return s
}

// Member is one of a pool, as it tells of itself.
type Member struct {
	ID string
	About
	Leases []string // that it has, by name
}

// Survey is what the coordinator knows of a pool now.
type Survey struct {
	Members []Member // by host and the time since when they are there; those that came a moment ago may lack
	Pace    Pace
}

// Survey asks the coordinator.
func (p *Pool) Survey(ctx context.Context) (s Survey, err error) {
	var members map[string][]byte
	var leases map[string]string
	err = p.coordinator.once(ctx, func(ctx context.Context) (err error) {
		if members, err = p.cfg.Coordinator.Members(ctx); err != nil {
			return err
		}
		if leases, err = p.cfg.Coordinator.Leases(ctx); err != nil {
			return err
		}
		s.Pace, err = p.cfg.Coordinator.Pace(ctx)
		return err
	})
	if err != nil {
		return Survey{}, err
	}
	held := make(map[string][]string)
	for name, holder := range leases {
		id, _, _ := strings.Cut(holder, ":")
		held[id] = append(held[id], name)
	}
	for id := range held { // short commands tell nothing of themselves
		if _, told := members[id]; !told {
			members[id] = nil
		}
	}
	for id, about := range members {
		m := Member{ID: id, Leases: held[id]}
		_ = json.Unmarshal(about, &m.About) // of another version, or of nobody: its leases are told all the same
		slices.Sort(m.Leases)
		s.Members = append(s.Members, m)
	}
	slices.SortFunc(s.Members, func(a, b Member) int {
		if c := strings.Compare(a.Host, b.Host); c != 0 {
			return c
		}
		if c := a.Since.Compare(b.Since); c != 0 {
			return c
		}
		return strings.Compare(a.ID, b.ID)
	})
	return s, nil
}
