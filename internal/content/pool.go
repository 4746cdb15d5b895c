package content

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"math/rand/v2"
	"time"

	"ccsfs/apiclient"
	"ccsfs/internal/content/blobstore"
	"ccsfs/internal/content/index"
	"ccsfs/internal/pool"
)

// What the machines that share the account have to do with a download: it is looked for in
// their store before the API is asked, and asked for under a lease that holds for all of
// them. What they know of whole contracts is in poolindex.go, what they are given in give.go.

// PoolPrefix begins the names of documents in a pool, and of nothing else there.
const PoolPrefix = "d/"

// Names in the pool. Contracts and documents have the names of their blobs there.
func poolName(k blobstore.Key) string        { return PoolPrefix + k.Contract + "/" + k.Document }
func poolFailure(k blobstore.Key) string     { return "failed/" + k.Contract + "/" + k.Document }
func poolHad(k blobstore.Key) string         { return "had/" + k.Contract + "/" + k.Document }
func poolIndexName(contractID string) string { return "i/" + blobstore.Name(contractID) }

const (
	// failureNoted is how long a failure is told to the pool at least: those who waited for
	// it come within that time.
	failureNoted = 10 * time.Second
	// hadNoted is for how long the pool is told that a member has a document which it could
	// not put into the store.
	hadNoted = time.Hour
	// givenNoted is the same of what was put there: others know it by the index once they look at
	// that, and could not while the store is away.
	givenNoted = 10 * time.Minute
	// owedMost is for how long, since the store came back, what members have is waited for that
	// they could not put there: twice oweEvery. owedLook is how often it is looked for, about.
	owedMost = 2 * oweEvery
	owedLook = 500 * time.Millisecond
)

// errNotKept is that the pool does not have what is asked for.
var errNotKept = fmt.Errorf("the shared store does not have it: %w", pool.ErrNotDone)

// errKeptAway is why a document is not to be had that is in the shared store: to ask the
// API for it would ask for each document once a machine.
var errKeptAway = fmt.Errorf("%w: the document is in the shared store, or with another member of the pool, and that cannot be asked", apiclient.ErrUnreachable)

// inPool brings the download to completion where other machines share the account: from
// their store, or from the API, under a lease of all of them.
func (d *download) inPool(ctx context.Context, began time.Time) error {
	err := d.store.cfg.Pool.Once(ctx, pool.Work{
		Name:   poolName(d.ref.blob()),
		Look:   d.take,
		Failed: func(ctx context.Context, waited bool) error { return d.failedInPool(ctx, began, waited) },
		Do:     d.alone,
		Done: func(l *pool.Lease, err error) bool {
			if err != nil {
				d.noteInPool(err)
				return false
			}
			return d.give(l)
		},
		Needed: d.needed,
	})
	switch {
	case errors.Is(err, pool.ErrNoLease):
		return fmt.Errorf("%w: %w", apiclient.ErrUnreachable, err)
	case errors.Is(err, pool.ErrNotNeeded):
		return errStopped
	}
	return err
}

// needed says whether anybody waits for the document, who is not served by a size.
func (d *download) needed() bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.readers > 0 || d.asked && !d.known
}

// take has the document from the shared store; errNotKept, if that does not have it.
func (d *download) take(ctx context.Context) error {
	s := d.store
	kept, err := s.cfg.Pool.Get(ctx, poolName(d.ref.blob()))
	for errors.Is(err, fs.ErrNotExist) {
		if comes, why := d.owed(ctx); why != nil {
			return why
		} else if !comes {
			break
		}
		kept, err = s.cfg.Pool.Get(ctx, poolName(d.ref.blob()))
	}
	switch {
	case err == nil:
	case ctx.Err() != nil:
		return context.Cause(ctx)
	case errors.Is(err, fs.ErrNotExist), errors.Is(err, pool.ErrDamaged), errors.Is(err, pool.ErrNothingKept):
		return errNotKept
	default:
		return d.keptAway(ctx, err)
	}
	defer kept.Body.Close()
	rec, err := index.Decode(kept.Meta)
	if err != nil || rec.ID != d.ref.DocumentID || rec.Size != kept.Size || rec.SHA256 != kept.SHA256 || !s.fresh(d.ref, rec) {
		return errNotKept // of another version, or of one that ccsfs does not know yet
	}
	if prev := s.record(d.ref); prev != nil && prev.SHA256 == rec.SHA256 && s.hasBlob(d.ref.blob(), rec) {
		s.remember(d.ref, rec)
		if d.cached(ctx, true) {
			return nil
		}
	}
	return d.copyKept(ctx, kept.Body, rec)
}

// keptAway is what it means that the shared store cannot be asked, by what is known of the
// document: what was seen whole before is there, and is not asked for again by each machine.
func (d *download) keptAway(ctx context.Context, err error) error {
	s := d.store
	if s.cfg.Pool.Alone() {
		return errNotKept
	}
	if prev := d.w.prev; prev != nil && prev.SHA256 != "" && s.fresh(d.ref, prev) {
		return fmt.Errorf("%w: %w", errKeptAway, err)
	}
	// Of a store that was begun with another key nothing will be had: it does not come back.
	if errors.Is(err, pool.ErrBegunByOthers) || !d.hadByOther(ctx) {
		return errNotKept
	}
	return fmt.Errorf("%w: %w", errKeptAway, err)
}

