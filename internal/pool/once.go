package pool

import (
	"context"
	"errors"
)

// Work is something that one member does for all of them, and the others take over.
type Work struct {
	Name string // of its lease
	// Look takes over what another member did. The error Is ErrNotDone where nobody has.
	Look func(ctx context.Context) error
	// Failed is why there is no use in doing it, by what others found out; nil: there is.
	// waited: another member had the lease meanwhile.
	Failed func(ctx context.Context, waited bool) error
	// Do does it. ctx ends with the lease, too, and it is called once more then.
	Do func(ctx context.Context) error
	// Done is called under the lease when Do has ended otherwise than by its loss. It may
	// keep the lease, which the others wait for, and gives it back itself then.
	Done func(l *Lease, err error) (kept bool)
	// Needed tells whether there is still need to wait for others; nil: there always is.
	Needed func() bool
}

var (
	// ErrNotDone is of Work.Look: no other member has done it.
	ErrNotDone = errors.New("no member of the pool has done it")
	// ErrNotNeeded is of Once: there was no need to wait any more.
	ErrNotNeeded = errors.New("there is no need of it any more")
	// ErrNoLease is of Once: the lease was not to be had, or was lost.
	ErrNoLease = errors.New("no lease of the pool")
)

// noLeaseError reads as its cause.
type noLeaseError struct{ cause error }

func (e *noLeaseError) Error() string   { return e.cause.Error() }
func (e *noLeaseError) Unwrap() []error { return []error{ErrNoLease, e.cause} }

// Once does work unless another member has done it, or found out that it cannot be done: it
// looks, takes the lease, and looks again under that before it does it. Who waits for the
// lease looks, too, when it has gone from one member to another: else all that wait would
// have it in turn, to find one after the other that it is done. Where there is no
// coordinator, and the member goes on alone, the work is done without a lease. Where the lease
// is lost all of it is done once more, for nothing but the lease has failed: the coordinator
// was started again and knew of none, or this machine stood still.
func (p *Pool) Once(ctx context.Context, w Work) error {
	err := p.onceUnder(ctx, w)
	if errors.Is(err, errLeaseLost) && ctx.Err() == nil {
		err = p.onceUnder(ctx, w)
	}
	return err
}

// onceUnder is Once under one lease.
func (p *Pool) onceUnder(ctx context.Context, w Work) error {
	if err := w.Look(ctx); !errors.Is(err, ErrNotDone) {
		return err
	}
	l, waited, err := p.leaseOf(ctx, w)
	if l == nil {
		return err
	}
	kept := false
	defer func() {
		if !kept {
			l.Release()
		}
	}()
	if l.Shared() {
		if err := w.found(ctx, waited); !errors.Is(err, ErrNotDone) {
			return err
		}
	}
	doing, done := l.Under(ctx)
	err = w.Do(doing)
	done()
	if err != nil && l.Context().Err() != nil && ctx.Err() == nil {
		return &noLeaseError{context.Cause(l.Context())}
	}
	kept = w.Done(l, err)
	return err
}

// leaseOf waits for the lease of some work. It is nil where the error tells how that ended,
// nil for well.
func (p *Pool) leaseOf(ctx context.Context, w Work) (l *Lease, waited bool, err error) {
	var had string
	var found error
	l, waited, err = p.acquire(ctx, w.Name, func(by string) bool {
		changed := had != "" && by != had
		if had = by; changed {
			if found = w.found(ctx, true); !errors.Is(found, ErrNotDone) {
				return false
			}
		}
		found = ErrNotNeeded
		return w.Needed == nil || w.Needed()
	})
	switch {
	case err != nil && ctx.Err() != nil:
		return nil, waited, context.Cause(ctx)
	case err != nil:
		return nil, waited, &noLeaseError{err}
	case l == nil:
		return nil, waited, found
	}
	return l, waited, nil
}

// found takes over what others did, or why they could not: ErrNotDone for neither.
func (w *Work) found(ctx context.Context, waited bool) error {
	if err := w.Look(ctx); !errors.Is(err, ErrNotDone) {
		return err
	}
	if err := w.Failed(ctx, waited); err != nil {
		return err
	}
	return ErrNotDone
}
