package content

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"time"

	"ccsfs/apiclient"
)

const (
	// chunkLen is how much is read from the network at once, in bytes.
	chunkLen = 256 << 10
	// maxTries bounds how often a body that breaks off without any progress is
	// taken up again. Requests that fail before their body are the client's to retry.
	maxTries = 4
	// maxCuts bounds how often it is taken up again at all, until somebody asks
	// anew: a server that gives a few bytes a time would be asked for ever.
	maxCuts = 64
	// maxStalls bounds how often it is taken up again after it stood still, which
	// costs a reader a time-out each: three are the patience with an outage, too.
	// A mebibyte in between shows that it is worth more.
	maxStalls     = 3
	stallProgress = 1 << 20
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
	media     string  // as the answer says
	etag      string
	modified  string
	ranges    bool // the server takes Range
	noRanges  bool // but what it answers is not what was asked for
	empty     bool // an answer just now said that it has no bytes
	unzipped  bool // asked for in so many words, since a ZIP came
	patient   bool // it is the last try, unless it makes progress
	endless   bool // an answer just now had the length that it announced, and not its end
	hold      bool // publish nothing before all is there and compared with prev
	doubted   bool // readers have had bytes of prev, and this cannot be compared with it before it is published
	replaces  bool // prev is of another content, or may be
	announced int64
	at        time.Time // when the API began to send it
	answered  func()    // called when an answer has come; nil: nobody wants to know
}

func newTransfer() transfer { return transfer{announced: -1} }

// run brings the body to completion: from the blob, or from the API. Of the
// processes that share the directory one asks for a document at a time; the others
// wait for it, and look again.
func (b *body) run(ctx context.Context) error {
	if b.cached(false) {
		return nil
	}
	if b.store.cfg.Offline {
		if b.t.prev != nil && b.t.prev.covers(b.ref.version(), b.store.now()) && b.openBlob(b.t.prev, false) {
			return nil
		}
		return ErrOffline
	}
	began := b.store.now()
	l, waited, err := b.lease(ctx)
	if errors.Is(err, errElsewhere) && b.serveOld(err) {
		return nil
	}
	if err != nil {
		return err
	}
	defer l.Release()
	b.store.index(b.ref.ContractID).refresh()
	if b.cached(true) {
		return nil
	}
	if err := b.failedBefore(began, waited); err != nil {
		return err
	}
	if waited && !b.t.replaces && b.t.prev != nil && b.t.prev.SHA256 != "" {
		l.Release() // nothing is kept: others would wait for each other in vain
	}
	b.unlearn()
	err = b.ask(ctx)
	b.rememberFailure(err)
	return err
}

// cached makes the blob the body's bytes if it is what the reference asks for, and
// of the content that readers have had bytes of. alone: this process has the lease.
func (b *body) cached(alone bool) bool {
	b.mu.Lock()
	had := b.handedOut()
	b.mu.Unlock()
	b.t.prev = b.store.record(b.ref)
	fresh := b.t.prev != nil && b.store.fresh(b.ref, b.t.prev)
	b.t.replaces = b.t.prev != nil && !fresh
	return fresh && (had == 0 || had == b.t.prev.generation) && b.openBlob(b.t.prev, alone)
}

// ask has the document from the API.
func (b *body) ask(ctx context.Context) error {
	if b.t.replaces && b.t.prev.covers(b.ref.version(), b.store.now()) {
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
		if b.openBlob(b.store.remember(b.ref, &checked), true) {
			return nil
		}
		return b.download(ctx, apiclient.FileRequest{})
	case err != nil && apiclient.Temporary(err) && !b.published() && b.serveOld(err):
		return nil
	}
	return err
}

// serveOld serves volatile content that could not be revalidated as it was, and
// has it asked about again soon.
func (b *body) serveOld(err error) bool {
	prev := b.t.prev
	old := *prev
	old.retry = b.store.now().Add(staleRetry)
	if !b.openBlob(&old, false) {
		return false
	}
	b.store.short.stale(b.ref, err)
	b.store.index(b.ref.ContractID).update(prev, &old)
	b.store.log.Warn("document may have changed, but the API cannot be asked; serving the cached copy",
		"contract", b.ref.ContractID, "document", b.ref.DocumentID, "error", err)
	return true
}

