package content

import (
	"context"
	"errors"
	"fmt"
	"io"
	"math"
	"os"
	"sync"
	"time"

	"ccsfs/apiclient"
)

// forEver is longer than any mount lasts.
const forEver = 100 * 365 * 24 * time.Hour

// state of a body.
type state int

const (
	idle     state = iota // nothing under way: not begun, stopped, or failed (err says so)
	running               // a goroutine is opening the blob or downloading
	complete              // all bytes are in the spool
)

// body is the content of one version of one document, shared by all who want it.
// The download belongs to the body, never to a reader: readers come and go.
type body struct {
	store   *Store
	ref     Ref
	urgency *apiclient.Urgency

	mu       sync.Mutex
	state    state
	err      error     // why it is idle
	retryAt  time.Time // not tried again before, after a failure
	failedAt time.Time // when that was
	fails    int       // failures in a row
	refused  string    // the credentials that were refused, as Config.Credentials
	asked    bool      // somebody wants it, not only a walk ahead of its reader
	expected bool      // a walk ahead of somebody who reads

	refs    int           // handles and waiters; the spool lives as long as there are any
	readers int           // handles that want bytes, not only the size
	wanted  chan struct{} // a reader has come
	waiters []waiter
	expiry  *time.Timer // of an idle body that nobody holds
	gone    bool        // discarded: the spool is closed

	t    transfer // the run's own
	told *failure // how the run ended, as other processes know it; nil: they do not

	spool   spool
	old     []spool // spools moved away from, still being read
	file    *os.File
	n       int64  // bytes that may be read; -1 until the first look like a document
	size    int64  // -1 until known
	info    Info   // set once size is
	known   bool   // info is set
	exposed uint64 // the generation that readers had bytes of; 0: none
	seal    fileSeal
}

// waiter is released when n reaches until, or, if sized, when the info is known, and
// whenever the body stops running.
type waiter struct {
	until int64
	sized bool
	ready chan struct{}
}

func newBody(s *Store, ref Ref, u *apiclient.Urgency) *body {
	return &body{store: s, ref: ref, urgency: u, n: -1, size: -1,
		wanted: make(chan struct{}, 1), t: newTransfer()}
}

// serves says whether the body is what ref asks for. b.mu is held.
func (b *body) serves(ref Ref, now time.Time) bool {
	if b.gone || !b.ref.version().is(ref.version()) {
		return false
	}
	return !ref.Volatile || !b.known || now.Before(b.info.Valid)
}

// demand makes sure that the body is running or complete, or returns why not.
// b.mu is held.
func (b *body) demand() error {
	b.urgency.Raise()
	b.asked = true
	if b.state != idle {
		return nil
	}
	if b.heldOff() {
		return b.err
	}
	return b.start()
}

// heldOff says whether the body failed, and is not tried again before its time. b.mu
// is held.
func (b *body) heldOff() bool {
	switch {
	case b.err == nil || !b.store.now().Before(b.retryAt) || b.hadElsewhere():
		return false
	case apiclient.Refused(b.err):
		return b.refused == b.store.cfg.Credentials() // others may be let in
	}
	return true
}

// hadElsewhere says whether another process had the document after all since this
// one had not. b.mu is held.
func (b *body) hadElsewhere() bool {
	if errors.Is(b.err, ErrChanged) {
		return false
	}
	r := b.store.record(b.ref)
	return r != nil && r.Checked.After(b.failedAt) && b.store.fresh(b.ref, r)
}

// start sets the body running. b.mu is held.
func (b *body) start() error {
	ctx, cancel, err := b.store.begin()
	if err != nil {
		return err
	}
	b.state, b.err = running, nil
	if b.expiry != nil {
		b.expiry.Stop()
		b.expiry = nil
	}
	go func() {
		defer b.store.end()
		defer cancel()
		b.settle(b.run(ctx))
	}()
	return nil
}

// waitSized waits until the size is known.
func (b *body) waitSized(ctx context.Context) (Info, error) {
	b.mu.Lock()
	for !b.known {
		if err := b.demand(); err != nil {
			b.mu.Unlock()
			return Info{}, err
		}
		if err := b.wait(ctx, waiter{sized: true, until: math.MaxInt64}); err != nil {
			b.mu.Unlock()
			return Info{}, err
		}
		if b.state == idle && b.err != nil && !b.known {
			err := b.err
			b.mu.Unlock()
			return Info{}, err
		}
	}
	info := b.info
	b.mu.Unlock()
	return info, nil
}

