package content

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"time"

	"ccsfs/apiclient"
	"ccsfs/internal/content/blobstore"
	"ccsfs/internal/content/index"
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

// errRestart means that the bytes spooled so far do not fit what comes now, and
// that nobody has seen them yet.
var errRestart = errors.New("the document changed before anybody read it")

// downloadWriter is the writing half of a download: what a run knows while bytes arrive.
// Only the run's goroutine touches it; it survives from one run to the next.
type downloadWriter struct {
	spool     blobstore.Spool // where the bytes go; nil as long as there are none
	reserve   bool            // it is in memory, since the store took none, and is not kept
	prev      *index.Record   // what was known when the run began, nil if nothing
	have      int64           // bytes spooled
	head      []byte          // first bytes, until they look like a document
	looked    bool            // they do
	media     string          // as the answer says
	etag      string
	modified  string
	ranges    bool // the server takes Range
	noRanges  bool // but what it answers is not what was asked for
	empty     bool // an answer just now said that it has no bytes
	unzipped  bool // asked for in so many words, since a ZIP came
	patient   bool // it is the last try, unless it makes progress
	endless   bool // an answer just now had the length that it announced, and not its end
	withheld  bool // publish nothing before all is there and compared with prev
	doubted   bool // readers have had bytes of prev, and this cannot be compared with it before it is published
	replaces  bool // prev is of another content, or may be
	announced int64
	at        time.Time // when the API began to send it
	answered  func()    // called when an answer has come; nil: nobody wants to know
}

func newDownloadWriter() downloadWriter { return downloadWriter{announced: -1} }

// fetch gets the rest of the body, taking it up again where it breaks off.
func (d *download) fetch(ctx context.Context, cond apiclient.FileRequest) error {
	pause, stalls := firstPause, 0
	for try, cuts := 1, 1; ; try, cuts = try+1, cuts+1 {
		before := d.w.have
		d.w.patient = try == maxTries || stalls == maxStalls-1
		err := d.attempt(ctx, cond)
		switch {
		case err == nil:
			return d.finish()
		case errors.Is(err, errRestart):
			d.mu.Lock()
			d.reset()
			d.mu.Unlock()
		case errors.Is(err, errEmptyOnce) && !apiclient.Outage(err) && cuts < maxCuts:
			d.w.empty = true
		case errors.Is(err, errZipped) && !d.w.unzipped && !d.published():
			d.mu.Lock()
			d.reset()
			d.mu.Unlock()
			d.w.unzipped = true
		case !d.breaksOff(err):
			return err
		}
		if d.w.have > before {
			try, pause = 0, firstPause
		}
		if d.w.have-before >= stallProgress {
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
		d.store.log.Debug("document broke off; taking it up again", "contract", d.ref.ContractID,
			"document", d.ref.DocumentID, "bytes", d.w.have, "error", err)
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
func (d *download) breaksOff(err error) bool {
	var cut cutError
	return errors.As(err, &cut) && apiclient.Temporary(err) && !errors.Is(err, apiclient.ErrProtocol)
}

// cutError is a failure after the headers.
type cutError struct{ error }

func (e cutError) Unwrap() error { return e.error }

// attempt makes one request and spools its body to the end.
func (d *download) attempt(ctx context.Context, cond apiclient.FileRequest) error {
	req := d.request(cond)
	f, err := d.store.file(apiclient.WithPriority(ctx, d.priority), req)
	if d.w.answered != nil {
		d.w.answered()
	}
	if errors.Is(err, apiclient.ErrInvalid) && req.Offset > 0 {
		return d.wholly(err) // it does not take the range after all
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
	if err := d.continues(f, req); err != nil {
		return err
	}
	if err := d.headers(f); err != nil {
		return err
	}
	return d.spoolBody(ctx, f)
}

// request is what to ask for: the rest, where there is a beginning whose version
// can be named, or everything. A condition is about what was there before the
// first byte: with a beginning in hand it would join the one with the other.
func (d *download) request(cond apiclient.FileRequest) apiclient.FileRequest {
	req := apiclient.FileRequest{}
	switch w := &d.w; {
	case w.have == 0 && !d.published():
		req = cond
	case w.have > 0 && w.ranges && !w.noRanges && w.validator() != "":
		req.Offset, req.IfRange = w.have, w.validator()
	}
	d.w.unzipped = d.w.unzipped || d.store.zips.Load()
	req.ContractID, req.DocumentID = d.ref.ContractID, d.ref.DocumentID
	req.Unzipped, req.Patient = d.w.unzipped, d.w.patient
	req.Judge = judge(d.ref.Name, d.w.empty)
	req.Peers = func() []apiclient.Peer { return d.store.others(d.ref) }
	return req
}

// spoolBody copies an answer's body into the spool.
func (d *download) spoolBody(ctx context.Context, f *apiclient.File) error {
	at := f.Offset
	for {
		if err := d.mayGoOn(ctx); err != nil {
			return err
		}
		space := d.recent.space(at, d.recentMost())
		n, err := f.Body.Read(space)
		if n > 0 {
			if err := d.accept(space[:n], at); err != nil {
				return err
			}
			at += int64(n)
		}
		switch {
		case err == io.EOF:
			return d.ended(f, at)
		case err != nil && ctx.Err() != nil:
			return context.Cause(ctx)
		case err != nil:
			return cutError{err}
		}
	}
}

// recentMost is how many chunks of the document are worth being kept in memory: one, to
// receive them, of a document that nobody reads before it is whole.
func (d *download) recentMost() int {
	if max(d.w.announced, d.w.have) > d.store.streamAbove() {
		return recentMost
	}
	return 1
}

// accept takes bytes of the document that begin at offset at, and lie in the space for
// them. Those already spooled are compared, the rest is added.
func (d *download) accept(p []byte, at int64) error {
	w, received := &d.w, len(p)
	if at > w.have {
		return fmt.Errorf("%w: bytes from %d on, but %d were asked for", apiclient.ErrProtocol, at, w.have)
	}
	if known := w.have - at; known > 0 {
		known = min(known, int64(len(p)))
		same := make([]byte, known)
		if _, err := d.w.spool.ReadAt(same, at); err != nil && !errors.Is(err, io.EOF) {
			return err
		}
		if !bytes.Equal(same, p[:known]) {
			return d.contradiction(errors.New("its first bytes are not the same any more"))
		}
		p = p[known:]
	}
	if len(p) == 0 {
		d.recent.keep(received)
		return nil
	}
	if w.announced >= 0 && w.have+int64(len(p)) > w.announced {
		return d.contradiction(fmt.Errorf("its size was %d bytes and is more now", w.announced))
	}
	if err := d.append(p); err != nil {
		return err
	}
	d.recent.keep(received)
	w.have += int64(len(p))
	d.store.counters.bytes.Add(int64(len(p)))
	if !w.looked {
		w.head = append(w.head, p[:min(len(p), sniffLen-len(w.head))]...)
	}
	return d.look(false)
}

// look checks the first bytes once there are enough of them, or at the end, and
// lets readers at what is there.
func (d *download) look(end bool) error {
	w := &d.w
	if !w.looked {
		if len(w.head) < sniffLen && !end {
			return nil
		}
		if w.empty && w.announced == 0 && end {
			d.store.log.Info("this document is empty, the API says so twice",
				"contract", d.ref.ContractID, "document", d.ref.DocumentID, "name", d.ref.Name)
		} else if err := sniffAnswer(d.ref.Name, w.media, w.head); err != nil {
			return err
		}
		w.looked, w.head = true, nil
	}
	d.publish()
	return nil
}
