//go:build !windows

package fs

import (
	"context"
	"time"

	"ccsfs/internal/catalog"
	"ccsfs/internal/content"
	"ccsfs/internal/folder"
)

// catalogSource is what the tree asks about what exists; *catalog.Catalog is
// one.
type catalogSource interface {
	Contracts(ctx context.Context) (*catalog.Contracts, error)
	Listing(ctx context.Context, contractID string) (*catalog.Listing, error)
	Known(contractID string) (*catalog.Listing, error)
	Detail(ctx context.Context, contractID string) (*catalog.Detail, error)
	OnChange(f func(catalog.Change))
}

// contentSource is what the tree asks about what is inside.
type contentSource interface {
	Peek(r content.Ref) (content.Info, bool)
	Stat(ctx context.Context, r content.Ref) (content.Info, error)
	Open(ctx context.Context, r content.Ref) (contentFile, error)
	NewAccessPattern(n int, ref func(int) content.Ref, inos []uint64) folder.Ahead
	Sighted(contractID, thing, version string) time.Time
}

// contentFile is an open document; *content.File is one.
type contentFile interface {
	Begin(ctx context.Context) error
	Read(ctx context.Context, p []byte, off int64) (content.Bytes, error)
	Info() content.Info
	Close() error
}

var _ catalogSource = (*catalog.Catalog)(nil)

// store makes a *content.Store a contentSource: Go's methods must return the
// very types of an interface.
type store struct{ *content.Store }

var _ contentSource = store{}

func (s store) Open(ctx context.Context, r content.Ref) (contentFile, error) {
	f, err := s.Store.Open(ctx, r)
	if err != nil {
		return nil, err // not a nil *content.File in a non-nil interface
	}
	return f, nil
}

func (s store) NewAccessPattern(n int, ref func(int) content.Ref, inos []uint64) folder.Ahead {
	return s.Store.NewAccessPattern(n, ref, inos)
}
