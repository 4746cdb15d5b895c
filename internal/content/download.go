package content

import (
	"context"
	"errors"
	"fmt"
	"io"
	"math"
	"sync"
	"time"

	"ccsfs/apiclient"
	"ccsfs/internal/content/blobstore"
	"ccsfs/internal/content/index"
)

// forEver is longer than any mount lasts.
const forEver = 100 * 365 * 24 * time.Hour

// state of a download.
type state int

const (
	idle     state = iota // nothing under way: not begun, stopped, or failed (err says so)
	running               // a goroutine is opening the blob or downloading
	complete              // all bytes are in the spool
)

// download is the content of one version of one document, shared by all who want it.
// It belongs to no reader: readers come and go.
type download struct {
	store    *Store
	ref      Ref
	priority *apiclient.Priority

	mu       sync.Mutex
	state    state
	err      error     // why it is idle
	retryAt  time.Time // not tried again before, after a failure
	failedAt time.Time // when that was
	fails    int       // failures in a row
	refused  string    // the credentials that were refused, as Config.Credentials
	asked    bool      // somebody wants it, not only who reads ahead
	expected bool      // it is fetched ahead of somebody who reads

	refs    int           // handles and waiters; the spool lives as long as there are any
	readers int           // handles that want bytes, not only the size
	wanted  chan struct{} // a reader has come
	waiters []waiter
	expiry  *time.Timer // of an idle one that nobody holds
	gone    bool        // discarded: the spool is closed

	w           downloadWriter // the run's own
	recent      recent         // where it puts what comes
	lastFailure *index.Failure // how the run ended, as other processes know it; nil: they do not

	spool    blobstore.Blob     // where its bytes are read
	old      []blobstore.Blob   // those moved away from, still being read
	blob     blobstore.Blob     // nil: what is read is not in the cache
	n        int64              // bytes that may be read; -1 until the first look like a document
	size     int64              // -1 until known
	info     Info               // set once size is
	known    bool               // info is set
	exposed  uint64             // the generation that readers had bytes of; 0: none
	identity blobstore.Identity // of the blob when it was last known to be right
}

// waiter is released when n reaches until, or, if sized, when the info is known, and
// whenever the download stops running.
type waiter struct {
	until int64
	sized bool
	ready chan struct{}
}

func newDownload(s *Store, ref Ref, u *apiclient.Priority) *download {
	return &download{store: s, ref: ref, priority: u, n: -1, size: -1,
		wanted: make(chan struct{}, 1), w: newDownloadWriter(), recent: recent{pool: &s.buffers}}
}

// serves says whether the download is of what ref asks for. d.mu is held.
func (d *download) serves(ref Ref, now time.Time) bool {
	if d.gone || !d.ref.version().Is(ref.version()) {
		return false
	}
	return !ref.Volatile || !d.known || now.Before(d.info.Valid)
}

// demand makes sure that the download is running or complete, or returns why not.
// d.mu is held.
func (d *download) demand() error {
	d.priority.Raise()
	d.asked = true
	if d.state != idle {
		return nil
	}
	if d.heldOff() {
		return d.err
	}
	return d.start()
}

// heldOff says whether the download failed, and is not tried again before its time. d.mu
// is held.
func (d *download) heldOff() bool {
	switch {
	case d.err == nil || !d.store.now().Before(d.retryAt) || d.hadElsewhere():
		return false
	case errors.Is(d.err, ErrChanged):
		return true
	case d.store.pardoned(d.failedAt):
		return false
	case apiclient.Refused(d.err):
		return d.refused == d.store.cfg.Credentials() // others may be let in
	}
	return true
}

// hadElsewhere says whether another process had the document after all since this
// one had not. d.mu is held.
func (d *download) hadElsewhere() bool {
	if errors.Is(d.err, ErrChanged) {
		return false
	}
	r := d.store.record(d.ref)
	return r != nil && r.Checked.After(d.failedAt) && d.store.fresh(d.ref, r)
}

