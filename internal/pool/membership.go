package pool

import (
	"bytes"
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"time"

	"ccsfs/internal/pool/seal"
)

// Who is a member: whoever has the key that the shared store began with. The first one makes
// the object that says so. Things of another key are then of one that was in use before, and
// are replaced; a member with another key than the store's is refused, before it replaces
// all that the others keep.

// metaName is that of the object that a store begins with.
const metaName = "meta"

// Meta is what that object says.
type Meta struct {
	Format string    `json:"format"`
	Since  time.Time `json:"since"`
	By     string    `json:"by"` // host of the member that made it
}

// admit makes sure that this member has the key of the store. It asks until it was told so
// once.
func (p *Pool) admit(ctx context.Context) error {
	err := p.begun(ctx)
	if errors.Is(err, errNotBegun) && !p.cfg.Begun {
		if err = p.writeMeta(ctx); err == nil {
			p.admitted.Store(true)
		}
	}
	return err
}

// errNotBegun is that there is no store, as far as can be seen.
var errNotBegun = fmt.Errorf("%w: there is no shared store: mount it, or begin one with: ccsfs shared init", ErrAway)

// begun makes sure that there is a store, and that this member has its key. It makes none.
func (p *Pool) begun(ctx context.Context) error {
	if p.admitted.Load() {
		return nil
	}
	return p.look(ctx)
}

// there makes sure that a store which must have been begun still is: what is mounted may go, and
// the directory below it is empty.
func (p *Pool) there(ctx context.Context) error {
	if !p.cfg.Begun {
		return nil
	}
	return p.look(ctx)
}

// stillOurs makes sure that a store which has something of another key was not begun with that
// meanwhile: what is there would be missed, and replaced, for as long as this member runs.
func (p *Pool) stillOurs(ctx context.Context) error {
	err := p.look(ctx)
	if errors.Is(err, errNotBegun) && !p.cfg.Begun {
		return nil // it says nothing
	}
	return err
}

// ready makes sure that the store takes what this member puts.
func (p *Pool) ready(ctx context.Context) error {
	if err := p.admit(ctx); err != nil {
		return err
	}
	return p.there(ctx)
}

// open opens an object. That it is not there is believed of a store that is.
func (p *Pool) open(ctx context.Context, name string) (Object, error) {
	if err := p.admit(ctx); err != nil {
		return Object{}, err
	}
	o, err := p.cfg.Objects.Get(ctx, p.full(name))
	if errors.Is(err, fs.ErrNotExist) {
		err = cmp.Or(p.there(ctx), err)
	}
	return o, err
}

// look looks for what the store began with.
func (p *Pool) look(ctx context.Context) error {
	switch _, err := p.readMeta(ctx); {
	case errors.Is(err, fs.ErrNotExist):
		return errNotBegun
	case errors.Is(err, seal.ErrOtherKey):
		return fmt.Errorf("%w (%s): all members need the same (CCSFS_SHARED_KEY); to begin anew with this one: ccsfs shared init --replace", ErrBegunByOthers, p.cfg.Key.ID())
	case errors.Is(err, seal.ErrVersion):
		return fmt.Errorf("%w: another version of ccsfs keeps the shared store: %w", ErrRefused, err)
	case errors.Is(err, ErrDamaged):
		return fmt.Errorf("%w: %s in the shared store is none of a member's: %w; to begin anew: ccsfs shared init --replace", ErrRefused, p.full(metaName), err)
	case err != nil:
		return err
	}
	p.admitted.Store(true)
	return nil
}

// readMeta reads what the store began with.
func (p *Pool) readMeta(ctx context.Context) (Meta, error) {
	o, err := p.cfg.Objects.Get(ctx, p.full(metaName))
	if err != nil {
		return Meta{}, err
	}
	defer o.Body.Close()
	opened, err := p.cfg.Key.Open(p.cfg.Account, metaName, o.Body, o.Size)
	if err != nil {
		return Meta{}, err
	}
	var m Meta
	if err := json.Unmarshal(opened.Meta, &m); err != nil {
		return Meta{}, fmt.Errorf("%w: %w", ErrDamaged, err)
	}
	return m, nil
}

func (p *Pool) writeMeta(ctx context.Context) error {
	meta, err := json.Marshal(Meta{Format: format, Since: time.Now().UTC().Truncate(time.Second), By: p.cfg.About.Host})
	if err != nil {
		return err
	}
	sum := sha256.Sum256(nil)
	sealed, err := p.seal(metaName, meta, bytes.NewReader(nil), 0, hex.EncodeToString(sum[:]))
	if err != nil {
		return err
	}
	defer sealed.Close()
	return p.cfg.Objects.Put(ctx, p.full(metaName), sealed, sealed.Size())
}

// Began tells what the shared store began with; found is false where it has not yet. The
// error Is [ErrRefused] where that was with another key than this member's.
func (p *Pool) Began(ctx context.Context) (m Meta, found bool, err error) {
	if !p.Keeps() {
		return Meta{}, false, ErrNothingKept
	}
	m, err = p.readMeta(ctx)
	switch {
	case err == nil:
		return m, true, nil
	case errors.Is(err, fs.ErrNotExist):
		return Meta{}, false, nil
	case errors.Is(err, seal.ErrOtherKey), errors.Is(err, seal.ErrVersion), errors.Is(err, ErrDamaged):
		return Meta{}, false, p.admit(ctx)
	}
	return Meta{}, false, err
}

// Begin makes the shared store one of this member's key, or finds that it is; fresh tells
// which. Without replace the store of another key is ErrRefused; with it what is there of
// that is of no use any more, and is replaced one by one.
func (p *Pool) Begin(ctx context.Context, replace bool) (m Meta, fresh bool, err error) {
	if !p.Keeps() {
		return Meta{}, false, ErrNothingKept
	}
	m, err = p.readMeta(ctx)
	switch {
	case err == nil:
		return m, false, nil
	case errors.Is(err, fs.ErrNotExist), replace && (errors.Is(err, seal.ErrOtherKey) || errors.Is(err, ErrDamaged)):
		if err := p.writeMeta(ctx); err != nil {
			return Meta{}, false, err
		}
		m, err = p.readMeta(ctx)
		return m, true, err
	case errors.Is(err, seal.ErrOtherKey), errors.Is(err, ErrDamaged):
		return Meta{}, false, p.admit(ctx)
	}
	return Meta{}, false, err
}
