package content

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"time"

	"ccsfs/apiclient"
)

const (
	// chunkLen is how much is read from the network at once, in bytes.
	chunkLen = 256 << 10
	// maxTries bounds how often a body that breaks off without any progress is
	// taken up again. Requests that fail before their body are the client's to retry.
	maxTries = 4
	// firstPause is the first wait before taking a broken body up again; it doubles.
	firstPause = 250 * time.Millisecond
)

// errStopped ends a run that nobody waits for any more; it can be taken up again.
var errStopped = errors.New("nobody is waiting for the document")

// errRestart means that the bytes spooled so far do not fit what comes now, and
// that nobody has seen them yet.
var errRestart = errors.New("the document changed before anybody read it")

// transfer is the writing half of a body: what a run knows while bytes arrive.
// Only the run's goroutine touches it; it survives from one run to the next.
type transfer struct {
	prev      *record // what was known when the run began, nil if nothing
	have      int64   // bytes spooled
	head      []byte  // first bytes, until they look like a document
	looked    bool    // they do
	etag      string
	modified  string
	ranges    bool // the server takes Range
	hold      bool // publish nothing before all is there and compared with prev
	replaces  bool // prev is of another content, or may be
	announced int64
	at        time.Time // when the API began to send it
	answered  func()    // called when an answer has come; nil: nobody wants to know
}

func newTransfer() transfer { return transfer{announced: -1} }

// run brings the body to completion: from the blob, or from the API.
func (b *body) run(ctx context.Context) error {
	b.t.prev = b.store.record(b.ref)
	fresh := b.t.prev != nil && b.store.fresh(b.ref, b.t.prev)
	if fresh && b.openBlob(b.t.prev) {
		return nil
	}
	if b.store.cfg.Offline {
		if b.t.prev != nil && b.t.prev.covers(b.ref.UpdatedAt) && b.openBlob(b.t.prev) {
			return nil
		}
		return ErrOffline
	}
	b.t.replaces = b.t.prev != nil && !fresh
	if b.t.replaces && b.ref.Volatile && b.t.prev.covers(b.ref.UpdatedAt) {
		return b.revalidate(ctx)
	}
	return b.download(ctx, apiclient.FileRequest{})
}

// revalidate asks whether volatile content is still what the blob holds. Where the
// API cannot be asked, what is there is served, and asked about again soon.
func (b *body) revalidate(ctx context.Context) error {
	prev := b.t.prev
	var cond apiclient.FileRequest
	if b.store.hasBlob(b.ref.key(), prev) {
		cond.IfNoneMatch, cond.IfModifiedSince = prev.ETag, prev.LastModified
	}
	asking, done := b.impatient(ctx)
	err := b.download(asking, cond)
	done()
	if errors.Is(context.Cause(asking), errSilent) {
		err = errSilent
	}
	switch {
	case errors.Is(err, errNotModified):
		checked := *prev
		checked.Checked, checked.retry = b.store.now(), time.Time{}
		b.store.remember(b.ref, &checked)
		if b.openBlob(&checked) {
			return nil
		}
		return b.download(ctx, apiclient.FileRequest{})
	case err != nil && apiclient.Temporary(err) && !b.published():
		stale := *prev
		stale.retry = b.store.now().Add(staleRetry)
		if b.openBlob(&stale) {
			b.store.index(b.ref.ContractID).update(prev, &stale)
			b.store.log.Warn("document may have changed, but the API cannot be asked; serving the cached copy",
				"contract", b.ref.ContractID, "document", b.ref.DocumentID, "error", err)
			return nil
		}
	}
	return err
}

// errNotModified is the answer to a condition that holds.
var errNotModified = errors.New("not modified")

// download gets the rest of the body, taking it up again where it breaks off.
func (b *body) download(ctx context.Context, cond apiclient.FileRequest) error {
	pause := firstPause
	for try := 1; ; try++ {
		before := b.t.have
		err := b.attempt(ctx, cond)
		switch {
		case err == nil:
			return b.finish()
		case errors.Is(err, errRestart):
			b.mu.Lock()
			b.reset()
			b.mu.Unlock()
		case !b.breaksOff(err):
			return err
		}
		if b.t.have > before {
			try, pause = 0, firstPause
		}
		if try == maxTries {
			return err
		}
		b.store.log.Debug("document broke off; taking it up again", "contract", b.ref.ContractID,
			"document", b.ref.DocumentID, "bytes", b.t.have, "error", err)
		select {
		case <-time.After(pause):
		case <-ctx.Done():
			return context.Cause(ctx)
		}
		pause *= 2
	}
}

// breaksOff says whether err is a body that broke off, so that the rest can be
// asked for. Failures before the body have been retried by the client already.
func (b *body) breaksOff(err error) bool {
	var cut cutError
	return errors.As(err, &cut) && apiclient.Temporary(err) && !errors.Is(err, apiclient.ErrProtocol)
}

// cutError is a failure after the headers.
type cutError struct{ error }

func (e cutError) Unwrap() error { return e.error }

