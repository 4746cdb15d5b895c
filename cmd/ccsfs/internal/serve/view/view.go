// Package view is what is known of an account right now, for one who looks at it: contracts,
// documents, what is missing, what is wrong, as one user may see it. It never waits for the
// API; what is not known yet is asked for behind, in the order in which it is needed.
//
// Not here: HTTP, words, what is shown of it.
package view

import (
	"context"
	"errors"
	"slices"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"

	"ccsfs/apiclient"
	"ccsfs/cmd/ccsfs/internal/completeness"
	"ccsfs/cmd/ccsfs/internal/daemon/control"
	"ccsfs/cmd/ccsfs/internal/reading"
	"ccsfs/cmd/ccsfs/internal/session"
	"ccsfs/cmd/ccsfs/internal/settings"
	"ccsfs/internal/account"
	"ccsfs/internal/billing"
	"ccsfs/internal/catalog"
	"ccsfs/internal/content"
	"ccsfs/internal/folder"
)

// Config of a View.
type Config struct {
	Account  *session.Account
	Settings *settings.Settings
	Version  string
	Now      func() time.Time
}

// View looks at an account. Its methods may be called concurrently.
type View struct {
	Config
	seen   *sightings
	behind *behind

	mu      sync.Mutex
	digests map[string]*Digest // by contract
	sums    map[sumsKey]*sums
}

// New looks at an account. It asks nothing yet.
func New(c Config) *View {
	v := &View{Config: c, digests: map[string]*Digest{}}
	v.seen = openSightings(account.SightingsFile(session.AccountPath(c.Settings)), c.Settings.Listings.Types, c.Account.Logger)
	v.behind = newBehind(v)
	return v
}

// Close ends what runs behind, and returns when nothing does any more.
func (v *View) Close() {
	v.behind.close()
	v.seen.close()
}

// Look is what one user sees at one moment. It must not be modified.
type Look struct {
	At        time.Time
	List      *catalog.Contracts // nil: not known
	Err       error              // why it is not; nil: it is being asked for
	Contracts []*Contract        // in the order of the list
	Status    *control.Status
	only      string // who looks; see sumsKey
	// Refreshing is that somebody has asked for all to be asked for again, and it goes on.
	Refreshing bool
	// Reading is that documents are being fetched to read their amounts.
	Reading bool
	offline bool
}

// Contract is what is known of a contract.
type Contract struct {
	Entry   catalog.ContractEntry
	Listing *catalog.Listing // nil: not known
	Err     error            // why it is not; nil: it is being asked for
	Report  completeness.Contract
	*Digest // nil without a listing
}

// Pending reports whether something is being asked for of which nothing is known yet.
func (l *Look) Pending() bool {
	if l.List == nil {
		return l.Err == nil
	}
	for _, c := range l.Contracts {
		if c.Listing == nil && c.Err == nil {
			return true
		}
	}
	return false
}

// moment is how long somebody who looks waits for the list of contracts where none is
// known: shorter than what people take for a wait.
const moment = 300 * time.Millisecond

// Look looks, as somebody who may see the contracts of some ids; nil: all.
func (v *View) Look(ctx context.Context, only []string) *Look {
	l := &Look{At: v.Now(), only: whose(only), Refreshing: v.behind.isRefreshing(), Reading: v.behind.isReading(), offline: v.Settings.API.Offline}
	l.List, l.Err = v.list(ctx, only)
	if l.List != nil {
		reports := make([]completeness.Contract, len(l.List.Entries))
		for i, e := range l.List.Entries {
			c := v.contract(e, l.At)
			reports[i] = c.Report
			l.Contracts = append(l.Contracts, c)
		}
		completeness.Compare(reports, v.Settings.Listings.Types)
		for i, c := range l.Contracts {
			c.Report = reports[i]
		}
	}
	l.Status = v.status(only, l.Contracts)
	return l
}

// list is the list of contracts as far as it is known; nil and no error while it is being
// asked for.
func (v *View) list(ctx context.Context, only []string) (*catalog.Contracts, error) {
	list, err := v.restricted(known{v.Account.Catalog}, only).Contracts(ctx)
	if err == nil {
		return reserved(list, only), nil
	}
	if !errors.Is(err, errUnknown) {
		return nil, err
	}
	ctx, cancel := context.WithTimeout(ctx, moment)
	defer cancel()
	list, err = v.restricted(v.Account.Catalog, only).Contracts(ctx)
	switch {
	case err == nil:
		return reserved(list, only), nil
	case ctx.Err() != nil:
		return nil, nil
	}
	return nil, err
}

