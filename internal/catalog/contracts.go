package catalog

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"hash/maphash"
	"slices"
	"strings"
	"time"

	"ccsfs/apiclient"
	"ccsfs/internal/catalog/fresh"
)

// The list of contracts: how it is fetched, and what is shown of it.

// contractSet is the list of contracts as the API gave it, and what is shown of it.
type contractSet struct {
	all  []apiclient.Contract // sorted by id
	view *Contracts
	byID map[string]apiclient.Contract // of those shown
	// emptied is since when the API lists none, though these are shown; zero if
	// it lists them.
	emptied time.Time
	// gone holds what was listed before, and is not any more.
	gone []GoneContract // sorted by id
}

// doubt says that what a shows is not listed any more, since a time.
func (a *contractSet) doubt(since time.Time) {
	a.emptied = since
	a.view.Suspect, a.view.Old = fmt.Sprintf("the API lists no contracts, where %s listed before", were(len(a.all), "contract")), true
}

// part says that a is not all, as the API says itself, or that it may not be, as a gateway
// fears.
func (a *contractSet) part(why string) { a.view.Suspect, a.view.Incomplete = why, why != isFeared }

// none reports whether the account has no contracts, hidden ones included.
func (c *Contracts) none() bool { return len(c.Entries)+len(c.Hidden) == 0 }

// Lookup finds a contract by the name of its directory.
func (c *Contracts) Lookup(name string) (ContractEntry, bool) {
	i, ok := slices.BinarySearchFunc(c.Entries, name, func(e ContractEntry, n string) int { return strings.Compare(e.Name, n) })
	if !ok {
		return ContractEntry{}, false
	}
	return c.Entries[i], true
}

// newContractSet sorts contracts and names their directories. Names depend on all
// contracts, not on which are shown.
func newContractSet(list []apiclient.Contract, at time.Time, cfg *Config) (*contractSet, error) {
	all := slices.Clone(list)
	slices.SortStableFunc(all, compareContracts)
	all = slices.CompactFunc(all, func(a, b apiclient.Contract) bool { return a.ID == b.ID })
	ids, wanted := make([]string, len(all)), make([]string, len(all))
	for i, c := range all {
		if c.ID == "" {
			return nil, fmt.Errorf("contracts: one without an id: %w", apiclient.ErrProtocol)
		}
		ids[i], wanted[i] = c.ID, cfg.directoryName(c)
	}
	a := &contractSet{all: all, view: &Contracts{FetchedAt: at}, byID: make(map[string]apiclient.Contract)}
	for i, name := range cfg.Layout.Names().Distinguish(wanted, ids) {
		if len(cfg.Contracts) > 0 && !slices.Contains(cfg.Contracts, ids[i]) {
			a.view.Hidden = append(a.view.Hidden, ContractEntry{Name: name, Contract: all[i]})
			continue
		}
		a.view.Entries = append(a.view.Entries, ContractEntry{Name: name, Contract: all[i]})
		a.byID[ids[i]] = all[i]
	}
	slices.SortFunc(a.view.Entries, func(a, b ContractEntry) int { return strings.Compare(a.Name, b.Name) })
	for _, id := range cfg.Contracts {
		if _, ok := a.byID[id]; !ok {
			a.view.Missing = append(a.view.Missing, id)
		}
	}
	return a, nil
}

// directoryName is the name that a contract's directory should have.
func (cfg *Config) directoryName(c apiclient.Contract) string {
	if name := strings.TrimSpace(c.Name); cfg.ContractNames && name != "" {
		return cfg.Layout.Names().Safe(c.ID + " " + name)
	}
	return cfg.Layout.Names().Safe(c.ID)
}

func compareContracts(a, b apiclient.Contract) int {
	return cmp.Or(cmp.Compare(a.ID, b.ID), cmp.Compare(a.Name, b.Name), cmp.Compare(a.CreatedAt, b.CreatedAt), cmp.Compare(a.Offer, b.Offer))
}

func (c *Catalog) fetchContracts(ctx context.Context, _ string, prev *contractSet) (*contractSet, error) {
	prev = c.lastContracts(prev)
	ctx, asked := c.scope.Asking(ctx)
	list, err := c.listContracts(ctx, prev)
	at := asked()
	switch {
	case errors.Is(err, apiclient.ErrIncomplete):
		return c.someContracts(list, at, err, prev)
	case err != nil:
		return nil, err // it says itself what was asked for
	}
	since, doubted := at, false
	if len(list) == 0 && prev.had() {
		if !prev.emptied.IsZero() && !fresh.Future(prev.emptied, at) {
			since = prev.emptied
		}
		if doubted = at.Sub(since) < emptyBelieved; doubted {
			list = prev.all
		}
	}
	a, err := newContractSet(list, at, &c.cfg)
	if err != nil {
		return nil, err
	}
	if doubted {
		a.doubt(since)
	}
	a.misses(prev, believedAt(since, at), &c.cfg)
	c.reportContracts(a)
	return a, nil
}

