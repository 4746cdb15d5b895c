package view

import (
	"slices"

	"ccsfs/cmd/ccsfs/internal/daemon/control"
)

// status is the state of the account, as somebody sees it who may see the contracts of some
// ids; nil: all.
func (v *View) status(only []string, contracts []*Contract) *control.Status {
	m := control.Mount{
		Version: v.Version, APIURL: v.Settings.API.URL, Offline: v.Settings.API.Offline, Named: len(v.Settings.Listings.Types) > 0,
		Client: v.Account.Client, Catalog: v.Account.Catalog, Content: v.Account.Content,
	}
	s := m.Status()
	if only != nil {
		restrict(s, only, contracts)
	}
	return s
}

// restrict leaves of a state what is about contracts of some ids, and what is about the API
// without a word of others.
func restrict(s *control.Status, only []string, contracts []*Contract) {
	c := &s.Catalog
	for _, list := range []*[]control.Problem{&c.Stale, &c.Refused, &c.Suspect, &c.Gone} {
		*list = slices.DeleteFunc(*list, func(p control.Problem) bool {
			return p.ContractID != "" && !slices.Contains(only, p.ContractID)
		})
	}
	for i := range c.Suspect {
		if p := &c.Suspect[i]; p.ContractID == "" { // it may tell how many there are
			p.Cause = unbelieved
		}
	}
	c.Contracts, c.Listings, c.Documents = len(contracts), 0, 0
	for _, one := range contracts {
		if one.Listing != nil {
			c.Listings++
			c.Documents += len(one.Listing.Documents)
		}
	}
	s.API.Breaker.Cause, s.LastErrors = "", nil // of whatever was asked for last
}