// unbelieved is what those are told of a doubt about the list of contracts who may not see
// all of them: why it is may tell how many there are.
const unbelieved = "the API's answer is not believed"

// reserved leaves out of a list what is about other contracts than those of some ids.
func reserved(list *catalog.Contracts, only []string) *catalog.Contracts {
	if only == nil || list.Suspect == "" {
		return list
	}
	some := *list
	some.Suspect = unbelieved
	return &some
}

func (v *View) restricted(c folder.Catalog, only []string) folder.Catalog {
	if only == nil {
		return c
	}
	return folder.OnlyOf(c, only)
}

// known is a catalog that says what it knows, and waits for nothing.
type known struct{ *catalog.Catalog }

// errUnknown is what is not known yet.
var errUnknown = errors.New("not known yet")

// Contracts implements folder.Catalog.
func (k known) Contracts(context.Context) (*catalog.Contracts, error) {
	list, err := k.KnownContracts()
	if err == nil && list == nil {
		err = errUnknown
	}
	return list, err
}

// contract is what is known of a contract.
func (v *View) contract(e catalog.ContractEntry, now time.Time) *Contract {
	c := &Contract{Entry: e, Report: completeness.Contract{ID: e.ID, Name: e.Contract.Name, Offer: e.Offer}}
	c.Listing, c.Err = v.Account.Catalog.Known(e.ID)
	switch {
	case c.Err != nil:
		c.Listing = nil
	case c.Listing == nil:
		c.Err = v.behind.failure(e.ID)
	default:
		c.Digest = v.digest(e, c.Listing, now)
		c.Report = c.Digest.report
		c.Report.FetchedAt = c.Listing.FetchedAt.UTC()
		if c.Listing.Stale != nil {
			c.Report.Stale = c.Listing.Stale.Error()
		}
	}
	return c
}

// Need asks, behind, for what is not known of contracts, the first ones first, before
// whatever else is asked for behind.
func (v *View) Need(contracts []*Contract) {
	var ids []string
	for _, c := range contracts {
		switch {
		case c.Listing == nil && !apiclient.Refused(c.Err) && !slices.Contains(ids, c.Entry.ID):
			ids = append(ids, c.Entry.ID)
		case c.Digest != nil && c.unsaid > 0:
			v.behind.read(c.Entry, c.Listing)
		}
	}
	v.behind.need(ids)
}

// Await waits until contracts are listed, as fresh as who copies documents wants it. What
// cannot be listed is so in the next look.
func (v *View) Await(ctx context.Context, contracts []*Contract) {
	var g errgroup.Group
	g.SetLimit(workers)
	for _, c := range contracts {
		g.Go(func() error {
			_, err := v.Account.Catalog.Listing(ctx, c.Entry.ID)
			v.behind.came(c.Entry.ID, err)
			return nil
		})
	}
	_ = g.Wait() // the next look tells
}

// Folder is the folder of who may see the contracts of some ids; nil: all.
func (v *View) Folder(only []string) *folder.Folder {
	if only == nil {
		return v.Account.Folder
	}
	return v.Account.Folder.Only(only)
}

// Refresh asks, behind, for everything now that somebody sees who may see the contracts of
// some ids (nil: all). One that goes on already, or has just been, is as good.
func (v *View) Refresh(only []string) { v.behind.refresh(only) }

// readKept reads the amounts of documents of a contract that lie in the cache, and notes
// them.
func (v *View) readKept(ctx context.Context, e catalog.ContractEntry, l *catalog.Listing) {
	d := v.digest(e, l, v.Now())
	refs := map[*billing.Document]content.Ref{}
	docs := d.unread(refs)
	r := &reading.Reader{Content: v.Account.Content, Logger: v.Account.Logger, Connections: 2, Ref: func(d *billing.Document) content.Ref { return refs[d] }}
	out := r.All(ctx, docs, typesOf(docs))
	if out.More < len(docs) {
		v.forget(e.ID)
	}
}
