package catalog

import (
	"context"
	"errors"
	"hash/maphash"
	"slices"
	"strings"
	"time"

	"ccsfs/apiclient"
)

// newListing makes a listing of docs, whose ids are distinct. If prev has the
// same documents it shares their memory.
func newListing(contractID string, at time.Time, docs []Document, l *Layout, prev *Listing) *Listing {
	out := &Listing{ContractID: contractID, FetchedAt: at, Documents: pack(contractID, docs)}
	for i := range out.Documents {
		d := &out.Documents[i]
		p, ok := parsePeriod(d.Period)
		d.early = ok && p.last().After(at)
	}
	if prev != nil && prev.Tree != nil && slices.Equal(prev.Documents, out.Documents) {
		out.Documents, out.Tree = prev.Documents, prev.Tree
		return out
	}
	out.Tree = buildTree(l, out.Documents)
	return out
}

// Find returns the document with an id, nil if there is none.
func (l *Listing) Find(id string) *Document {
	i, ok := slices.BinarySearchFunc(l.Documents, id, func(d Document, id string) int { return strings.Compare(d.ID, id) })
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

func (c *Catalog) listingKind(f *fetcher, every bool) *kind[Listing] {
	seed := maphash.MakeSeed()
	types := c.cfg.Types
	if every {
		types = nil
	}
	return &kind[Listing]{
		name: opListing,
		fetch: func(ctx context.Context, id string, prev *Listing) (*Listing, error) {
			if prev == nil { // also what was known before it, or the credentials, were refused
				var r *refusal
				if prev, r = c.saved.listing(id, types, c.cfg.Layout); r != nil {
					prev = parseListingBefore(r.before, id)
				}
			}
			return f.listing(ctx, id, c.created(id), prev)
		},
		file: func(id string) string { return listingFile(id, types) },
		load: func(id string) (*Listing, *refusal) {
			l, r := c.saved.listing(id, types, c.cfg.Layout)
			if l != nil {
				f.report(l)
			}
			return l, r
		},
		save: func(_ string, l *Listing) { c.saved.saveListing(l, types) },
		deny: func(id string, failed *failure) {
			file := listingFile(id, types)
			if c.saved.deny(file, failed, listingBefore); every || errors.Is(failed.err, apiclient.ErrNotFound) {
				c.saved.removeContract(id, file)
			}
		},
		fetchedAt: func(l *Listing) time.Time { return l.FetchedAt },
		withStale: (*Listing).withStale,
		print: func(l *Listing) uint64 {
			var h maphash.Hash
			h.SetSeed(seed)
			for i := range l.Documents {
				maphash.WriteComparable(&h, l.Documents[i])
			}
			return h.Sum64()
		},
		same: sameListing,
		changed: func(id string, was, is *Listing, err error) {
			c.env.events.add(Change{ContractID: id, Old: was, New: is, Err: err})
		},
	}
}
