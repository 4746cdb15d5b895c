package catalog

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"path/filepath"
	"slices"
	"time"

	"ccsfs/apiclient"
	"ccsfs/internal/lease"
)

const (
	defaultTTL      = 10 * time.Minute
	defaultListings = 1024
)

// Catalog knows what exists. All methods may be called at once, by many.
// Values returned are shared and must not be modified.
type Catalog struct {
	cfg   Config
	api   API
	env   *env
	saved *store
	short *shortfalls
	said  *said

	contracts *cell[account]
	listings  *group[Listing]
	details   *group[Detail]
}

// New returns a catalog. It asks nothing yet. It fails for settings that
// cannot be meant; a directory that cannot be made is only logged.
func New(cfg Config, api API) (*Catalog, error) {
	every := len(cfg.Types) == 0
	types, err := checkTypes(cfg.Types)
	if err != nil {
		return nil, err
	}
	if cfg.TTL < 0 || cfg.Listings < 0 {
		return nil, errors.New("catalog: neither the time to live nor the number of listings can be negative")
	}
	cfg.TTL = cmp.Or(cfg.TTL, defaultTTL)
	cfg.Listings = cmp.Or(cfg.Listings, defaultListings)
	cfg.Types = types
	cfg.Contracts = slices.Clone(cfg.Contracts)
	if cfg.Layout == nil {
		if cfg.Layout, err = ParseLayout("flat"); err != nil {
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
	e := &env{
		ttl: cfg.TTL, offline: cfg.Offline, front: cfg.Foreground, log: cfg.Logger, clock: cfg.Now, credentials: cfg.Credentials,
		events: &events{}, told: make(map[string]string), behind: make(chan struct{}, flightsBehind),
	}
	if cfg.Afresh && !cfg.Offline {
		e.afresh = e.now()
	}
	e.ctx, e.cancel = context.WithCancel(context.Background())
	e.saved = &store{dir: cfg.Dir, env: e}
	e.lock = &lockout{saved: e.saved}
	if cfg.Dir != "" && !cfg.Offline {
		e.leases = lease.Open(filepath.Join(cfg.Dir, leasesFile))
	}
	c := &Catalog{cfg: cfg, api: api, env: e, saved: e.saved, short: &shortfalls{env: e}}
	if !every {
		c.short.named = types
	}
	c.saved.open()
	f := &fetcher{api: api, types: types, every: every, layout: cfg.Layout, env: e, limits: newLimits()}
	f.said = &said{saved: c.saved}
	if !every {
		f.said.types = types
	}
	c.said = f.said
	c.contracts = &cell[account]{kind: c.contractsKind(), env: e}
	if c.listings, err = newGroup(e, c.listingKind(f, every), cfg.Listings); err != nil {
		return nil, err
	}
	c.details, err = newGroup(e, c.detailKind(), cfg.Listings)
	return c, err
}

// checkTypes returns the types to ask for, in order. A type that the API does
// not have is answered by an empty list, not by an error, so that a misspelt
// one would look like a contract without documents.
func checkTypes(types []string) ([]string, error) {
	if len(types) == 0 {
		return Types(), nil
	}
	types = slices.Clone(types)
	for _, t := range types {
		if slices.Contains(Types(), t) {
			continue
		}
		if t == "" || t == "all" || nearest(t, Types()) != "" {
			return nil, fmt.Errorf("document type %q is not known%s: leave it out for all types", t, hint(t, Types()))
		}
	}
	slices.SortFunc(types, func(a, b string) int {
		return cmp.Or(cmp.Compare(rankType(a), rankType(b)), cmp.Compare(a, b))
	})
	return slices.Compact(types), nil
}

// OnChange sets who is told of differences, one after the other. It must be
// called before the first use. f must not call Close; it may call the rest.
func (c *Catalog) OnChange(f func(Change)) {
	c.env.events.mu.Lock()
	defer c.env.events.mu.Unlock()
	c.env.events.f = f
}

// Close ends the refreshes under way, fails those who wait for one with an
// error that Is context.Canceled, and returns when nothing runs any more.
func (c *Catalog) Close() { c.env.close() }

// Contracts returns the contracts of the account: at once if the list is
// younger than the TTL; at once and refreshed behind up to twice that; else
// refreshed, where an old list is served instead, marked stale, after Grace
// or if the API cannot be reached. It fails if there is none, or if access
// was refused.
func (c *Catalog) Contracts(ctx context.Context) (*Contracts, error) {
	a, err := c.contracts.get(ctx)
	if err != nil {
		return nil, c.short.failed(opContracts, "", err)
	}
	c.short.contracts(a.view)
	return a.view, nil
}

// Listing returns the documents of a contract by the same rules. A contract
// that is not in a list of contracts that is fresh is apiclient.ErrNotFound.
func (c *Catalog) Listing(ctx context.Context, contractID string) (*Listing, error) {
	if err := c.admit(ctx, opListing, contractID, c.listings.has); err != nil {
		return nil, err
	}
	l, err := c.listings.get(ctx, contractID)
	return c.handOut(contractID, l, err)
}

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
	if _, err := c.contracts.known(); err != nil {
		return nil, c.short.failed(opListing, contractID, err)
	}
	l, err := c.listings.known(contractID)
	return c.handOut(contractID, l, err)
}

// Detail returns the description of a contract, by the rules of Listing.
func (c *Catalog) Detail(ctx context.Context, contractID string) (*Detail, error) {
	if err := c.admit(ctx, opDetail, contractID, c.details.has); err != nil {
		return nil, err
	}
	d, err := c.details.get(ctx, contractID)
	if err != nil {
		return nil, c.short.failed(opDetail, contractID, err)
	}
	c.short.age(opDetail, contractID, d.FetchedAt, d.Stale)
	return d, nil
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
	a, err := c.contracts.known()
	if err != nil {
		return err
	}
	if a != nil && a.shows(contractID) {
		return nil
	}
	a, err = c.contracts.get(ctx)
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

func (a *account) shows(id string) bool {
	_, ok := a.byID[id]
	return ok
}

// created returns when a contract was made, as the API writes it; "" if that
// is not known.
func (c *Catalog) created(id string) string {
	c.contracts.mu.Lock()
	defer c.contracts.mu.Unlock()
	if c.contracts.value == nil {
		return ""
	}
	return c.contracts.value.byID[id].CreatedAt
}
