package content

import (
	"bufio"
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"io"
	"io/fs"
	"maps"
	"slices"
	"strings"
	"sync"
	"time"

	"ccsfs/internal/content/index"
	"ccsfs/internal/pool"
)

// What the shared store says of all documents of a contract at once, so that a machine that
// never saw them can tell their sizes: one object, a line of JSON for each document. It is a
// hint. What it lacks is found one by one, and what members add at once may get lost, until
// one of them compares (reconcile). A line without a hash is of a document that was taken out
// of the store (PrunePool), so that nobody who has it still puts it there again.

const (
	poolIndexLook  = 30 * time.Second // until it is read again
	poolIndexFirst = time.Second      // from a change until it is written
	poolIndexEvery = 5 * time.Second  // from one writing to the next
	poolIndexMost  = 64 << 20         // bytes that are read
)

// poolRecords are what an index says.
type poolRecords struct {
	kept []*index.Record // of documents that the store has
	gone []*index.Record // of those that were taken out; Checked is when. Nobody learns from them.
}

func (r poolRecords) all() []*index.Record { return slices.Concat(r.kept, r.gone) }

// poolIndexes are those of all contracts.
type poolIndexes struct {
	mu  sync.Mutex
	all map[string]*poolIndex // by contract
}

// poolIndex is that of one contract.
type poolIndex struct {
	contract string

	mu         sync.Mutex
	looked     time.Time     // when it was read
	looking    chan struct{} // closed when it has been; nil: nobody reads it
	reconciled bool          // what is here was compared with it
	added      map[string]*index.Record
	writing    bool // somebody is going to write what was added
}

func (p *poolIndexes) of(contractID string) *poolIndex {
	p.mu.Lock()
	defer p.mu.Unlock()
	x := p.all[contractID]
	if x == nil {
		if p.all == nil {
			p.all = make(map[string]*poolIndex)
		}
		x = &poolIndex{contract: contractID, added: make(map[string]*index.Record)}
		p.all[contractID] = x
	}
	return x
}

// lookInPool takes in what the pool knows of a contract's documents, unless it did so just
// before. It reports whether there was anything to look at.
func (s *Store) lookInPool(ctx context.Context, contractID string) bool {
	if s.cfg.Pool == nil || !s.cfg.Pool.Keeps() || s.cfg.Offline {
		return false
	}
	x := s.poolIndexes.of(contractID)
	x.mu.Lock()
	looking := x.looking
	if looking == nil {
		if since := s.now().Sub(x.looked); !x.looked.IsZero() && since >= 0 && since < poolIndexLook {
			x.mu.Unlock()
			return false
		}
		looking = make(chan struct{})
		x.looking = looking
		if _, done, err := s.begin(); err == nil {
			go func() {
				defer s.end()
				defer done()
				s.readPoolIndex(x)
			}()
		} else {
			x.looking = nil
			close(looking)
		}
	}
	x.mu.Unlock()
	select {
	case <-looking:
	case <-ctx.Done():
	}
	return true
}

// readPoolIndex reads it, for all who wait.
func (s *Store) readPoolIndex(x *poolIndex) {
	records, err := loadPoolIndex(s.ctx, s.cfg.Pool, x.contract)
	if err == nil {
		s.learn(x.contract, records.kept)
	}
	x.mu.Lock()
	x.looked = s.now()
	compare := err == nil && !x.reconciled
	x.reconciled = x.reconciled || compare
	close(x.looking)
	x.looking = nil
	x.mu.Unlock()
	if compare {
		s.reconcile(x, records)
	}
}

// loadPoolIndex is what the pool says of a contract: nothing, where it says nothing.
func loadPoolIndex(ctx context.Context, p *pool.Pool, contractID string) (records poolRecords, err error) {
	kept, err := p.Get(ctx, poolIndexName(contractID))
	switch {
	case errors.Is(err, fs.ErrNotExist), errors.Is(err, pool.ErrDamaged):
		return records, nil
	case err != nil:
		return records, err
	}
	defer kept.Body.Close()
	if kept.Size > poolIndexMost {
		return records, nil
	}
	body, err := io.ReadAll(kept.Body)
	switch {
	case errors.Is(err, pool.ErrDamaged):
		return records, nil
	case err != nil:
		return records, err
	}
	lines := bufio.NewScanner(bytes.NewReader(body))
	lines.Buffer(nil, 1<<20)
	for lines.Scan() {
		switch r, err := index.Decode(lines.Bytes()); {
		case err != nil:
		case r.SHA256 == "":
			records.gone = append(records.gone, r)
		default:
			records.kept = append(records.kept, r)
		}
	}
	return records, nil
}

// learn takes in records of the pool, where they say more than what is known.
func (s *Store) learn(contractID string, records []*index.Record) {
	var news []*index.Record
	for _, r := range records {
		known := s.record(Ref{ContractID: contractID, DocumentID: r.ID})
		if r.LastChecked(s.now()).IsZero() || known != nil && !r.Checked.After(known.Checked) && (known.SHA256 != "" || !known.Version().Is(r.Version())) {
			continue
		}
		news = append(news, r)
	}
	if len(news) == 0 {
		return
	}
	if err := s.indexes.Of(contractID).PutAll(news); err != nil {
		s.diskTrouble("cannot remember sizes on disk; they will be asked for again after a restart", err)
	}
}

