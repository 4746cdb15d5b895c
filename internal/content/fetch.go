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
	return rec != nil && s.fresh(r, rec) && s.hasBlob(r.blob(), rec)
}

// Fetch brings a document into the cache, whatever its size, and waits for it. It
// stands back behind those who read: its requests are of low priority until
// somebody opens the document. A full cache drops the documents that were not
// used for longest in favour of this one.
func (s *Store) Fetch(ctx context.Context, r Ref) (Info, error) {
	info, err := s.fetchOnce(ctx, r)
	if errors.Is(err, ErrChanged) { // nothing has been read here: the new one is as good
		info, err = s.fetchOnce(ctx, r)
	}
	return info, s.short.handOut(r, err)
}

func (s *Store) fetchOnce(ctx context.Context, r Ref) (Info, error) {
	d := s.acquire(r, true, apiclient.LowPriority())
	defer d.unref(true)
	d.mu.Lock()
	defer d.mu.Unlock()
	for d.state != complete {
		if d.state == idle {
			if d.heldOff() {
				return Info{}, d.err
			}
			if err := d.start(); err != nil {
				return Info{}, err
			}
		}
		if err := d.wait(ctx, waiter{until: math.MaxInt64}); err != nil {
			return Info{}, err
		}
		if d.state == idle && d.err != nil {
			return Info{}, d.err
		}
	}
	return d.info, nil
}

// Settle is Stat, and waits until a document of at most this many bytes, whose body comes
// with its size, is in the cache: who ends at once would else cut it off, and it would
// have to be asked for again.
func (s *Store) Settle(ctx context.Context, r Ref, most int64) (Info, error) {
	if info, ok := s.Peek(r); ok {
		return info, nil
	}
	info, err := s.Stat(ctx, r)
	if err != nil || info.SHA256 != "" || info.Size > most {
		return info, err
	}
	f, err := s.Open(ctx, r)
	if err != nil {
		return info, nil // its size is known all the same
	}
	defer f.Close()
	if _, err := f.ReadAt(ctx, make([]byte, 1), info.Size-1); err != nil && errors.Is(err, context.Canceled) {
		return info, err
	}
	return f.Info(), nil
}
