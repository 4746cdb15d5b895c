package content

import (
	"context"
	"sync"
	"time"

	"ccsfs/internal/content/blobstore"
	"ccsfs/internal/content/index"
	"ccsfs/internal/pool"
)

// What a member gives to the store that machines share: each document that it had from the
// API, as soon as it is whole, and what it has and the store lacks. Readers do not wait.

const (
	// givingMost is how long Close waits for documents that are being given, and a reader for
	// one that is kept nowhere else.
	givingMost = 5 * time.Second
	// oweEvery is how often it is tried again to give what the store did not take.
	oweEvery = 5 * time.Second
	// oweMost bounds how many documents are remembered for that; more are found by comparing
	// (see reconcile).
	oweMost = 10000
)

// giving is what is on its way to the store, and what that did not take.
type giving struct {
	ctx    context.Context // outlives the store's own by givingMost
	cancel context.CancelFunc
	wg     sync.WaitGroup

	mu    sync.Mutex
	owed  map[blobstore.Key]Ref
	retry bool // somebody tries again
}

// give gives the document, which is whole, to the pool, and with it the lease, which the
// others wait for. It reports whether it did: else the lease is still the caller's.
func (d *download) give(l *pool.Lease) bool {
	s := d.store
	if !s.cfg.Pool.Keeps() {
		return false
	}
	rec := s.record(d.ref)
	d.mu.Lock()
	spool, sum := d.spool, d.info.SHA256
	d.mu.Unlock()
	if rec == nil || rec.SHA256 == "" || rec.SHA256 != sum {
		return false
	}
	blob, err := s.blobs.Open(s.giving.ctx, d.ref.blob())
	if err != nil { // it is not in the cache: it is here as long as the download, and readers wait
		ctx, cancel := context.WithTimeout(s.giving.ctx, givingMost)
		defer cancel()
		s.putNew(ctx, d.ref, rec, spool)
		return false
	}
	s.giving.wg.Go(func() {
		defer l.Release()
		defer blob.Close()
		s.putNew(s.giving.ctx, d.ref, rec, blob)
	})
	return true
}

// putNew is put of a document that was just asked for: the note of it is one a call of the API at
// the most, where there are as many as a cache has of all others.
func (s *Store) putNew(ctx context.Context, r Ref, rec *index.Record, blob blobstore.Blob) {
	if s.put(ctx, r, rec, blob) {
		s.noteHad(r, rec, givenNoted)
	}
}

// put puts a document into the shared store, or sees to it that this is tried again.
func (s *Store) put(ctx context.Context, r Ref, rec *index.Record, blob blobstore.Blob) bool {
	k := r.blob()
	meta, err := index.Encode(rec)
	if err != nil {
		return false // no line of an index: it cannot be, since it is in one
	}
	if err := s.cfg.Pool.Put(ctx, poolName(k), meta, blob, rec.Size, rec.SHA256); err != nil {
		s.owe(r)
		s.noteHad(r, rec, hadNoted)
		return false
	}
	s.counters.given.Add(1)
	s.addToPoolIndex(r.ContractID, rec)
	return true
}

// noteHad tells the pool that a member has a document, for where the store cannot be asked: else
// others ask the API for it once more.
func (s *Store) noteHad(r Ref, rec *index.Record, ttl time.Duration) {
	meta, err := index.Encode(rec)
	if err != nil {
		return // as in put
	}
	ctx, cancel := context.WithTimeout(s.giving.ctx, pool.CoordinatorPatience)
	defer cancel()
	_ = s.cfg.Pool.Note(ctx, poolHad(r.blob()), meta, ttl)
}

// owe remembers a document that the store did not take.
func (s *Store) owe(r Ref) {
	g := &s.giving
	g.mu.Lock()
	defer g.mu.Unlock()
	if len(g.owed) < oweMost {
		g.owed[r.blob()] = r
	}
	if g.retry || s.ctx.Err() != nil {
		return
	}
	g.retry = true
	g.wg.Go(s.payBack)
}

// owes reports whether this member is to put a document into the store.
func (s *Store) owes(r Ref) bool {
	s.giving.mu.Lock()
	defer s.giving.mu.Unlock()
	_, yes := s.giving.owed[r.blob()]
	return yes
}

// payBack gives what is owed, until nothing is.
func (s *Store) payBack() {
	for {
		select {
		case <-time.After(oweEvery):
		case <-s.ctx.Done(): // the next process finds what is missing
			return
		}
		if s.payOnce() == 0 {
			return
		}
	}
}

// payOnce tries to give what is owed, and returns how much still is.
func (s *Store) payOnce() int {
	g := &s.giving
	g.mu.Lock()
	owed := make([]Ref, 0, len(g.owed))
	for _, r := range g.owed {
		owed = append(owed, r)
	}
	g.mu.Unlock()
	for _, r := range owed {
		if s.ctx.Err() != nil || !s.giveKnown(r.ContractID, r.DocumentID) {
			break
		}
	}
	g.mu.Lock()
	defer g.mu.Unlock()
	if len(g.owed) == 0 {
		g.retry = false
	}
	return len(g.owed)
}

// giveKnown gives a document that is in the cache; false where the store does not take it.
func (s *Store) giveKnown(contractID, documentID string) bool {
	r := Ref{ContractID: contractID, DocumentID: documentID}
	rec, done := s.record(r), true
	if rec != nil && rec.SHA256 != "" {
		if blob, err := s.blobs.Open(s.ctx, r.blob()); err == nil {
			defer blob.Close()
			st, err := blob.Stat()
			if err == nil && (st.Identity == rec.Identity || s.checkBlob(blob, rec.Size, rec.SHA256) == nil) {
				done = s.put(s.giving.ctx, r, rec, blob)
			}
		}
	}
	if done {
		s.giving.mu.Lock()
		delete(s.giving.owed, r.blob())
		s.giving.mu.Unlock()
	}
	return done
}

// stopGiving has what is being given end within a while, and returns what waits for that.
func (s *Store) stopGiving() (wait func()) {
	timer := time.AfterFunc(givingMost, s.giving.cancel)
	return func() {
		s.giving.wg.Wait()
		s.flushPoolIndexes()
		timer.Stop()
		s.giving.cancel()
	}
}