// had reports whether there were contracts before.
func (a *contractSet) had() bool { return a != nil && len(a.all) > 0 }

// listContracts asks for the list of contracts, and once more if one is gone that
// was there before. (That there are none at all is doubted for longer.)
func (c *Catalog) listContracts(ctx context.Context, prev *contractSet) ([]apiclient.Contract, error) {
	list, err := c.api.Contracts(ctx)
	if err != nil || !prev.had() || !lacks(list, prev.all) || len(list) == 0 && !prev.emptied.IsZero() {
		return list, err
	}
	again, err := c.api.Contracts(ctx)
	return slices.Concat(again, list), err
}

// someContracts makes the list of contracts of a part of it: what was known before
// and is not in that is still shown.
func (c *Catalog) someContracts(list []apiclient.Contract, at time.Time, why error, prev *contractSet) (*contractSet, error) {
	if prev != nil {
		list = slices.Concat(list, prev.all)
	}
	a, err := newContractSet(list, at, &c.cfg)
	if err != nil {
		return nil, err
	}
	if a.part(isFeared); !errors.Is(why, apiclient.ErrFeared) {
		a.part(saysItself(why))
	}
	a.misses(prev, at, &c.cfg) // nothing new
	c.reportContracts(a)
	return a, nil
}

// lacks reports whether one of those known before is not in a list.
func lacks(list, before []apiclient.Contract) bool {
	return slices.ContainsFunc(before, func(b apiclient.Contract) bool {
		return !slices.ContainsFunc(list, func(c apiclient.Contract) bool { return c.ID == b.ID })
	})
}

// reportContracts logs what is not as it should be with the contracts, when it
// begins.
func (c *Catalog) reportContracts(a *contractSet) {
	if c.scope.News("contracts gone", a.view.Suspect) {
		text := "all contracts are gone at once, and are still shown"
		if a.view.Incomplete {
			text = "contracts are missing from the API's list"
		}
		c.cfg.Logger.Warn(text, "reason", a.view.Suspect)
	}
	for _, id := range c.cfg.Contracts {
		text := ""
		if slices.Contains(a.view.Missing, id) {
			text = "missing"
		}
		if c.scope.News("wanted contract "+id, text) {
			c.cfg.Logger.Warn("a contract that was asked for is not among those of the account", "contract", id)
		}
	}
	c.reportLack(a)
}

func (c *Catalog) contractsSource() *fresh.Source[contractSet] {
	seed := maphash.MakeSeed()
	return &fresh.Source[contractSet]{
		Name:  opContracts,
		Fetch: c.fetchContracts,
		File:  func(string) string { return contractsFile },
		Load: func(string) (*contractSet, *fresh.Refusal) {
			a, r := c.disk.contracts(&c.cfg)
			if a != nil {
				c.reportLack(a)
			}
			return a, r
		},
		Parse: func(_ string, payload []byte) (*contractSet, error) {
			a, _, err := parseContracts(payload, &c.cfg)
			if err == nil {
				c.reportLack(a)
			}
			return a, err
		},
		Saved:     func(_ string, a *contractSet) any { return savedFormOfContracts(a) },
		Deny:      func(_ string, f *fresh.Failure) { c.disk.Deny(contractsFile, f, contractsBefore) },
		FetchedAt: func(a *contractSet) time.Time { return a.view.FetchedAt },
		WithStale: func(a *contractSet, err error) *contractSet {
			out, view := *a, *a.view
			view.Stale = err
			out.view = &view
			return &out
		},
		Fingerprint: func(a *contractSet) uint64 {
			var h maphash.Hash
			h.SetSeed(seed)
			for _, e := range a.view.Entries {
				maphash.WriteComparable(&h, e)
			}
			return h.Sum64()
		},
		Same: func(a, b *contractSet) bool { return slices.Equal(a.view.Entries, b.view.Entries) },
		Changed: func(_ string, was, is *contractSet, err error) {
			ch := Change{Err: err}
			if was != nil {
				ch.OldContracts = was.view
			}
			if is != nil {
				ch.NewContracts = is.view
			}
			c.changes.add(ch)
		},
	}
}