// attempt makes one request and spools its body to the end.
func (b *body) attempt(ctx context.Context, cond apiclient.FileRequest) error {
	req := cond
	req.ContractID, req.DocumentID = b.ref.ContractID, b.ref.DocumentID
	if t := &b.t; t.have > 0 && t.ranges && t.validator() != "" {
		req = apiclient.FileRequest{ContractID: req.ContractID, DocumentID: req.DocumentID, Offset: t.have, IfRange: t.validator()}
	}
	f, err := b.store.file(apiclient.WithUrgency(ctx, b.urgency), req)
	if b.t.answered != nil {
		b.t.answered()
	}
	if errors.Is(err, apiclient.ErrInvalid) && req.Offset > 0 {
		b.t.ranges = false // it does not take the range after all: from the start
		return cutError{fmt.Errorf("%w: %w", apiclient.ErrUnreachable, err)}
	}
	if err != nil {
		return err
	}
	defer f.Body.Close()
	if f.NotModified {
		return errNotModified
	}
	if got := validatorOf(f); f.Offset > 0 && got != "" && got != req.IfRange {
		// A server that does not heed If-Range sends the rest of another version.
		b.t.ranges = false
		return b.contradiction(fmt.Errorf("it was %s and is %s now", req.IfRange, got))
	}
	if err := b.headers(f); err != nil {
		return err
	}
	return b.spoolBody(ctx, f)
}

// validator is what If-Range may carry: a strong ETag, or else a date.
func (t *transfer) validator() string { return validator(t.etag, t.modified) }

// validatorOf is the same of an answer.
func validatorOf(f *apiclient.File) string { return validator(f.ETag, f.LastModified) }

func validator(etag, modified string) string {
	if etag != "" && !strings.HasPrefix(etag, "W/") {
		return etag
	}
	return modified
}

// headers takes in what the answer says of itself.
func (b *body) headers(f *apiclient.File) error {
	t := &b.t
	if t.have > 0 && t.announced >= 0 && f.Size >= 0 && f.Size != t.announced {
		return b.contradiction(fmt.Errorf("its size was %d bytes and is %d now", t.announced, f.Size))
	}
	if f.Size == 0 {
		return fmt.Errorf("%w: the answer is empty (request %s)", ErrNotDocument, f.RequestID)
	}
	if t.have == 0 {
		t.at = b.store.now()
	}
	t.etag, t.modified, t.ranges = f.ETag, f.LastModified, f.AcceptRanges || f.Offset > 0
	t.announced = f.Size
	t.hold = t.replaces && f.Size <= b.store.cfg.PrefetchLimit
	return nil
}

// contradiction is what an answer that does not fit the bytes so far amounts to.
func (b *body) contradiction(why error) error {
	if b.published() {
		return fmt.Errorf("%w: %w", ErrChanged, why)
	}
	return fmt.Errorf("%w: %w", errRestart, why)
}

// spoolBody copies an answer's body into the spool.
func (b *body) spoolBody(ctx context.Context, f *apiclient.File) error {
	buf := b.store.buffers.Get().(*[]byte)
	defer b.store.buffers.Put(buf)
	at := f.Offset
	for {
		if err := b.mayGoOn(ctx); err != nil {
			return err
		}
		n, err := f.Body.Read(*buf)
		if n > 0 {
			if err := b.accept((*buf)[:n], at); err != nil {
				return err
			}
			at += int64(n)
		}
		switch {
		case err == io.EOF && at < b.t.have:
			return b.contradiction(fmt.Errorf("it had at least %d bytes and has %d now", b.t.have, at))
		case err == io.EOF:
			return b.look(true)
		case err != nil && ctx.Err() != nil:
			return context.Cause(ctx)
		case err != nil:
			return cutError{err}
		}
	}
}

// accept takes bytes of the document that begin at offset at. Those already
// spooled are compared, the rest is added.
func (b *body) accept(p []byte, at int64) error {
	t := &b.t
	if at > t.have {
		return fmt.Errorf("%w: bytes from %d on, but %d were asked for", apiclient.ErrProtocol, at, t.have)
	}
	if known := t.have - at; known > 0 {
		known = min(known, int64(len(p)))
		same := make([]byte, known)
		if _, err := b.spool.ReadAt(same, at); err != nil && !errors.Is(err, io.EOF) {
			return err
		}
		if !bytes.Equal(same, p[:known]) {
			return b.contradiction(errors.New("its first bytes are not the same any more"))
		}
		p = p[known:]
	}
	if len(p) == 0 {
		return nil
	}
	if err := b.append(p); err != nil {
		return err
	}
	t.have += int64(len(p))
	b.store.counters.bytes.Add(int64(len(p)))
	if !t.looked {
		t.head = append(t.head, p[:min(len(p), sniffLen-len(t.head))]...)
	}
	return b.look(false)
}

// look checks the first bytes once there are enough of them, or at the end, and
// lets readers at what is there.
func (b *body) look(end bool) error {
	t := &b.t
	if !t.looked {
		if len(t.head) < sniffLen && !end {
			return nil
		}
		if err := plausible(b.ref.Name, t.head); err != nil {
			return err
		}
		t.looked, t.head = true, nil
	}
	b.publish()
	return nil
}
