package session

import (
	"context"

	"golang.org/x/sync/errgroup"

	"ccsfs/internal/catalog"
)

// listingsAtOnce bounds the contracts that are listed at the same time; each
// takes seven calls, which the rate limit orders.
const listingsAtOnce = 4

// contractListing is a contract and what became of listing its documents.
type contractListing struct {
	Entry   catalog.ContractEntry
	Listing *catalog.Listing
	Err     error
}

// Listings lists the documents of contracts.
func (o Session) Listings(ctx context.Context, entries []catalog.ContractEntry) []contractListing {
	all := make([]contractListing, len(entries))
	o.progress.listed.Store(0)
	o.progress.contracts.Store(int64(len(entries)))
	var g errgroup.Group
	g.SetLimit(listingsAtOnce)
	for i, e := range entries {
		g.Go(func() error {
			l, err := o.Catalog.Listing(ctx, e.ID)
			all[i] = contractListing{e, l, err}
			o.progress.listed.Add(1)
			return nil
		})
	}
	_ = g.Wait() // failures are kept with the contracts
	return all
}