// start sets the download running. d.mu is held.
func (d *download) start() error {
	ctx, cancel, err := d.store.begin()
	if err != nil {
		return err
	}
	d.state, d.err = running, nil
	if d.expiry != nil {
		d.expiry.Stop()
		d.expiry = nil
	}
	d.store.counters.running.Add(1)
	go func() {
		defer d.store.end()
		defer cancel()
		d.settle(d.run(ctx))
		d.store.counters.running.Add(-1)
	}()
	return nil
}

// waitSized waits until the size is known.
func (d *download) waitSized(ctx context.Context) (Info, error) {
	d.mu.Lock()
	for !d.known {
		if err := d.demand(); err != nil {
			d.mu.Unlock()
			return Info{}, err
		}
		if err := d.wait(ctx, waiter{sized: true, until: math.MaxInt64}); err != nil {
			d.mu.Unlock()
			return Info{}, err
		}
		if d.state == idle && d.err != nil && !d.known {
			err := d.err
			d.mu.Unlock()
			return Info{}, err
		}
	}
	info := d.info
	d.mu.Unlock()
	return info, nil
}

// wait sleeps until w is released or ctx ends. d.mu is held on entry and exit.
func (d *download) wait(ctx context.Context, w waiter) error {
	w.ready = make(chan struct{})
	d.waiters = append(d.waiters, w)
	d.mu.Unlock()
	defer d.mu.Lock()
	select {
	case <-w.ready:
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}

// release wakes the waiters whose time has come. d.mu is held.
func (d *download) release() {
	keep := d.waiters[:0]
	for _, w := range d.waiters {
		switch {
		case d.state != running, w.sized && d.known, d.n >= w.until:
			close(w.ready)
		default:
			keep = append(keep, w)
		}
	}
	clear(d.waiters[len(keep):])
	d.waiters = keep
}

// begun waits until what readers want at first is there: all of the document, or
// something of one that is read while it comes.
func (d *download) begun(ctx context.Context) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	for d.state != complete {
		w := waiter{until: d.store.streamAbove() + 1, sized: !d.known}
		switch {
		case d.known && d.size > d.store.streamAbove():
			w.until = 1
		case d.known:
			w.until = d.size
		}
		if d.n >= w.until {
			return nil
		}
		if err := d.demand(); err != nil {
			return err
		}
		if err := d.wait(ctx, w); err != nil {
			return err
		}
		if d.state == idle && d.err != nil {
			return d.err
		}
	}
	return nil
}

// read returns as many bytes as p has room for from off, up to the end of the document,
// waiting for bytes that are on their way: in p, or where they are in memory. It returns
// io.EOF only with the last byte or beyond.
func (d *download) read(ctx context.Context, p []byte, off int64) (Bytes, error) {
	d.mu.Lock()
	for d.state != complete {
		end := off + int64(len(p))
		if d.size >= 0 {
			end = min(end, d.size)
		}
		if d.n >= end && d.n >= 0 {
			break
		}
		if err := d.demand(); err != nil {
			d.mu.Unlock()
			return Bytes{}, err
		}
		if err := d.wait(ctx, waiter{until: end}); err != nil {
			d.mu.Unlock()
			return Bytes{}, err
		}
		if d.state == idle && d.err != nil && d.n < end {
			err := d.err
			d.mu.Unlock()
			return Bytes{}, err
		}
	}
	if d.known && d.exposed != d.info.Generation {
		d.exposed = d.info.Generation
		d.store.indexes.Of(d.ref.ContractID).Expose(d.ref.DocumentID, d.exposed)
	}
	sp, size, gone, coming := d.spool, d.size, d.gone, d.state == running
	d.mu.Unlock()
	if gone {
		return Bytes{}, ErrClosed
	}
	if size >= 0 && off >= size {
		return Bytes{}, io.EOF
	}
	want, eof := p, error(nil)
	if size >= 0 && off+int64(len(p)) >= size {
		want, eof = p[:size-off], io.EOF
	}
	if coming {
		if b, ok := d.recent.view(len(want), off); ok {
			return b, eof
		}
	}
	if err := d.checkIdentity(); err != nil {
		return Bytes{}, err
	}
	n, err := sp.ReadAt(want, off)
	if n < len(want) {
		if d.store.isClosed() { // and so is the spool
			return Bytes{}, ErrClosed
		}
		return Bytes{}, d.damaged(fmt.Errorf("read %d of %d bytes at %d: %w", n, len(want), off, err))
	}
	return whole(want, eof)
}

