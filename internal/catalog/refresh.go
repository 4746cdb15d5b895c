package catalog

import (
	"context"
	"fmt"
	"slices"

	"golang.org/x/sync/errgroup"
)

// refreshers bounds how many listings Refresh renews at once: each is several
// calls already, and the client bounds those.
const refreshers = 4

// Refresh asks the API now: for the listing of a contract and its detail if
// that was ever asked for, or, with an empty id, for the list of contracts
// and every listing of them that is in memory or saved.
func (c *Catalog) Refresh(ctx context.Context, contractID string) error {
	if contractID != "" {
		if err := c.exists(ctx, contractID, c.listings.has); err != nil {
			return err
		}
		return c.refreshOne(ctx, contractID)
	}
	if err := c.contracts.refresh(ctx); err != nil {
		return err
	}
	a, err := c.contracts.known()
	if err != nil || a == nil {
		return err
	}
	var g errgroup.Group
	g.SetLimit(refreshers)
	errs := make([]error, len(a.view.Entries))
	for i, e := range a.view.Entries {
		if c.listings.has(e.ID) {
			g.Go(func() error {
				errs[i] = c.refreshOne(ctx, e.ID)
				return nil
			})
		}
	}
	_ = g.Wait() // the errors are in errs
	return firstOf(errs)
}

func (c *Catalog) refreshOne(ctx context.Context, contractID string) error {
	err := c.listings.refresh(ctx, contractID)
	if err == nil && c.details.has(contractID) {
		err = c.details.refresh(ctx, contractID)
	}
	return err
}

// firstOf returns the first error and how many more there are.
func firstOf(errs []error) error {
	errs = slices.DeleteFunc(errs, func(err error) bool { return err == nil })
	switch len(errs) {
	case 0:
		return nil
	case 1:
		return errs[0]
	}
	return fmt.Errorf("%w (and %d more)", errs[0], len(errs)-1)
}
