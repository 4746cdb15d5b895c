package account

import (
	"context"
	"path/filepath"

	"ccsfs/internal/catalog"
	"ccsfs/internal/content"
)

// Stock is what the directory of an account holds.
type Stock struct {
	Content content.Stock
	Saved   catalog.Saved
}

// TakeStock looks at the directory of an account, which processes may use, without opening
// it.
func TakeStock(ctx context.Context, dir string) (s Stock, err error) {
	if s.Content, err = content.TakeStock(ctx, filepath.Join(dir, contentDir)); err != nil {
		return s, err
	}
	s.Saved, err = catalog.LookAtSaved(filepath.Join(dir, catalogDir))
	return s, err
}

// Cleaner removes documents from the directory of an account.
func Cleaner(dir string) *content.Cleaner { return content.NewCleaner(filepath.Join(dir, contentDir)) }

// ForgetListings removes the listings that are saved in the directory of an account. By
// how many calls it was used lately, and what it may not ask for, stays: who forgets that
// may lose the access.
func ForgetListings(dir string) (catalog.Saved, error) {
	return catalog.Forget(filepath.Join(dir, catalogDir))
}
