package content

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"golang.org/x/sys/unix"
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
		ids[diskName(id)] = id
	}
	root := filepath.Join(s.disk.dir, "index")
	entries, err := os.ReadDir(root)
	if err != nil {
		return fmt.Errorf("content cache: %w", err)
	}
	for _, e := range entries {
		if !e.Type().IsRegular() || strings.HasPrefix(e.Name(), ".") || len(e.Name()) != len(diskName("")) {
			continue // a file that renameio has not renamed yet, or nothing of ours
		}
		x := openIndex(filepath.Join(root, e.Name()), s.log, s.now)
		v := verifier{store: s, index: x, dir: filepath.Join(s.blobs.dir, e.Name()), contractID: ids[e.Name()]}
		if err := v.run(ctx, f); err != nil {
			return err
		}
	}
	return nil
}

// verifier checks the blobs of one contract.
type verifier struct {
	store      *Store
	index      *index
	dir        string
	contractID string
}

func (v *verifier) run(ctx context.Context, f func(Verified)) error {
	records := v.index.snapshot()
	slices.SortFunc(records, func(a, b *record) int { return strings.Compare(a.ID, b.ID) })
	for _, r := range records {
		if err := ctx.Err(); err != nil {
			return err
		}
		path := filepath.Join(v.dir, diskName(r.ID))
		damage, err := v.check(path, r)
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
func (v *verifier) check(path string, r *record) (damage, err error) {
	damage, err = v.match(path, r)
	if err != nil || damage == nil || errors.Is(damage, errNoBlob) {
		return damage, err
	}
	// Blob and line are written one after the other, under the document's lease.
	l, ok := v.store.leases.Try(filepath.Base(v.dir) + "/" + filepath.Base(path))
	if !ok {
		return errNoBlob, nil // another one is being put in its place
	}
	defer l.Release()
	v.index.refresh()
	if now := v.index.get(r.ID); now != nil {
		r = now
	}
	damage, err = v.match(path, r)
	if err != nil || damage == nil || errors.Is(damage, errNoBlob) {
		return damage, err
	}
	if err := os.RemoveAll(path); err != nil {
		return nil, fmt.Errorf("damaged document in the cache: %w", err)
	}
	v.store.blobs.remove(path)
	return damage, nil
}

// match compares a blob with what the index says of it. A blob that cannot be
// opened may well be whole: that is an error, and no damage.
func (v *verifier) match(path string, r *record) (damage, err error) {
	if r.SHA256 == "" {
		return errNoBlob, nil
	}
	f, err := openFile(path)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return errNoBlob, nil
	case errors.Is(err, unix.ELOOP):
		return errors.New("it is a symbolic link"), nil
	case err != nil:
		return nil, fmt.Errorf("content cache: %w", err)
	}
	defer f.Close()
	return v.store.checkBlob(f, r.Size, r.SHA256), nil
}

// refresh takes in what other processes have added to the file.
func (x *index) refresh() {
	x.mu.Lock()
	defer x.mu.Unlock()
	x.catchUp()
}
