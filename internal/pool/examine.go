package pool

import (
	"context"
	"errors"
	"fmt"
	"io"

	"ccsfs/internal/pool/seal"
)

// What is looked at for its own sake, for those who look after a pool.

// ErrOtherKey is that something is kept which was put there under another key than ours.
var ErrOtherKey = seal.ErrOtherKey

// Account is the name of the account at the engines.
func (p *Pool) Account() string { return p.cfg.Account }

// KeyID tells the key of the pool from others; anybody may know it.
func (p *Pool) KeyID() string { return p.cfg.Key.ID() }

// Examine reads what is kept under a name through, and compares it with its MAC, its size and
// its hash. The error Is [ErrDamaged] or [ErrOtherKey] where it is not what a member with
// this key has put there, fs.ErrNotExist where nothing is there, [ErrAway] or [ErrRefused]
// where nobody can tell. What it finds is not counted, and nothing is replaced.
func (p *Pool) Examine(ctx context.Context, name string) (size int64, err error) {
	if !p.Keeps() {
		return 0, ErrNothingKept
	}
	err = p.objects.do(ctx, func(ctx context.Context) error {
		o, err := p.open(ctx, name)
		if err != nil {
			return err
		}
		defer o.Body.Close()
		opened, err := p.cfg.Key.Open(p.cfg.Account, name, o.Body, o.Size)
		if errors.Is(err, seal.ErrVersion) { // a later ccsfs reads it
			return fmt.Errorf("%w: %w", ErrRefused, err)
		}
		if err == nil {
			size, err = io.Copy(io.Discard, opened.Body)
		}
		return err
	})
	return size, err
}
