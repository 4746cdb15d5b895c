package metrics

import (
	"time"

	"ccsfs/internal/pool"
)

// poolFamilies are of the machines that share the account; there are no samples without.
func poolFamilies() []metric {
	return []metric{
		{name: "ccsfs_shared_members", help: "Processes that share the account, as last counted, 0 if not yet.", kind: gauge,
			samples: shared(func(p *pool.Stats) float64 { return float64(p.Members) })},
		{name: "ccsfs_shared_turns_total", help: "Requests at the rate that all of them share.", kind: counter,
			samples: shared(func(p *pool.Stats) float64 { return float64(p.Turns) })},
		{name: "ccsfs_shared_taken_total", help: "Documents had from the shared store, and not from the API.", kind: counter,
			samples: ifShared(func(s *snapshot) float64 { return float64(s.content.Taken) })},
		{name: "ccsfs_shared_given_total", help: "Documents put into the shared store.", kind: counter,
			samples: ifShared(func(s *snapshot) float64 { return float64(s.content.Given) })},
		{name: "ccsfs_shared_leases_waited_total", help: "Leases that were waited for, since another machine had them.", kind: counter,
			samples: shared(func(p *pool.Stats) float64 { return float64(p.Waited) })},
		{name: "ccsfs_shared_leases_lost_total", help: "Leases that could not be renewed in time.", kind: counter,
			samples: shared(func(p *pool.Stats) float64 { return float64(p.Lost) })},
		{name: "ccsfs_shared_leases_alone_total", help: "Leases that were done without, for Redis was out of reach.", kind: counter,
			samples: shared(func(p *pool.Stats) float64 { return float64(p.Alone) })},
		{name: "ccsfs_shared_damaged_total", help: "Things in the shared store that did not count.", kind: counter,
			samples: shared(func(p *pool.Stats) float64 { return float64(p.Damaged) })},
		{name: "ccsfs_shared_away_seconds", help: "For how long what is shared cannot be used, 0 if it can.", kind: gauge, labels: []string{"engine"},
			samples: away},
	}
}

// ifShared is one, where there is a pool.
func ifShared(v func(*snapshot) float64) func(*snapshot) []sample {
	return func(s *snapshot) []sample {
		if s.pool == nil {
			return nil
		}
		return []sample{{value: v(s)}}
	}
}

func shared(v func(*pool.Stats) float64) func(*snapshot) []sample {
	return ifShared(func(s *snapshot) float64 { return v(s.pool) })
}

func away(s *snapshot) []sample {
	if s.pool == nil {
		return nil
	}
	var samples []sample
	for _, e := range []struct {
		name  string
		since time.Time
	}{{"coordinator", s.pool.CoordinatorAway}, {"store", s.pool.StoreAway}, {"writing", s.pool.WritingAway}} {
		samples = append(samples, sample{since(e.since, s.now), []string{e.name}})
	}
	return samples
}
