package content

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"strings"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"

	"ccsfs/internal/content/blobstore"
	"ccsfs/internal/content/index"
	"ccsfs/internal/pool"
)

// Taking documents out of the shared store that are not listed any more. Members go on
// meanwhile. First the index says that the documents are gone, so that whoever has one in the
// cache does not give it again; then they go, each under its lease. Where that breaks off the
// next prune goes on; what is gone, and is wanted after all, is asked for once.

const (
	// goneKept is for how long an index says that a document was taken out: a cache that was
	// not in use for so long may give it again, and then it is taken out again.
	goneKept = 400 * 24 * time.Hour
	// pruners is how many objects are looked at, or removed, at once.
	pruners = 8
)

// Prune says what is to be taken out of the shared store of one contract.
type Prune struct {
	ContractID string
	Listed     []string  // ids of all documents of the contract
	Before     time.Time // what was put there, or confirmed, after that stays, listed or not
	Now        time.Time
	Dry        bool // tell what would go, and change nothing
}

// Pruned is what was taken out.
type Pruned struct {
	Documents int
	Bytes     int64 // as they lie in the store
}

// InPool tells whether the shared store has documents of a contract.
func InPool(ctx context.Context, p *pool.Pool, contractID string) (bool, error) {
	for _, err := range p.List(ctx, poolDocuments(contractID)) {
		return err == nil, err
	}
	return false, nil
}

// PrunePool takes documents out of the shared store. The error, if any, is why not all are
// out that should be; it Is pool.ErrAway where a service is away. What is out is told in
// either case. Several may prune at once; each tells of what it removed itself.
func PrunePool(ctx context.Context, p *pool.Pool, what Prune) (Pruned, error) {
	w := &pruning{Prune: what, pool: p, listed: make(map[string]bool, len(what.Listed)), young: make(map[string]bool)}
	for _, id := range what.Listed {
		w.listed[blobstore.Name(id)] = true
	}
	old, err := w.look(ctx)
	if err != nil {
		return Pruned{}, err
	}
	if w.Dry {
		records, err := loadPoolIndex(ctx, p, w.ContractID)
		if err != nil {
			return Pruned{}, err
		}
		w.plan(records, nil)
		for _, info := range old {
			w.count(info)
		}
		return w.pruned, nil
	}
	strangers, err := w.strangers(ctx, old)
	if err == nil {
		err = w.note(ctx, strangers)
	}
	if err == nil {
		err = w.remove(ctx, old)
	}
	return w.pruned, err
}

// pruning is one prune of a contract.
type pruning struct {
	Prune
	pool   *pool.Pool
	listed map[string]bool // by the names of documents in the pool
	young  map[string]bool // same: not listed, and too young to go

	mu     sync.Mutex
	pruned Pruned
}

func poolDocuments(contractID string) string { return PoolPrefix + blobstore.Name(contractID) + "/" }

func (w *pruning) document(info pool.ObjectInfo) string {
	return strings.TrimPrefix(info.Name, poolDocuments(w.ContractID))
}

// look finds the objects that are not listed and old enough.
func (w *pruning) look(ctx context.Context) (old []pool.ObjectInfo, err error) {
	for info, err := range w.pool.List(ctx, poolDocuments(w.ContractID)) {
		switch name := w.document(info); {
		case err != nil:
			return nil, err
		case w.listed[name]:
		case info.Modified.Before(w.Before):
			old = append(old, info)
		default:
			w.young[name] = true
		}
	}
	return old, nil
}