// reconcile gives the pool what is in the cache and not in it: of a cache that was there
// before the pool was, or that was filled while the store was away.
// What was taken out since it was checked here is not given again.
func (s *Store) reconcile(x *poolIndex, records poolRecords) {
	all := records.all()
	there := make(map[string]*index.Record, len(all))
	for _, r := range all {
		there[r.ID] = r
	}
	for _, r := range s.indexes.Of(x.contract).All() {
		if has := there[r.ID]; r.SHA256 == "" || has != nil && (has.SHA256 == r.SHA256 || has.Checked.After(r.Checked)) {
			continue
		}
		ref := Ref{ContractID: x.contract, DocumentID: r.ID}
		if !s.hasBlob(ref.blob(), r) {
			continue
		}
		if s.ctx.Err() != nil || !s.giveUnlessKept(ref, r) {
			return
		}
	}
}

// giveUnlessKept gives a document of the cache, if the store does not have it; false where
// the store cannot be used.
func (s *Store) giveUnlessKept(ref Ref, r *index.Record) bool {
	kept, err := s.cfg.Pool.Get(s.ctx, poolName(ref.blob()))
	switch {
	case err == nil:
		kept.Body.Close()
		if has, err := index.Decode(kept.Meta); err == nil && has.ID == r.ID && !has.Checked.Before(r.Checked) {
			s.addToPoolIndex(ref.ContractID, has)
			return true
		}
	case !errors.Is(err, fs.ErrNotExist) && !errors.Is(err, pool.ErrDamaged):
		return false
	}
	return s.giveKnown(ref.ContractID, ref.DocumentID)
}

// addToPoolIndex has the pool's index of a contract say what is kept, before long.
func (s *Store) addToPoolIndex(contractID string, r *index.Record) {
	x := s.poolIndexes.of(contractID)
	x.mu.Lock()
	defer x.mu.Unlock()
	x.added[r.ID] = r
	if x.writing || s.ctx.Err() != nil {
		return
	}
	x.writing = true
	s.giving.wg.Go(func() { s.keepWriting(x) })
}

// keepWriting writes what is added, until nothing is.
func (s *Store) keepWriting(x *poolIndex) {
	for wait := poolIndexFirst; ; wait = poolIndexEvery {
		select {
		case <-time.After(wait):
		case <-s.ctx.Done(): // it is written when the store closes
			return
		}
		_ = s.writePoolIndex(s.giving.ctx, x, false) // else the next time
		x.mu.Lock()
		if len(x.added) == 0 {
			x.writing = false
			x.mu.Unlock()
			return
		}
		x.mu.Unlock()
	}
}

// writePoolIndex joins what was added with what is there, under a lease, so that members do
// not take each other's additions away. wait: until nobody else does.
func (s *Store) writePoolIndex(ctx context.Context, x *poolIndex, wait bool) error {
	name := poolIndexName(x.contract)
	var l *pool.Lease
	var err error
	if wait {
		l, _, err = s.cfg.Pool.Acquire(ctx, name, nil)
	} else {
		l, err = s.cfg.Pool.Try(ctx, name)
	}
	if err != nil || l == nil {
		return err
	}
	defer l.Release()
	records, err := loadPoolIndex(ctx, s.cfg.Pool, x.contract)
	if err != nil {
		return err
	}
	s.learn(x.contract, records.kept)
	x.mu.Lock()
	added := make(map[string]*index.Record, len(x.added))
	for id, r := range x.added {
		added[id] = r
	}
	x.mu.Unlock()
	if err := storePoolIndex(ctx, s.cfg.Pool, x.contract, joined(records.all(), added)); err != nil {
		return err
	}
	x.mu.Lock()
	defer x.mu.Unlock()
	for id, r := range added {
		if x.added[id] == r {
			delete(x.added, id)
		}
	}
	return nil
}

// joined is what is there and what is added: of a document the record that was confirmed
// last, or that it was taken out, if that was later.
func joined(there []*index.Record, added map[string]*index.Record) []*index.Record {
	all := make(map[string]*index.Record, len(there)+len(added))
	for _, r := range there {
		all[r.ID] = r
	}
	for id, r := range added {
		if has := all[id]; has == nil || !has.Checked.After(r.Checked) {
			all[id] = r
		}
	}
	return slices.Collect(maps.Values(all))
}

// storePoolIndex makes records the index of a contract. The caller has its lease.
func storePoolIndex(ctx context.Context, p *pool.Pool, contractID string, records []*index.Record) error {
	slices.SortFunc(records, func(a, b *index.Record) int { return strings.Compare(a.ID, b.ID) })
	var body bytes.Buffer
	for _, r := range records {
		line, err := index.Encode(r)
		if err != nil {
			return err
		}
		body.Write(line)
		body.WriteByte('\n')
	}
	sum := sha256.Sum256(body.Bytes())
	return p.Put(ctx, poolIndexName(contractID), json.RawMessage("{}"), bytes.NewReader(body.Bytes()), int64(body.Len()), hex.EncodeToString(sum[:]))
}

// flushPoolIndexes writes what was added and not written yet.
func (s *Store) flushPoolIndexes() {
	s.poolIndexes.mu.Lock()
	var all []*poolIndex
	for _, x := range s.poolIndexes.all {
		all = append(all, x)
	}
	s.poolIndexes.mu.Unlock()
	for _, x := range all {
		x.mu.Lock()
		due := len(x.added) > 0
		x.mu.Unlock()
		if due {
			_ = s.writePoolIndex(s.giving.ctx, x, true) // else reconcile finds it
		}
	}
}