// wait sleeps until w is released or ctx ends. b.mu is held on entry and exit.
func (b *body) wait(ctx context.Context, w waiter) error {
	w.ready = make(chan struct{})
	b.waiters = append(b.waiters, w)
	b.mu.Unlock()
	defer b.mu.Lock()
	select {
	case <-w.ready:
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}

// release wakes the waiters whose time has come. b.mu is held.
func (b *body) release() {
	keep := b.waiters[:0]
	for _, w := range b.waiters {
		switch {
		case b.state != running, w.sized && b.known, b.n >= w.until:
			close(w.ready)
		default:
			keep = append(keep, w)
		}
	}
	clear(b.waiters[len(keep):])
	b.waiters = keep
}

// begun waits until what readers want at first is there: all of the document, or
// something of one that is larger than the prefetch limit.
func (b *body) begun(ctx context.Context) error {
	b.mu.Lock()
	defer b.mu.Unlock()
	for b.state != complete {
		w := waiter{until: b.store.cfg.PrefetchLimit + 1, sized: !b.known}
		switch {
		case b.known && b.size > b.store.cfg.PrefetchLimit:
			w.until = 1
		case b.known:
			w.until = b.size
		}
		if b.n >= w.until {
			return nil
		}
		if err := b.demand(); err != nil {
			return err
		}
		if err := b.wait(ctx, w); err != nil {
			return err
		}
		if b.state == idle && b.err != nil {
			return b.err
		}
	}
	return nil
}

// readAt fills p from off, up to the end of the document, waiting for bytes that
// are on their way. It returns io.EOF only with the last byte or beyond.
func (b *body) readAt(ctx context.Context, p []byte, off int64) (int, error) {
	b.mu.Lock()
	for b.state != complete {
		end := off + int64(len(p))
		if b.size >= 0 {
			end = min(end, b.size)
		}
		if b.n >= end && b.n >= 0 {
			break
		}
		if err := b.demand(); err != nil {
			b.mu.Unlock()
			return 0, err
		}
		if err := b.wait(ctx, waiter{until: end}); err != nil {
			b.mu.Unlock()
			return 0, err
		}
		if b.state == idle && b.err != nil && b.n < end {
			err := b.err
			b.mu.Unlock()
			return 0, err
		}
	}
	if b.known && b.exposed != b.info.Generation {
		b.exposed = b.info.Generation
		b.store.index(b.ref.ContractID).expose(b.ref.DocumentID, b.exposed)
	}
	sp, size, gone := b.spool, b.size, b.gone
	b.mu.Unlock()
	if gone {
		return 0, ErrClosed
	}
	if size >= 0 && off >= size {
		return 0, io.EOF
	}
	want, eof := p, error(nil)
	if size >= 0 && off+int64(len(p)) >= size {
		want, eof = p[:size-off], io.EOF
	}
	if err := b.checkSeal(); err != nil {
		return 0, err
	}
	n, err := sp.ReadAt(want, off)
	if n < len(want) {
		if b.store.isClosed() { // and so is the spool
			return 0, ErrClosed
		}
		return 0, b.damaged(fmt.Errorf("read %d of %d bytes at %d: %w", n, len(want), off, err))
	}
	return n, eof
}

// checkSeal makes sure that a finished blob has not been touched since it was
// last known to be right; where it has, it is hashed again (an eviction by
// another process changes the seal, but not the bytes).
func (b *body) checkSeal() error {
	b.mu.Lock()
	f, seal, sum := b.file, b.seal, b.info.SHA256
	b.mu.Unlock()
	if f == nil {
		return nil
	}
	now, err := sealOf(f)
	if err != nil || now == seal {
		return err
	}
	if err := b.store.checkBlob(f, b.size, sum); err != nil {
		return b.damaged(err)
	}
	b.mu.Lock()
	b.seal = now
	b.mu.Unlock()
	return nil
}

// damaged gives up a blob that is not what it was: it is fetched again by the
// next open.
func (b *body) damaged(err error) error {
	b.store.drop(b)
	b.store.log.Warn("cached document damaged while open; it is fetched again at its next open",
		"contract", b.ref.ContractID, "document", b.ref.DocumentID, "error", err)
	return fmt.Errorf("cached copy damaged: %w", err)
}

// settle ends a run with its outcome.
func (b *body) settle(err error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	switch {
	case err == nil:
		b.state, b.fails = complete, 0
	case errors.Is(err, errStopped):
		b.state, b.err = idle, nil
	default:
		b.state, b.err, b.failedAt = idle, err, b.store.now()
		if apiclient.Refused(err) { // else it matters to nobody, and may have to be read from a file
			b.refused = b.store.cfg.Credentials()
		}
		b.fails++
		b.retryAt = b.store.now().Add(b.store.holdOff(err, b.fails))
		if f := b.told; f != nil { // what all processes go by
			b.fails, b.retryAt, b.told = f.Fails, f.Retry, nil
		}
		if b.n < 0 { // nobody has seen any of it: begin anew next time
			b.reset()
		}
		if errors.Is(err, ErrChanged) { // for good: who opens it next gets the new one
			b.retryAt = b.store.now().Add(forEver)
			if !errors.Is(err, errReplaced) {
				b.store.index(b.ref.ContractID).void(b.ref.DocumentID)
			}
			b.store.forget(b)
		}
	}
	b.release()
	b.retire()
}

// retire lets go of a body that nobody holds: at once when complete, after a
// while when it could be resumed or its failure is worth remembering. b.mu is held.
func (b *body) retire() {
	if b.refs > 0 || b.state == running || b.gone {
		return
	}
	if b.state == complete || (b.err == nil && b.n <= 0) {
		b.discard()
		return
	}
	if errors.Is(b.err, ErrChanged) || errors.Is(b.err, errNoSpace) { // the latter gives its memory back
		b.discard()
		return
	}
	if b.expiry == nil {
		wait := max(idleKeep, b.retryAt.Sub(b.store.now()))
		b.expiry = time.AfterFunc(wait, func() {
			b.mu.Lock()
			defer b.mu.Unlock()
			if b.refs == 0 && b.state == idle {
				b.discard()
			}
		})
	}
}

// discard closes the spool and forgets the body. b.mu is held.
func (b *body) discard() {
	if b.gone {
		return
	}
	b.gone = true
	if !b.store.final(b.ref) && b.state != complete && b.n > 0 {
		// The kernel may have pages of it, and nothing tells whether the next
		// download will be of the same content.
		b.store.index(b.ref.ContractID).void(b.ref.DocumentID)
	}
	if b.expiry != nil {
		b.expiry.Stop()
	}
	for _, sp := range append(b.old, b.spool) {
		if sp != nil {
			_ = sp.Close() // nothing in it is needed any more
		}
	}
	b.store.bury(b)
}
