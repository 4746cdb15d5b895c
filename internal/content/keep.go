package content

import (
	"context"
	"errors"
	"math"

	"ccsfs/apiclient"
)

// Has tells whether a document is in the cache, whole and not due to be asked
// about again. It never asks the API. It looks at the size only: the bytes are
// verified when they are opened.
func (s *Store) Has(r Ref) bool {
	rec := s.record(r)
	return rec != nil && s.fresh(r, rec) && s.hasBlob(r.key(), rec)
}

// Keep brings a document into the cache, whatever its size, and waits for it. It
// stands back behind those who read: its requests are of low urgency until
// somebody opens the document. A full cache drops the documents that were not
// used for longest in favour of this one.
func (s *Store) Keep(ctx context.Context, r Ref) (Info, error) {
	info, err := s.keepOnce(ctx, r)
	if errors.Is(err, ErrChanged) { // nothing has been read here: the new one is as good
		info, err = s.keepOnce(ctx, r)
	}
	return info, s.short.handOut(r, err)
}

func (s *Store) keepOnce(ctx context.Context, r Ref) (Info, error) {
	b := s.acquire(r, true, apiclient.Background())
	defer b.unref(true)
	b.mu.Lock()
	defer b.mu.Unlock()
	for b.state != complete {
		if b.state == idle {
			if b.heldOff() {
				return Info{}, b.err
			}
			if err := b.start(); err != nil {
				return Info{}, err
			}
		}
		if err := b.wait(ctx, waiter{until: math.MaxInt64}); err != nil {
			return Info{}, err
		}
		if b.state == idle && b.err != nil {
			return Info{}, b.err
		}
	}
	return b.info, nil
}
