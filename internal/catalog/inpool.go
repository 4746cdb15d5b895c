package catalog

import (
	"context"
	"time"

	"ccsfs/internal/catalog/fresh"
	"ccsfs/internal/catalog/layout"
	"ccsfs/internal/pool"
)

// What a pool keeps of listings, for those who look after the pool. The API is not asked.

// PoolPrefix begins the names of lists, listings and details in a pool, and of nothing else
// there.
const PoolPrefix = fresh.PoolPrefix

// ContractsInPool is the list of contracts that a pool keeps, all of them; nil if it keeps
// none, or that access was refused. The error is that nobody can tell.
func ContractsInPool(ctx context.Context, p *pool.Pool) (*Contracts, error) {
	cfg, err := plainConfig()
	if err != nil {
		return nil, err
	}
	a, err := fresh.InPool(ctx, p, magic, contractsFile, func(payload []byte) (*contractSet, error) {
		a, _, err := parseContracts(payload, cfg)
		return a, err
	})
	if a == nil || err != nil {
		return nil, err
	}
	return a.view, nil
}

// ListingInPool is the listing that a pool keeps of all documents of a contract; nil if it
// keeps none, also where it has one of some types, or that access was refused. The error is
// that nobody can tell.
func ListingInPool(ctx context.Context, p *pool.Pool, contractID string) (*Listing, error) {
	cfg, err := plainConfig()
	if err != nil {
		return nil, err
	}
	return fresh.InPool(ctx, p, magic, listingFile(contractID, nil), func(payload []byte) (*Listing, error) {
		return parseListing(payload, contractID, nil, cfg.Layout)
	})
}

// plainConfig is that of lists that are not shown, but compared by ids.
func plainConfig() (*Config, error) {
	shape, err := layout.Parse("flat")
	if err != nil {
		return nil, err
	}
	return &Config{Layout: shape}, nil
}

// Doubt is why a listing may lack documents that the contract has, by a time; "" if nothing
// says that it does. That it is old is none.
func (l *Listing) Doubt(now time.Time) string {
	switch {
	case fresh.Future(l.FetchedAt, now):
		return "its listing is from the future: a clock is or was wrong"
	case l.Suspect != "":
		return "its listing may not be whole: " + l.Suspect
	case l.Incomplete:
		return "its listing is not whole"
	case len(l.Refused) > 0:
		return "the API refuses some of its types"
	case l.Old:
		return "its listing shows what is not listed any more"
	}
	return ""
}
