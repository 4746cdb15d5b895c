package content

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"slices"
	"strings"

	"ccsfs/internal/content/blobstore"
	"ccsfs/internal/content/index"
)

// Verified is the outcome of a check of one cached document.
type Verified struct {
	ContractID string // "" if it is none of those that Verify was told of
	DocumentID string
	Size       int64 // bytes, as they should be
	Err        error // why it was removed from the cache; nil: it is what it should be
}

// Verify reads every blob of the cache through, compares it with the hash that it
// was stored with, and calls f for each, one after the other. What does not match is
// removed: the document is fetched again when it is next asked for. Blobs without
// a hash are passed over, since they are never served. Contracts lie under names
// that do not tell their ids; those of contractIDs are recognised.
//
// It asks nothing of the API, and other processes may use the cache meanwhile. It
// fails if the cache cannot be listed, if ctx ends, or if something damaged cannot
// be removed.
func (s *Store) Verify(ctx context.Context, contractIDs []string, f func(Verified)) error {
	ids := make(map[string]string, len(contractIDs))
	for _, id := range contractIDs {
		ids[blobstore.Name(id)] = id
	}
	names, err := s.indexes.Names()
	if err != nil {
		return fmt.Errorf("content cache: %w", err)
	}
	for _, name := range names {
		v := verifier{store: s, index: s.indexes.Load(name), contract: name, contractID: ids[name]}
		if err := v.run(ctx, f); err != nil {
			return err
		}
	}
	return nil
}

// verifier checks the blobs of one contract.
type verifier struct {
	store      *Store
	index      *index.Index
	contract   string // its name on disk
	contractID string
}

func (v *verifier) run(ctx context.Context, f func(Verified)) error {
	records := v.index.All()
	slices.SortFunc(records, func(a, b *index.Record) int { return strings.Compare(a.ID, b.ID) })
	for _, r := range records {
		if err := ctx.Err(); err != nil {
			return err
		}
		damage, err := v.check(ctx, r)
		if err != nil {
			return err
		}
		if errors.Is(damage, errNoBlob) {
			continue
		}
		f(Verified{ContractID: v.contractID, DocumentID: r.ID, Size: r.Size, Err: damage})
	}
	return nil
}

// errNoBlob: only the size of a document is known, or its blob was evicted.
var errNoBlob = errors.New("no blob")

// check tells what is wrong with a blob, and removes it if anything is.
func (v *verifier) check(ctx context.Context, r *index.Record) (damage, err error) {
	k := blobstore.Key{Contract: v.contract, Document: blobstore.Name(r.ID)}
	damage, err = v.match(ctx, k, r)
	if err != nil || damage == nil || errors.Is(damage, errNoBlob) {
		return damage, err
	}
	// Blob and line are written one after the other, under the document's lease.
	l, ok := v.store.leases.Try(leaseName(k))
	if !ok {
		return errNoBlob, nil // another one is being put in its place
	}
	defer l.Release()
	v.index.Refresh()
	if now := v.index.Get(r.ID); now != nil {
		r = now
	}
	damage, err = v.match(ctx, k, r)
	if err != nil || damage == nil || errors.Is(damage, errNoBlob) {
		return damage, err
	}
	if err := v.store.blobs.Remove(k, nil); err != nil {
		return nil, fmt.Errorf("damaged document in the cache: %w", err)
	}
	return damage, nil
}

// match compares a blob with what the index says of it. A blob that cannot be
// opened may well be whole: that is an error, and no damage.
func (v *verifier) match(ctx context.Context, k blobstore.Key, r *index.Record) (damage, err error) {
	if r.SHA256 == "" {
		return errNoBlob, nil
	}
	f, err := v.store.blobs.Open(ctx, k)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return errNoBlob, nil
	case errors.Is(err, blobstore.ErrSymlink):
		return blobstore.ErrSymlink, nil
	case err != nil:
		return nil, fmt.Errorf("content cache: %w", err)
	}
	defer f.Close()
	return v.store.checkBlob(f, r.Size, r.SHA256), nil
}
