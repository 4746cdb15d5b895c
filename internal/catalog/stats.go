package catalog

import (
	"cmp"
	"slices"
	"time"

	"ccsfs/internal/catalog/fresh"
)

// The state of a catalog, for people and programs that look after it.

// Stats is the state of a catalog at one moment, for status and metrics.
type Stats struct {
	Contracts  int       // shown
	Listings   int       // in memory
	Documents  int       // in those
	Refreshing int       // listings asked for right now
	Failing    []Problem // what could not be refreshed, or was refused
	Refused    []Problem // types refused, of the listings in memory
	Suspect    []Problem // listings in memory that the API may have cut short
	Gone       []Problem // contracts that are not listed any more, and types of the listings in memory
}

// Problem is something that is not as it should be.
type Problem struct {
	Op         string // "contracts", "listing" or "detail"
	ContractID string // "" for the list of contracts
	Type       string // of a type refused
	Cause      string
	Denied     bool      // access refused, or contract gone: nothing is shown
	Told       bool      // of Suspect: the API says so itself
	Old        bool      // of Suspect: what is not listed any more is shown as before
	Empty      bool      // of Suspect: there is nothing, and never was
	Absent     bool      // of Suspect: Config.Contracts names it, and the account has it not
	Since      time.Time // zero where that is not known
	Retry      time.Time // the API is not asked again before; zero if that does not apply
}

// Stats never waits for the API.
func (c *Catalog) Stats() Stats {
	var s Stats
	tally(&s, c.contracts, func(a *contractSet) {
		s.Contracts = len(a.view.Entries)
		switch {
		case a.view.Suspect != "":
			s.Suspect = append(s.Suspect, Problem{Op: opContracts, Cause: a.view.Suspect, Told: a.view.Incomplete, Old: a.view.Old})
		case a.view.none():
			s.Suspect = append(s.Suspect, Problem{Op: opContracts, Cause: ErrNoContracts.Error(), Empty: true})
		}
		for _, id := range a.view.Missing {
			s.Suspect = append(s.Suspect, Problem{Op: opContracts, ContractID: id, Cause: "it was named, and is not among those of the account", Absent: true})
		}
		for _, g := range a.view.Gone {
			s.Gone = append(s.Gone, Problem{Op: opContracts, ContractID: g.ID, Cause: g.String(), Since: g.Since})
		}
	})
	for _, v := range c.listings.All() {
		if tally(&s, v, s.listing) {
			s.Refreshing++
		}
	}
	for _, v := range c.details.All() {
		tally(&s, v, func(*Detail) {})
	}
	for _, list := range [][]Problem{s.Failing, s.Refused, s.Suspect, s.Gone} {
		slices.SortFunc(list, func(a, b Problem) int {
			return cmp.Or(cmp.Compare(a.ContractID, b.ContractID), cmp.Compare(a.Op, b.Op), cmp.Compare(a.Type, b.Type))
		})
	}
	return s
}

func (s *Stats) listing(l *Listing) {
	s.Listings++
	s.Documents += len(l.Documents)
	for _, t := range l.Refused {
		s.Refused = append(s.Refused, Problem{Op: "listing", ContractID: l.ContractID, Type: t, Cause: "refused by the API"})
	}
	if l.Suspect != "" {
		s.Suspect = append(s.Suspect, Problem{Op: "listing", ContractID: l.ContractID, Cause: l.Suspect, Told: l.Incomplete, Old: l.Old})
	}
	for _, g := range l.Gone {
		s.Gone = append(s.Gone, Problem{Op: opListing, ContractID: l.ContractID, Type: g.Type, Cause: l.ContractID + ": " + g.String(), Since: g.Since})
	}
}

// tally counts a value, and reports whether it is being refreshed.
func tally[T any](s *Stats, c *fresh.Value[T], count func(*T)) bool {
	now := c.State()
	if now.Value != nil {
		count(now.Value)
	}
	if f := now.Fail; f.Err != nil {
		s.Failing = append(s.Failing, Problem{
			Op: now.Name, ContractID: now.Key, Cause: f.Err.Error(), Denied: f.Denied(), Since: f.Since, Retry: f.Retry,
		})
	}
	return now.Refreshing
}
