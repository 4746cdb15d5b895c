package catalog

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"time"

	"ccsfs/apiclient"
	"ccsfs/internal/billing"
	"ccsfs/internal/catalog/fresh"
	"ccsfs/internal/catalog/layout"
	"ccsfs/internal/suggest"
)

// The ways in: each goes by what package fresh has, and none leaves without a note of how
// it falls short.

const (
	defaultTTL      = 10 * time.Minute
	defaultListings = 1024
	// defaultListedDocuments are 70 MB at most.
	defaultListedDocuments = 250_000
)

// Catalog knows what exists. All methods may be called at once, by many.
// Values returned are shared and must not be modified.
type Catalog struct {
	cfg     Config
	api     API
	scope   *fresh.Scope
	disk    *disk
	changes *changeQueue
	short   *shortfalls
	told    *toldRefusals

	contracts *fresh.Value[contractSet]
	listings  *fresh.Map[Listing]
	details   *fresh.Map[Detail]
}

// New returns a catalog. It asks nothing yet. It fails for settings that
// cannot be meant; a directory that cannot be made is only logged.
func New(cfg Config, api API) (*Catalog, error) {
	every := len(cfg.Types) == 0
	types, err := checkTypes(cfg.Types)
	if err != nil {
		return nil, err
	}
	if cfg.TTL < 0 || cfg.Listings < 0 || cfg.ListedDocuments < 0 {
		return nil, errors.New("catalog: neither the time to live nor the number of listings can be negative")
	}
	cfg.TTL = cmp.Or(cfg.TTL, defaultTTL)
	cfg.Listings = cmp.Or(cfg.Listings, defaultListings)
	cfg.ListedDocuments = cmp.Or(cfg.ListedDocuments, defaultListedDocuments)
	cfg.Types = types
	cfg.Contracts = slices.Clone(cfg.Contracts)
	if cfg.Layout == nil {
		if cfg.Layout, err = layout.Parse("flat"); err != nil {
			return nil, err
		}
	}
	if cfg.Logger == nil {
		cfg.Logger = slog.New(slog.DiscardHandler)
	}
	if cfg.Now == nil {
		cfg.Now = time.Now
	}
	if cfg.Credentials == nil {
		cfg.Credentials = func() string { return "" }
	}
	s := fresh.New(fresh.Config{
		Dir: cfg.Dir, Subdirs: []string{listingsDir, detailsDir, saidDir}, Magic: magic, What: "listings", Subject: "contract",
		TTL: cfg.TTL, Offline: cfg.Offline, Foreground: cfg.Foreground, Afresh: cfg.Afresh,
		Credentials: cfg.Credentials, Pool: cfg.Pool, Log: cfg.Logger, Now: cfg.Now,
	})
	c := &Catalog{cfg: cfg, api: api, scope: s, disk: &disk{s.Store}, changes: &changeQueue{}, short: &shortfalls{scope: s}}
	if !every {
		c.short.named = types
	}
	f := &fetcher{api: api, types: types, every: every, layout: cfg.Layout, scope: s, log: cfg.Logger, limits: newLimits(), known: cfg.Known}
	f.told = &toldRefusals{saved: s.Store, now: s.Now}
	if !every {
		f.told.types = types
	}
	c.told = f.told
	c.contracts = fresh.NewValue(s, c.contractsSource(), "")
	if c.listings, err = fresh.NewMap(s, c.listingSource(f, every), cfg.Listings); err != nil {
		return nil, err
	}
	c.details, err = fresh.NewMap(s, c.detailSource(), cfg.Listings)
	return c, err
}

// checkTypes returns the types to ask for, in order. A type that the API does
// not have is answered by an empty list, not by an error, so that a misspelt
// one would look like a contract without documents.
func checkTypes(types []string) ([]string, error) {
	if len(types) == 0 {
		return billing.Types(), nil
	}
	types = slices.Clone(types)
	for _, t := range types {
		if slices.Contains(billing.Types(), t) {
			continue
		}
		if t == "" || t == "all" || suggest.Nearest(t, billing.Types()) != "" {
			return nil, fmt.Errorf("document type %q is not known%s: leave it out for all types", t, suggest.Hint(t, billing.Types()))
		}
	}
	slices.SortFunc(types, func(a, b string) int {
		return cmp.Or(cmp.Compare(billing.Rank(a), billing.Rank(b)), cmp.Compare(a, b))
	})
	return slices.Compact(types), nil
}

// OnChange sets who is told of differences, one after the other. It must be
// called before the first use. f must not call Close; it may call the rest.
func (c *Catalog) OnChange(f func(Change)) {
	c.changes.mu.Lock()
	defer c.changes.mu.Unlock()
	c.changes.f = f
}

// Close ends the refreshes under way, fails those who wait for one with an
// error that Is context.Canceled, and returns when nothing runs any more.
func (c *Catalog) Close() {
	c.scope.Close()
	c.changes.stop()
}

// Contracts returns the contracts of the account: at once if the list is
// younger than the TTL; at once and refreshed behind up to twice that; else
// refreshed, where an old list is served instead, marked stale, after Grace
// or if the API cannot be reached. It fails if there is none, or if access
// was refused.
func (c *Catalog) Contracts(ctx context.Context) (*Contracts, error) {
	a, err := c.contracts.Get(ctx)
	if err != nil {
		return nil, c.short.failed(opContracts, "", err)
	}
	c.short.contracts(a.view)
	return a.view, nil
}

