package folder

import (
	"context"
	"slices"

	"ccsfs/internal/catalog"
)

// Only is the folder with no contracts but those of some ids, for somebody who may see no
// others: of these nothing is told, not even that they are. The files and directories of
// the rest are the same, names included.
func (f *Folder) Only(ids []string) *Folder {
	some := *f
	some.catalog = OnlyOf(f.catalog, ids)
	return &some
}

// OnlyOf is what exists of the contracts of some ids, as Only shows it.
func OnlyOf(c Catalog, ids []string) Catalog { return only{c, slices.Clone(ids)} }

// only is a catalog of which some contracts are seen.
type only struct {
	Catalog
	ids []string
}

func (o only) sees(id string) bool { return slices.Contains(o.ids, id) }

// Contracts implements Catalog.
func (o only) Contracts(ctx context.Context) (*catalog.Contracts, error) {
	all, err := o.Catalog.Contracts(ctx)
	if err != nil {
		return nil, err
	}
	some := *all
	some.Entries, some.Hidden, some.Gone, some.Missing = nil, nil, nil, nil
	for _, e := range all.Entries {
		if o.sees(e.ID) {
			some.Entries = append(some.Entries, e)
		}
	}
	for _, g := range all.Gone {
		if o.sees(g.ID) {
			some.Gone = append(some.Gone, g)
		}
	}
	for _, id := range o.ids {
		if !slices.ContainsFunc(all.Entries, func(e catalog.ContractEntry) bool { return e.ID == id }) {
			some.Missing = append(some.Missing, id)
		}
	}
	return &some, nil
}

// Listing implements Catalog.
func (o only) Listing(ctx context.Context, contractID string) (*catalog.Listing, error) {
	if !o.sees(contractID) {
		return nil, &NotFoundError{Path: contractID}
	}
	return o.Catalog.Listing(ctx, contractID)
}

// Detail implements Catalog.
func (o only) Detail(ctx context.Context, contractID string) (*catalog.Detail, error) {
	if !o.sees(contractID) {
		return nil, &NotFoundError{Path: contractID}
	}
	return o.Catalog.Detail(ctx, contractID)
}
