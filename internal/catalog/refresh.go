package catalog

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"golang.org/x/sync/errgroup"

	"ccsfs/apiclient"
	"ccsfs/internal/catalog/fresh"
)

// Asking for everything now.

// refreshers bounds how many listings Refresh renews at once: each is several
// calls already, and the client bounds those.
const refreshers = 4

// Refresh asks the API now: for the listing of a contract and its detail if
// that was ever asked for, or, with an empty id, for the list of contracts
// and every listing of them that is in memory or saved. (What nobody has looked
// at has nothing old to show: it is asked for when it is looked at.) What could
// not be refreshed is named by the error, which Is each of theirs.
func (c *Catalog) Refresh(ctx context.Context, contractID string) error {
	if contractID != "" {
		if err := c.exists(ctx, contractID, c.listings.Has); err != nil {
			return err
		}
		return c.refreshOne(ctx, contractID)
	}
	err := c.contracts.Refresh(ctx)
	switch {
	case err == nil:
	case fresh.Denied(err) || errors.Is(err, context.Canceled):
		return err
	case !fresh.Answered(err) || errors.Is(err, apiclient.ErrRateLimited):
		return fmt.Errorf("%w (nothing else was asked for)", err)
	}
	a, known := c.contracts.Known()
	if known != nil || a == nil {
		return cmp.Or(err, known)
	}
	return errors.Join(err, c.refreshAll(ctx, a))
}

// RefreshContracts asks for the list of contracts now, and for nothing else.
func (c *Catalog) RefreshContracts(ctx context.Context) error { return c.contracts.Refresh(ctx) }

func (c *Catalog) refreshAll(ctx context.Context, a *contractSet) error {
	var g errgroup.Group
	g.SetLimit(refreshers)
	all := &refreshError{errs: make([]error, len(a.view.Entries))}
	for i, e := range a.view.Entries {
		if c.listings.Has(e.ID) {
			all.tried++
			g.Go(func() error {
				all.errs[i] = c.refreshOne(ctx, e.ID)
				return nil
			})
		}
	}
	_ = g.Wait() // the errors are in all
	for i, err := range all.errs {
		if err != nil {
			all.failed = append(all.failed, a.view.Entries[i].ID)
		}
	}
	all.errs = slices.DeleteFunc(all.errs, func(err error) bool { return err == nil })
	switch len(all.errs) {
	case 0:
		return nil
	case 1:
		return all.errs[0] // it names its contract
	}
	return all
}

func (c *Catalog) refreshOne(ctx context.Context, contractID string) error {
	err := c.listings.Refresh(ctx, contractID)
	if err == nil && c.details.Has(contractID) {
		err = c.details.Refresh(ctx, contractID)
	}
	return err
}

// refreshError is what several contracts were not refreshed for.
type refreshError struct {
	tried  int
	failed []string // contracts
	errs   []error  // theirs
}

// namedMost bounds the contracts that an error names.
const namedMost = 8

func (e *refreshError) Error() string {
	names, more := e.failed, ""
	if len(names) > namedMost {
		names, more = names[:namedMost], fmt.Sprintf(" and %d more", len(names)-namedMost)
	}
	return fmt.Sprintf("%d of %d contracts are not refreshed: %s%s; the first: %v", len(e.failed), e.tried, strings.Join(names, ", "), more, e.errs[0])
}

func (e *refreshError) Unwrap() []error { return e.errs }
