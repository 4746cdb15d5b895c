package main

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
	entry   catalog.ContractEntry
	listing *catalog.Listing
	err     error
}

// listings lists the documents of contracts.
func (o oneShot) listings(ctx context.Context, entries []catalog.ContractEntry) []contractListing {
	all := make([]contractListing, len(entries))
	var g errgroup.Group
	g.SetLimit(listingsAtOnce)
	for i, e := range entries {
		g.Go(func() error {
			l, err := o.catalog.Listing(ctx, e.ID)
			all[i] = contractListing{e, l, err}
			return nil
		})
	}
	_ = g.Wait() // failures are kept with the contracts
	return all
}