// checkIdentity makes sure that a finished blob has not been touched since it was
// last known to be right; where it has, it is hashed again (an eviction by
// another process changes the identity, but not the bytes).
func (d *download) checkIdentity() error {
	d.mu.Lock()
	f, identity, sum := d.blob, d.identity, d.info.SHA256
	d.mu.Unlock()
	if f == nil {
		return nil
	}
	st, err := f.Stat()
	if err != nil || st.Identity == identity {
		return err
	}
	if err := d.store.checkBlob(f, d.size, sum); err != nil {
		return d.damaged(err)
	}
	d.mu.Lock()
	d.identity = st.Identity
	d.mu.Unlock()
	return nil
}

// damaged gives up a blob that is not what it was: it is fetched again by the
// next open.
func (d *download) damaged(err error) error {
	d.store.drop(d)
	d.store.log.Warn("cached document damaged while open; it is fetched again at its next open",
		"contract", d.ref.ContractID, "document", d.ref.DocumentID, "error", err)
	return fmt.Errorf("cached copy damaged: %w", err)
}

// settle ends a run with its outcome.
func (d *download) settle(err error) {
	d.recent.forget()
	d.mu.Lock()
	defer d.mu.Unlock()
	switch {
	case err == nil:
		d.state, d.fails = complete, 0
	case errors.Is(err, errStopped):
		d.state, d.err = idle, nil
	default:
		d.state, d.err, d.failedAt = idle, err, d.store.now()
		if apiclient.Refused(err) { // else it matters to nobody, and may have to be read from a file
			d.refused = d.store.cfg.Credentials()
		}
		d.fails++
		d.retryAt = d.store.now().Add(d.store.holdOff(err, d.fails))
		if f := d.lastFailure; f != nil { // what all processes go by
			d.fails, d.retryAt, d.lastFailure = f.Fails, f.Retry, nil
		}
		if d.n < 0 { // nobody has seen any of it: begin anew next time
			d.reset()
		}
		if errors.Is(err, ErrChanged) { // for good: who opens it next gets the new one
			d.retryAt = d.store.now().Add(forEver)
			if !errors.Is(err, errReplaced) {
				d.store.indexes.Of(d.ref.ContractID).Void(d.ref.DocumentID)
			}
			d.store.forget(d)
		}
	}
	d.release()
	d.retire()
}

// retire lets go of a download that nobody holds: at once when complete, after a
// while when it could be resumed or its failure is worth remembering. d.mu is held.
func (d *download) retire() {
	if d.refs > 0 || d.state == running || d.gone {
		return
	}
	if d.state == complete || (d.err == nil && d.n <= 0) {
		d.discard()
		return
	}
	if errors.Is(d.err, ErrChanged) || errors.Is(d.err, errNoSpace) { // the latter gives its memory back
		d.discard()
		return
	}
	if d.expiry == nil {
		wait := max(idleKeep, d.retryAt.Sub(d.store.now()))
		d.expiry = time.AfterFunc(wait, func() {
			d.mu.Lock()
			defer d.mu.Unlock()
			if d.refs == 0 && d.state == idle {
				d.discard()
			}
		})
	}
}

// discard closes the spool and forgets the download. d.mu is held.
func (d *download) discard() {
	if d.gone {
		return
	}
	d.gone = true
	if !d.store.final(d.ref) && d.state != complete && d.n > 0 {
		// The kernel may have pages of it, and nothing tells whether the next
		// download will be of the same content.
		d.store.indexes.Of(d.ref.ContractID).Void(d.ref.DocumentID)
	}
	if d.expiry != nil {
		d.expiry.Stop()
	}
	for _, sp := range append(d.old, d.spool) {
		if sp != nil {
			_ = sp.Close() // nothing in it is needed any more
		}
	}
	d.store.bury(d)
}
