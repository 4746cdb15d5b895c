package bundle

import (
	"context"
	"slices"

	"ccsfs/cmd/ccsfs/internal/doctor/scrub"
	"ccsfs/cmd/ccsfs/internal/observed"
	"ccsfs/cmd/ccsfs/internal/session"
	"ccsfs/internal/pool/s3"
)

// names are what the account is known to call its contracts and documents, by what was
// asked for now, and by what was saved before.
func (s Source) names(ctx context.Context) []string {
	names := append(slices.Clone(s.Seen), scrub.AccountsIn(s.ConfigFile)...)
	for _, c := range s.Contracts {
		names = append(names, c.ID, c.Name)
	}
	if s.Settings == nil {
		return append(names, "")
	}
	names = append(names, s.Settings.Listings.Contracts...)
	if bucket, err := s3.ParseAddress(s.Settings.Shared.Store); err == nil {
		names = append(names, bucket.Bucket, bucket.Prefix)
	}
	saved, err := session.Saved(s.Settings, session.AccountPath(s.Settings))
	if err != nil { // none was saved
		return append(names, "")
	}
	defer func() { _ = saved.Close() }() // it was only read
	contracts, err := saved.Catalog.Contracts(ctx)
	if err != nil {
		return append(names, "")
	}
	for _, c := range contracts.Entries {
		names = append(names, c.ID, c.Name)
		if detail, err := saved.Catalog.Detail(ctx, c.ID); err == nil {
			names = append(names, observed.TextsIn(detail.JSON)...)
		}
		listing, err := saved.Catalog.Listing(ctx, c.ID)
		if err != nil {
			continue
		}
		for _, doc := range listing.Documents {
			names = append(names, doc.ID, doc.Filename, doc.Amount)
		}
	}
	return append(names, "") // never nil
}
