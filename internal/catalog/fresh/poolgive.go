package fresh

import (
	"bytes"
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"path"
	"path/filepath"
	"strings"
	"time"

	"ccsfs/apiclient"
	"ccsfs/internal/pool"
)

// What the other members are given of a call: its answer, or why there is none.

// give has the other members know what came of a call. data is the file of the answer, nil
// if there is none, or if something later is known. The lease is still held.
func (c *Value[T]) give(cl *call[T], h *held, data []byte) {
	l := h.pool
	if l == nil || l.Context().Err() != nil { // somebody else may have asked since
		return
	}
	ctx, done := c.scope.giving(context.Background())
	defer done()
	ctx, end := l.Under(ctx)
	defer end()
	p, name := c.scope.pool, poolName(c.source.File(c.key))
	switch err := cl.err; {
	case err == nil && data == nil:
	case err == nil:
		if !l.Shared() && c.overtakenInPool(ctx, c.source.FetchedAt(cl.v)) {
			return
		}
		c.put(ctx, h, poolMeta{Fetched: c.source.FetchedAt(cl.v)}, data)
		_ = p.Note(ctx, name, []byte(rand.Text()), answerNoted) // else those who wait have the lease in turn
		if cl.recovered {
			c.scope.tell(ctx, name)
		}
	case withdrawn(err):
		c.giveRefusal(ctx, h)
	case !apiclient.Personal(err):
		f := Failure{Err: err, at: cl.ended, Since: cl.ended}
		if note, ok := c.scope.refusalData(c.source.File(c.key), &f, nil); ok {
			_ = p.Note(ctx, name, note, answerNoted) // else the others find out by themselves
		}
	}
}

// giveRefusal puts a refusal in the place of the copy, and tells of it. The note of it is
// for those who hear of it while the store is away.
func (c *Value[T]) giveRefusal(ctx context.Context, h *held) {
	c.mu.Lock()
	f := c.fail
	c.mu.Unlock()
	if !f.Denied() {
		return
	}
	s, file := c.scope, c.source.File(c.key)
	name, noted := poolName(file), false
	if note, ok := s.refusalData(file, &f, nil); ok {
		c.mu.Lock()
		c.pool.refused = f.at
		c.mu.Unlock()
		noted = s.pool.Note(ctx, name, note, max(f.delay, answerNoted)) == nil
	}
	if noted { // the store may take long
		s.tell(ctx, name)
	}
	var before json.RawMessage
	if r := s.Store.refusal(file); r != nil {
		before = r.Before
	}
	if data, ok := s.refusalData(file, &f, before); ok {
		c.put(ctx, h, poolMeta{Fetched: f.at, Refused: true}, data)
	}
	for _, prefix := range c.withdrawn(&f) {
		c.removeFromPool(ctx, prefix)
	}
	if !noted {
		s.tell(ctx, name)
	}
}

// put puts a copy into the pool. That it cannot is said by the pool; it is asked for again
// in its time.
func (c *Value[T]) put(ctx context.Context, h *held, m poolMeta, data []byte) {
	m.Number = h.seen.Number + 1
	meta, err := json.Marshal(m)
	if err != nil {
		return // of plain values: it cannot be
	}
	sum := sumOf(data)
	c.mu.Lock()
	c.pool.copied = sum
	c.mu.Unlock()
	err = c.scope.pool.Put(ctx, poolName(c.source.File(c.key)), meta, bytes.NewReader(data), int64(len(data)), sum)
	if err != nil && !errors.Is(err, pool.ErrNothingKept) {
		c.scope.log.Debug("the other members of the pool cannot be given this", c.about("error", err)...)
	}
}

// overtakenInPool reports whether the pool has something later, as far as clocks tell.
func (c *Value[T]) overtakenInPool(ctx context.Context, at time.Time) bool {
	k, err := c.scope.copyInPool(ctx, poolName(c.source.File(c.key)))
	return err == nil && k.Fetched.After(at) && !Future(k.Fetched, c.scope.Now())
}

// deny makes a failure that is a denial known to processes, and removes what was saved
// besides of what is withdrawn.
func (c *Value[T]) deny(f *Failure) {
	c.source.Deny(c.key, f)
	own := c.source.File(c.key)
	for _, prefix := range c.withdrawn(f) {
		dir, base := filepath.Split(prefix)
		for _, name := range c.scope.Store.Names(dir) {
			if name := filepath.Join(dir, name); strings.HasPrefix(filepath.Base(name), base) && name != own {
				c.scope.Store.Remove(name)
			}
		}
	}
}

// withdrawn is with which letters the names of files begin that are withdrawn, too.
func (c *Value[T]) withdrawn(f *Failure) []string {
	if c.source.Withdrawn == nil {
		return nil
	}
	return c.source.Withdrawn(c.key, f.Err)
}

// removeFromPool removes the copies whose names begin so, but for that of the value.
func (c *Value[T]) removeFromPool(ctx context.Context, prefix string) {
	own := poolName(c.source.File(c.key))
	for info, err := range c.scope.pool.List(ctx, poolName(prefix)) {
		if err != nil {
			return // what is left there is found to be refused when it is due
		}
		if info.Name != own && path.Ext(info.Name) == ".json" {
			_ = c.scope.pool.Remove(ctx, info.Name) // the same
		}
	}
}

// refusalData is the file of a refusal; ok: the cause can be written.
func (s *Scope) refusalData(file string, f *Failure, before json.RawMessage) (data []byte, ok bool) {
	out, ok := s.savedRefusal(file, f, before)
	if !ok {
		return nil, false
	}
	payload, err := json.Marshal(out)
	if err != nil {
		return nil, false
	}
	return Seal(RefusedMagic, payload), true
}

// tell tells the members that there is news of something. Who does not hear it looks when
// it is due.
func (s *Scope) tell(ctx context.Context, name string) {
	if err := s.pool.Tell(ctx, name); err != nil {
		s.log.Debug("the other members of the pool cannot be told", "name", name, "error", err)
	}
}