// KnownContracts is to Contracts what Known is to Listing: the list that is in memory or
// saved, nil if there is none, and never a wait for the API.
func (c *Catalog) KnownContracts() (*Contracts, error) {
	a, err := c.contracts.Known()
	if err != nil {
		return nil, c.short.failed(opContracts, "", err)
	}
	if a == nil {
		return nil, nil
	}
	c.short.contracts(a.view)
	return a.view, nil
}

// Listing returns the documents of a contract by the same rules. A contract
// that is not in a list of contracts that is fresh is apiclient.ErrNotFound.
func (c *Catalog) Listing(ctx context.Context, contractID string) (*Listing, error) {
	if err := c.admit(ctx, opListing, contractID, c.listings.Has); err != nil {
		return nil, err
	}
	l, err := c.listings.Get(ctx, contractID)
	return c.handOut(contractID, l, err)
}

// WithPatience returns a context of somebody who would rather wait than be shown what is
// due: the methods that take one go by the rules of Config.Foreground for it.
func WithPatience(ctx context.Context) context.Context { return fresh.Patient(ctx) }

// handOut is the one way in which a listing, nil if none is known, or the
// reason why there is none gets out.
func (c *Catalog) handOut(contractID string, l *Listing, err error) (*Listing, error) {
	if err != nil {
		return nil, c.short.failed(opListing, contractID, err)
	}
	if l != nil {
		c.short.listing(l)
	}
	return l, nil
}

// Known returns the listing of a contract that is in memory or saved, nil if
// there is none. It never waits for the API, but starts a refresh behind if
// the listing is older than the TTL. Older than twice that it is marked stale.
// It fails if access was refused when last asked for. In the foreground a
// listing older than the TTL is known only once a refresh of it has failed:
// for any other there is Listing.
func (c *Catalog) Known(contractID string) (*Listing, error) {
	if _, err := c.contracts.Known(); err != nil {
		return nil, c.short.failed(opListing, contractID, err)
	}
	l, err := c.listings.Known(contractID)
	return c.handOut(contractID, l, err)
}

// Detail returns the description of a contract, by the rules of Listing. A contract whose
// documents were refused when last asked for is refused as a whole.
func (c *Catalog) Detail(ctx context.Context, contractID string) (*Detail, error) {
	if err := c.admit(ctx, opDetail, contractID, c.details.Has); err != nil {
		return nil, err
	}
	if err := c.listings.Denied(contractID); err != nil {
		return nil, c.short.failed(opDetail, contractID, err)
	}
	d, err := c.details.Get(ctx, contractID)
	if err != nil {
		return nil, c.short.failed(opDetail, contractID, err)
	}
	c.short.age(opDetail, contractID, d.FetchedAt, d.Stale)
	return d, nil
}

// Peek returns the listing of a contract that is in memory, whatever its age, nil if there is
// none or access was refused. It asks nobody, also behind: it is for those who make something
// of what others have looked at, and show nothing.
func (c *Catalog) Peek(contractID string) *Listing { return c.listings.Peek(contractID) }

// Denied returns why access to a contract was refused when it was last asked for, nil if it was
// not, or if nobody has asked. It never waits.
func (c *Catalog) Denied(contractID string) error {
	if err := c.listings.Denied(contractID); err != nil {
		return c.short.failed(opListing, contractID, err)
	}
	return nil
}

// admit checks that a contract exists and is to be shown, for an operation. A
// fresh list of contracts without it is the truth, anything else falls short.
func (c *Catalog) admit(ctx context.Context, op, contractID string, has func(string) bool) error {
	err := c.exists(ctx, contractID, has)
	if err == nil || errors.Is(err, apiclient.ErrNotFound) {
		return err
	}
	return c.short.failed(op, contractID, err)
}

func (c *Catalog) exists(ctx context.Context, contractID string, has func(string) bool) error {
	a, err := c.contracts.Known()
	if err != nil {
		return err
	}
	if a != nil && a.shows(contractID) {
		return nil
	}
	a, err = c.contracts.Get(ctx)
	switch {
	case err == nil && a.shows(contractID):
		return nil
	case err == nil && a.view.Stale == nil:
		return fmt.Errorf("contract %s: not among those of the account: %w", contractID, apiclient.ErrNotFound)
	case err == nil:
		return fmt.Errorf("contract %s: not in the last list of contracts, which is old: %w", contractID, a.view.Stale)
	}
	// No list at all. What is saved of the contract shows that it was there.
	wanted := len(c.cfg.Contracts) == 0 || slices.Contains(c.cfg.Contracts, contractID)
	if apiclient.Temporary(err) && wanted && has(contractID) {
		return nil
	}
	return err
}

func (a *contractSet) shows(id string) bool {
	_, ok := a.byID[id]
	return ok
}

// created returns when a contract was made, as the API writes it; "" if that
// is not known.
func (c *Catalog) created(id string) string {
	a := c.contracts.Peek()
	if a == nil {
		return ""
	}
	return a.byID[id].CreatedAt
}