// strangers are the ids of objects that the index does not have: a member that has one in the
// cache would give it again.
func (w *pruning) strangers(ctx context.Context, old []pool.ObjectInfo) ([]string, error) {
	records, err := loadPoolIndex(ctx, w.pool, w.ContractID)
	if err != nil {
		return nil, err
	}
	known := make(map[string]bool)
	for _, r := range records.all() {
		known[blobstore.Name(r.ID)] = true
	}
	var mu sync.Mutex
	var ids []string
	group, looking := errgroup.WithContext(ctx)
	group.SetLimit(pruners)
	for _, info := range old {
		if known[w.document(info)] {
			continue
		}
		group.Go(func() error {
			kept, err := w.pool.Get(looking, info.Name)
			switch {
			case errors.Is(err, fs.ErrNotExist), errors.Is(err, pool.ErrDamaged): // it counts for nobody
				return nil
			case err != nil:
				return err
			}
			kept.Body.Close()
			if r, err := index.Decode(kept.Meta); err == nil {
				mu.Lock()
				defer mu.Unlock()
				ids = append(ids, r.ID)
			}
			return nil
		})
	}
	return ids, group.Wait()
}

// note has the index say what goes.
func (w *pruning) note(ctx context.Context, strangers []string) error {
	l, _, err := w.pool.Acquire(ctx, poolIndexName(w.ContractID), nil)
	if err != nil {
		return err
	}
	defer l.Release()
	if !l.Shared() { // members would not know of it
		return fmt.Errorf("nothing is taken out without the coordinator: %w", pool.ErrAway)
	}
	ctx, done := l.Under(ctx)
	defer done()
	records, err := loadPoolIndex(ctx, w.pool, w.ContractID)
	if err != nil {
		return err
	}
	left, changed := w.plan(records, strangers)
	if !changed {
		return nil
	}
	return storePoolIndex(ctx, w.pool, w.ContractID, left)
}

// plan is what the index is to be, and whether it is not so. It notes whose record is too
// young for it to go.
func (w *pruning) plan(records poolRecords, strangers []string) (left []*index.Record, changed bool) {
	said := make(map[string]bool)
	for _, r := range records.kept {
		name := blobstore.Name(r.ID)
		if said[r.ID] = true; !w.listed[name] && !r.Checked.Before(w.Before) {
			w.young[name] = true
		}
		if !w.listed[name] && !w.young[name] {
			r, changed = w.tombstone(r.ID), true
		}
		left = append(left, r)
	}
	for _, r := range records.gone {
		said[r.ID] = true
		back := w.listed[blobstore.Name(r.ID)] && r.Checked.Before(w.Before)
		if back || w.Now.Sub(r.Checked) > goneKept {
			changed = true
			continue
		}
		left = append(left, r)
	}
	for _, id := range strangers {
		if !said[id] {
			left, changed = append(left, w.tombstone(id)), true
		}
	}
	return left, changed
}

// tombstone says that a document was taken out. It has no size; a record needs one.
func (w *pruning) tombstone(id string) *index.Record {
	return &index.Record{ID: id, Size: 1, Checked: w.Now.UTC().Round(0)}
}

// remove removes objects, each unless somebody is about to put it there or has done so since.
func (w *pruning) remove(ctx context.Context, old []pool.ObjectInfo) error {
	group, removing := errgroup.WithContext(ctx)
	group.SetLimit(pruners)
	for _, info := range old {
		if removing.Err() != nil {
			break
		}
		if !w.young[w.document(info)] {
			group.Go(func() error { return w.removeOne(removing, info.Name) })
		}
	}
	return group.Wait()
}

func (w *pruning) removeOne(ctx context.Context, name string) error {
	l, err := w.pool.Try(ctx, name)
	if err != nil || l == nil {
		return err
	}
	defer l.Release()
	if !l.Shared() {
		return fmt.Errorf("nothing is taken out without the coordinator: %w", pool.ErrAway)
	}
	ctx, done := l.Under(ctx)
	defer done()
	for info, err := range w.pool.List(ctx, name) {
		if err != nil {
			return err
		}
		if info.Name != name || !info.Modified.Before(w.Before) {
			continue
		}
		if err := w.pool.Remove(ctx, name); err != nil {
			return err
		}
		w.count(info)
	}
	return nil
}

func (w *pruning) count(info pool.ObjectInfo) {
	if w.young[w.document(info)] {
		return
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	w.pruned.Documents++
	w.pruned.Bytes += info.Size
}