// errNotModified is the answer to a condition that holds.
var errNotModified = errors.New("not modified")

// download gets the rest of the body, taking it up again where it breaks off.
func (b *body) download(ctx context.Context, cond apiclient.FileRequest) error {
	pause, stalls := firstPause, 0
	for try, cuts := 1, 1; ; try, cuts = try+1, cuts+1 {
		before := b.t.have
		b.t.patient = try == maxTries || stalls == maxStalls-1
		err := b.attempt(ctx, cond)
		switch {
		case err == nil:
			return b.finish()
		case errors.Is(err, errRestart):
			b.mu.Lock()
			b.reset()
			b.mu.Unlock()
		case errors.Is(err, errEmptyOnce) && cuts < maxCuts:
			b.t.empty = true
		case errors.Is(err, errZipped) && !b.t.unzipped && !b.published():
			b.mu.Lock()
			b.reset()
			b.mu.Unlock()
			b.t.unzipped = true
		case !b.breaksOff(err):
			return err
		}
		if b.t.have > before {
			try, pause = 0, firstPause
		}
		if b.t.have-before >= stallProgress {
			stalls = 0
		}
		if errors.Is(err, apiclient.ErrTimeout) {
			stalls++
		}
		if apiclient.Outage(err) { // the client lets it wait, and ends it if it lasts
			try, pause = 0, firstPause // not longer from try to try, as for one that is broken by itself
		}
		if try == maxTries || cuts == maxCuts || stalls == maxStalls {
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
	req := b.request(cond)
	f, err := b.store.file(apiclient.WithUrgency(ctx, b.urgency), req)
	if b.t.answered != nil {
		b.t.answered()
	}
	if errors.Is(err, apiclient.ErrInvalid) && req.Offset > 0 {
		return b.wholly(err) // it does not take the range after all
	}
	if err != nil {
		return err
	}
	defer f.Body.Close()
	switch {
	case f.NotModified && req.IfNoneMatch == "" && req.IfModifiedSince == "":
		return fmt.Errorf("%w: it says not modified, which was not asked", apiclient.ErrProtocol)
	case f.NotModified:
		return errNotModified
	}
	if err := b.continues(f, req); err != nil {
		return err
	}
	if err := b.headers(f); err != nil {
		return err
	}
	return b.spoolBody(ctx, f)
}

// request is what to ask for: the rest, where there is a beginning whose version
// can be named, or everything. A condition is about what was there before the
// first byte: with a beginning in hand it would join the one with the other.
func (b *body) request(cond apiclient.FileRequest) apiclient.FileRequest {
	req := apiclient.FileRequest{}
	switch t := &b.t; {
	case t.have == 0 && !b.published():
		req = cond
	case t.have > 0 && t.ranges && !t.noRanges && t.validator() != "":
		req.Offset, req.IfRange = t.have, t.validator()
	}
	b.t.unzipped = b.t.unzipped || b.store.zips.Load()
	req.ContractID, req.DocumentID = b.ref.ContractID, b.ref.DocumentID
	req.Unzipped, req.Patient = b.t.unzipped, b.t.patient
	return req
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
		case err == io.EOF:
			return b.ended(f, at)
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
	if t.announced >= 0 && t.have+int64(len(p)) > t.announced {
		return b.contradiction(fmt.Errorf("its size was %d bytes and is more now", t.announced))
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
		if t.empty && t.announced == 0 && end {
			b.store.log.Info("this document is empty, the API says so twice",
				"contract", b.ref.ContractID, "document", b.ref.DocumentID, "name", b.ref.Name)
		} else if err := plausible(b.ref.Name, t.head); err != nil {
			return err
		} else if envelope(t.media) {
			return fmt.Errorf("%w: an envelope came in its place (its type is %s)", ErrNotDocument, t.media)
		} else if pageAsText(b.ref.Name, t.media, t.head) {
			return fmt.Errorf("%w: a page of text came in its place (its type is %s)", ErrNotDocument, t.media)
		}
		t.looked, t.head = true, nil
	}
	b.publish()
	return nil
}
