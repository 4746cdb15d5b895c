package pool

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"iter"
	"strings"

	"ccsfs/internal/pool/seal"
)

// format is the version of what is kept; another one begins anew.
const format = "v1"

// ErrDamaged is that something is kept which is not what a member has put there.
var ErrDamaged = seal.ErrDamaged

// ErrNothingKept is what a pool answers that has no place for documents and listings.
var ErrNothingKept = errors.New("the pool has no shared store")

// Kept is a thing that is kept, open. Body ends with ErrDamaged, in the place of io.EOF,
// unless its bytes are those that were put: nothing of it may be used before.
type Kept struct {
	Meta   []byte
	Size   int64  // bytes
	SHA256 string // hex
	Body   io.ReadCloser
}

// Get opens what is kept under a name. The error Is fs.ErrNotExist where there is nothing,
// ErrDamaged where something else is, ErrAway or ErrRefused where nobody can tell.
func (p *Pool) Get(ctx context.Context, name string) (*Kept, error) {
	if !p.Keeps() {
		return nil, ErrNothingKept
	}
	var k *Kept
	err := p.objects.do(ctx, func(ctx context.Context) error {
		o, err := p.open(ctx, name)
		if err != nil {
			return err
		}
		opened, err := p.cfg.Key.Open(p.cfg.Account, name, o.Body, o.Size)
		if err != nil {
			o.Body.Close()
			if errors.Is(err, seal.ErrOtherKey) {
				err = cmp.Or(p.stillOurs(ctx), err)
			}
			return err
		}
		k = &Kept{opened.Meta, opened.Size, opened.SHA256, &keptBody{opened.Body, o.Body, p}}
		return nil
	})
	switch {
	case err == nil:
		p.counters.had.Add(1)
	case errors.Is(err, seal.ErrOtherKey): // that was in use before
		return nil, fmt.Errorf("%w: %w", fs.ErrNotExist, err)
	case errors.Is(err, seal.ErrVersion): // a later ccsfs has put it there, and will again
		return nil, fmt.Errorf("%w: %w", ErrRefused, err)
	case errors.Is(err, ErrDamaged):
		p.counters.damaged.Add(1)
		p.log.Warn("something in the shared store is not what a member of the pool has put there; it does not count, and is replaced", "name", p.full(name), "error", err)
	}
	return k, err
}

// keptBody is the body of what is kept, with the connection that it comes by.
type keptBody struct {
	io.Reader
	from io.Closer
	pool *Pool
}

func (b *keptBody) Read(p []byte) (int, error) {
	n, err := b.Reader.Read(p)
	if errors.Is(err, ErrDamaged) {
		b.pool.counters.damaged.Add(1)
	}
	return n, err
}

func (b *keptBody) Close() error { return b.from.Close() }

// Put keeps something, in the place of what is there under its name: size bytes of body,
// whose SHA-256 is sum, and what is to be known of them (64 KiB at most). While the store is
// away it fails at once; while it takes nothing, all but one in some seconds do.
func (p *Pool) Put(ctx context.Context, name string, meta []byte, body io.ReaderAt, size int64, sum string) error {
	if !p.Keeps() {
		return ErrNothingKept
	}
	if err := p.objects.awayNow(); err != nil {
		return err
	}
	err := p.puts.do(ctx, func(ctx context.Context) error {
		if err := p.ready(ctx); err != nil {
			return err
		}
		sealed, err := p.seal(name, meta, body, size, sum)
		if err != nil {
			return err
		}
		defer sealed.Close()
		return p.cfg.Objects.Put(ctx, p.full(name), sealed, sealed.Size())
	})
	if err == nil {
		p.counters.gave.Add(1)
	}
	return err
}

// seal makes the object of something that is to be kept.
func (p *Pool) seal(name string, meta []byte, body io.ReaderAt, size int64, sum string) (*seal.Object, error) {
	header, err := p.cfg.Key.Seal(p.cfg.Account, name, meta, size, sum)
	if err != nil {
		return nil, err
	}
	if p.cfg.Encrypt {
		return p.cfg.Key.Encrypted(header, body, size)
	}
	return p.cfg.Key.Plain(header, body, size), nil
}

// Remove takes away what is kept under a name, if anything is.
func (p *Pool) Remove(ctx context.Context, name string) error {
	if !p.Keeps() {
		return ErrNothingKept
	}
	err := p.objects.once(ctx, func(ctx context.Context) error { return p.cfg.Objects.Remove(ctx, p.full(name)) })
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	return err
}

// List tells what is kept of this account under names that begin so. A store that was never
// begun is [ErrAway], and not empty: it may be another one.
func (p *Pool) List(ctx context.Context, prefix string) iter.Seq2[ObjectInfo, error] {
	return func(yield func(ObjectInfo, error) bool) {
		if !p.Keeps() {
			yield(ObjectInfo{}, ErrNothingKept)
			return
		}
		err := p.objects.closed()
		if err == nil {
			err = p.begun(ctx)
		}
		if err != nil {
			yield(ObjectInfo{}, err)
			return
		}
		for info, err := range p.cfg.Objects.List(ctx, p.full(prefix)) {
			info.Name = strings.TrimPrefix(info.Name, p.full(""))
			if !yield(info, err) || err != nil {
				return
			}
		}
		if err := p.there(ctx); err != nil { // else it may have gone half way
			yield(ObjectInfo{}, err)
		}
	}
}

// full is a name as the engine has it.
func (p *Pool) full(name string) string { return format + "/" + p.cfg.Account + "/" + name }
