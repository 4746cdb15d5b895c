package fresh

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"

	"ccsfs/internal/pool"
)

// The copies that a pool keeps: how they are read. What is made of them is in pool.go.

// readCopy parses a copy.
func (c *Value[T]) readCopy(k poolCopy, take func(*T, *Refusal)) error {
	if payload, err := Unseal(RefusedMagic, k.data); err == nil {
		r, err := parseRefusal(payload, c.source.File(c.key))
		if err == nil {
			take(nil, r)
		}
		return err
	}
	payload, err := Unseal(c.scope.Store.magic, k.data)
	if err != nil {
		return err
	}
	v, err := c.source.Parse(c.key, payload)
	if err == nil {
		take(v, nil)
	}
	return err
}

// copyInPool reads what the pool keeps under a name. The error is that nobody can tell.
func (s *Scope) copyInPool(ctx context.Context, name string) (poolCopy, error) {
	if s.poolIsSlow() {
		return poolCopy{}, errPoolSlow
	}
	looking, cancel := context.WithTimeout(ctx, poolLook)
	defer cancel()
	k, err := readKept(looking, s.pool, name)
	switch {
	case err == nil:
		return k, nil
	case errors.Is(err, pool.ErrDamaged):
		return poolCopy{damaged: true}, nil
	case errors.Is(err, fs.ErrNotExist), errors.Is(err, pool.ErrNothingKept):
		return poolCopy{}, nil
	case looking.Err() != nil && ctx.Err() == nil:
		s.mu.Lock()
		s.slowUntil = s.Now().Add(poolSlow)
		s.mu.Unlock()
		err = fmt.Errorf("%w: %w", errPoolSlow, err)
	}
	s.log.Debug("the shared store cannot be asked", "name", name, "error", err)
	return poolCopy{}, err
}

// poolIsSlow reports whether the store has not answered in time a moment ago.
func (s *Scope) poolIsSlow() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	left := s.slowUntil.Sub(s.Now())
	return left > 0 && left <= poolSlow
}

func readKept(ctx context.Context, p *pool.Pool, name string) (k poolCopy, err error) {
	kept, err := p.Get(ctx, name)
	if err != nil {
		return k, err
	}
	defer kept.Body.Close()
	if kept.Size > maxSaved || json.Unmarshal(kept.Meta, &k.poolMeta) != nil {
		return poolCopy{}, fmt.Errorf("%w: no copy of a listing", pool.ErrDamaged)
	}
	if k.data, err = io.ReadAll(kept.Body); err != nil { // to the end, which alone proves it
		return poolCopy{}, err
	}
	k.sum = kept.SHA256
	return k, nil
}

// InPool reads what a pool keeps of a file that begins with a magic; there is none where it
// keeps nothing, something damaged, or that access was refused. The error is that nobody can
// tell. It asks nobody else.
func InPool[T any](ctx context.Context, p *pool.Pool, magic, file string, parse func(payload []byte) (*T, error)) (*T, error) {
	k, err := readKept(ctx, p, poolName(file))
	switch {
	case errors.Is(err, fs.ErrNotExist), errors.Is(err, pool.ErrDamaged):
		return nil, nil
	case err != nil:
		return nil, err
	}
	payload, err := Unseal(magic, k.data)
	if err != nil {
		return nil, nil
	}
	v, err := parse(payload)
	if err != nil { // of another version
		return nil, nil
	}
	return v, nil
}
