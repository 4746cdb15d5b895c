package ask

import (
	"cmp"
	"fmt"

	"ccsfs/apiclient"
	"ccsfs/cmd/ccsfs/internal/serve/view"
	"ccsfs/internal/folder"
)

// Unknown is why nobody knows whether there are documents that a query asks for: what
// cannot be listed, or only as it was; nil if it is known. What may pass goes before what is
// refused.
func (a *Query) Unknown(l *view.Look) error {
	if l.List == nil {
		if l.Err != nil {
			return l.Err
		}
		return fmt.Errorf("contracts: still being asked for: %w", apiclient.ErrTimeout)
	}
	var refused error
	for _, c := range l.Contracts {
		switch {
		case !a.About(c):
		case c.Listing == nil && c.Err == nil:
			return fmt.Errorf("contract %s: still being listed: %w", c.Entry.ID, apiclient.ErrTimeout)
		case c.Listing == nil && !apiclient.Refused(c.Err):
			return c.Err
		case c.Listing == nil:
			refused = c.Err
		case c.Listing.Stale != nil:
			return &folder.OldError{Path: c.Entry.ID, Cause: c.Listing.Stale}
		}
	}
	if refused == nil && l.List.Stale != nil {
		return &folder.OldError{Path: cmp.Or(a.Contract, "what is asked for"), Cause: l.List.Stale}
	}
	return refused
}