// hadByOther reports whether a member noted that it has the document, and learns what that is.
func (d *download) hadByOther(ctx context.Context) bool {
	s := d.store
	b, err := s.cfg.Pool.Noted(ctx, poolHad(d.ref.blob()))
	if err != nil || b == nil { // the former fails where the lease is asked for
		return false
	}
	rec, err := index.Decode(b)
	if err != nil || rec.ID != d.ref.DocumentID || !s.fresh(d.ref, rec) {
		return false
	}
	s.learn(d.ref.ContractID, []*index.Record{rec})
	return true
}

// owed waits a moment for a document that the shared store lacks, since it has just come back: who
// has the document is about to put it there (comes).
func (d *download) owed(ctx context.Context) (comes bool, why error) {
	s := d.store
	if s.cfg.Pool.Alone() || !s.cfg.Pool.StoreBack(owedMost) || s.owes(d.ref) || !d.hadByOther(ctx) {
		return false, nil
	}
	select {
	case <-time.After(owedLook/2 + rand.N(owedLook)):
		return true, nil
	case <-ctx.Done():
		return false, context.Cause(ctx)
	}
}

// copyKept makes what is kept in the shared store the bytes of the download, once all of
// them are here and are what the pool's key says.
func (d *download) copyKept(ctx context.Context, body io.Reader, rec *index.Record) error {
	s := d.store
	sp, reserve := s.newSpool()
	err := s.spoolKept(ctx, sp, body)
	switch {
	case err == nil:
	case ctx.Err() != nil:
		sp.Close()
		return context.Cause(ctx)
	case errors.Is(err, pool.ErrDamaged):
		sp.Close()
		s.log.Warn("a document in the shared store is damaged; it is fetched again", "contract", d.ref.ContractID, "document", d.ref.DocumentID, "error", err)
		return errNotKept
	case errors.Is(err, blobstore.ErrNoSpace):
		sp.Close()
		return errNoSpace
	default:
		sp.Close()
		return d.keptAway(ctx, err)
	}
	known, inCache := *rec, false
	if !reserve && rec.Size <= s.cfg.CacheSize {
		known.Identity, inCache = s.keep(d.ref.blob(), sp)
	}
	now := s.remember(d.ref, &known)
	d.mu.Lock()
	defer d.mu.Unlock()
	if had := d.handedOut(); had != 0 && had != now.Generation {
		sp.Close()
		return errNotKept // readers have had bytes of another content: the API says what becomes of them
	}
	d.useBlob(sp, now)
	d.info.SHA256 = rec.SHA256
	if !inCache {
		d.blob = nil
	}
	s.counters.taken.Add(1)
	return nil
}

// spoolKept copies a body to its end.
func (s *Store) spoolKept(ctx context.Context, sp blobstore.Spool, body io.Reader) error {
	buf := s.buffers.Get().(*[]byte)
	defer s.buffers.Put(buf)
	for {
		if err := ctx.Err(); err != nil {
			return err
		}
		n, err := body.Read(*buf)
		if n > 0 {
			if err := sp.Append((*buf)[:n]); err != nil {
				return err
			}
		}
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err
		}
	}
}

// keep makes a spool a blob of the cache, if that is possible.
func (s *Store) keep(k blobstore.Key, sp blobstore.Spool) (blobstore.Identity, bool) {
	err := s.blobs.Put(s.ctx, k, sp)
	var st blobstore.State
	if err == nil {
		st, err = sp.Stat()
	}
	if err != nil {
		s.diskTrouble("cannot keep documents in the cache", err)
		return "", false
	}
	return st.Identity, true
}

// failedInPool is why there is no use in asking, by what other members found out. What holds
// for a moment only is for those who waited for it. Clocks may differ: a note lasts as long as
// what it says holds, and so is due whatever its dates say.
func (d *download) failedInPool(ctx context.Context, began time.Time, waited bool) error {
	s, k := d.store, d.ref.blob()
	b, err := s.cfg.Pool.Noted(ctx, poolFailure(k))
	if err != nil || b == nil {
		return nil // it is asked for: under the lease that is the one question
	}
	var f index.Failure
	if json.Unmarshal(b, &f) != nil || f.Err() == nil || f.Fails < 1 {
		return nil
	}
	now, held := s.now().Round(0), max(f.Retry.Sub(f.At), 0)
	if !waited && held < failureNoted {
		return nil
	}
	latest := now.Add(min(held, s.holdOff(f.Err(), f.Fails)))
	if waited || f.At.After(now) {
		f.At, f.Retry = now, latest
	}
	if f.Retry.After(latest) || !f.Retry.After(now) {
		f.Retry = latest
	}
	if known := s.indexes.Of(d.ref.ContractID).Failure(d.ref.DocumentID); known == nil || known.Fails < f.Fails || waited {
		if err := s.indexes.Of(d.ref.ContractID).Fail(d.ref.DocumentID, &f); err != nil {
			s.diskTrouble("cannot remember on disk what could not be had", err)
		}
	}
	return d.failedBefore(began, waited)
}

// noteInPool lets the other members know why the API did not give the document.
func (d *download) noteInPool(err error) {
	s := d.store
	d.mu.Lock()
	f := d.lastFailure
	d.mu.Unlock()
	if f == nil {
		return
	}
	b, bad := json.Marshal(f)
	if bad != nil {
		return
	}
	ctx, cancel := context.WithTimeout(s.ctx, pool.CoordinatorPatience)
	defer cancel()
	_ = s.cfg.Pool.Note(ctx, poolFailure(d.ref.blob()), b, max(f.Retry.Sub(f.At), failureNoted)) // else they find out by themselves
}
