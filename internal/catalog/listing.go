package catalog

import (
	"context"
	"errors"
	"hash/maphash"
	"slices"
	"strings"
	"time"

	"ccsfs/apiclient"
	"ccsfs/internal/billing"
	"ccsfs/internal/catalog/fresh"
	"ccsfs/internal/catalog/layout"
)

// A listing as a value: how it is made of documents, compared and kept. How it is asked
// for is in fetch.go.

// newListing makes a listing of docs, whose ids are distinct. If prev has the
// same documents it shares their memory.
func newListing(contractID string, at time.Time, docs []billing.Document, l *layout.Layout, prev *Listing) *Listing {
	out := &Listing{ContractID: contractID, FetchedAt: at, Documents: compact(contractID, docs)}
	for i := range out.Documents {
		out.Documents[i].ListedAt(at)
	}
	if prev != nil && prev.Tree != nil && slices.Equal(prev.Documents, out.Documents) {
		out.Documents, out.Tree = prev.Documents, prev.Tree
		return out
	}
	out.Tree = layout.Build(l, out.Documents)
	return out
}

// Find returns the document with an id, nil if there is none.
func (l *Listing) Find(id string) *billing.Document {
	i, ok := slices.BinarySearchFunc(l.Documents, id, func(d billing.Document, id string) int { return strings.Compare(d.ID, id) })
	if !ok {
		return nil
	}
	return &l.Documents[i]
}

// sameListing reports whether a reader could tell a from b by their
// documents. When they were fetched makes no difference.
func sameListing(a, b *Listing) bool {
	if a == nil || b == nil {
		return a == b
	}
	return slices.Equal(a.Documents, b.Documents)
}

// withStale returns l as it is to be served while it cannot be renewed.
func (l *Listing) withStale(err error) *Listing {
	c := *l
	c.Stale = err
	return &c
}

func (c *Catalog) listingSource(f *fetcher, every bool) *fresh.Source[Listing] {
	seed := maphash.MakeSeed()
	types := c.cfg.Types
	if every {
		types = nil
	}
	return &fresh.Source[Listing]{
		Name:   opListing,
		Weight: func(l *Listing) int { return len(l.Documents) },
		Most:   c.cfg.ListedDocuments,
		Fetch: func(ctx context.Context, id string, prev *Listing) (*Listing, error) {
			if prev == nil { // also what was known before it, or the credentials, were refused
				var r *fresh.Refusal
				if prev, r = c.disk.listing(id, types, c.cfg.Layout); r != nil {
					prev = parseListingBefore(r.Before, id)
				}
			}
			return f.listing(ctx, id, c.created(id), prev)
		},
		File: func(id string) string { return listingFile(id, types) },
		Load: func(id string) (*Listing, *fresh.Refusal) {
			l, r := c.disk.listing(id, types, c.cfg.Layout)
			if l != nil {
				f.report(l)
			}
			return l, r
		},
		Parse: func(id string, payload []byte) (*Listing, error) {
			l, err := parseListing(payload, id, types, c.cfg.Layout)
			if err == nil {
				f.report(l)
			}
			return l, err
		},
		Saved: func(_ string, l *Listing) any { return savedFormOfListing(l, types) },
		Deny:  func(id string, failed *fresh.Failure) { c.disk.Deny(listingFile(id, types), failed, listingBefore) },
		Withdrawn: func(id string, err error) []string {
			if every || errors.Is(err, apiclient.ErrNotFound) {
				return filesOf(id)
			}
			return nil
		},
		FetchedAt: func(l *Listing) time.Time { return l.FetchedAt },
		WithStale: (*Listing).withStale,
		Fingerprint: func(l *Listing) uint64 {
			var h maphash.Hash
			h.SetSeed(seed)
			for i := range l.Documents {
				maphash.WriteComparable(&h, l.Documents[i])
			}
			return h.Sum64()
		},
		Same: sameListing,
		Changed: func(id string, was, is *Listing, err error) {
			c.changes.add(Change{ContractID: id, Old: was, New: is, Err: err})
		},
	}
}
