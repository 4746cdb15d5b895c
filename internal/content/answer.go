package content

import (
	"errors"
	"fmt"
	"net/http"
	"strings"
	"time"

	"ccsfs/apiclient"
)

// continues makes sure that the rest of a document is the rest of what is there
// already: where it begins, of which version it is, and where it ends.
func (d *download) continues(f *apiclient.File, req apiclient.FileRequest) error {
	if f.Offset == 0 {
		return nil // everything, which is compared with what is there
	}
	got := validatorOf(f)
	switch {
	case f.Offset != req.Offset:
		return fmt.Errorf("%w: bytes from %d on, but those from %d on were asked for", apiclient.ErrProtocol, f.Offset, req.Offset)
	case got == "":
		return d.wholly(errors.New("the rest came without a word of its version"))
	case req.IfRange != f.ETag && req.IfRange != f.LastModified:
		// A server that does not heed If-Range sends the rest of another version.
		d.w.noRanges = true
		return d.contradiction(fmt.Errorf("it was %s and is %s now", req.IfRange, got))
	case f.Size < 0 && d.w.announced < 0:
		return d.wholly(errors.New("the rest came without a word of where it ends"))
	}
	return nil
}

// wholly ends an attempt such that the next one asks for everything again, not for
// the rest. What is there already is compared with what comes.
func (d *download) wholly(why error) error {
	d.w.noRanges = true
	return cutError{fmt.Errorf("%w: %w", apiclient.ErrUnreachable, why)}
}

// dateAge is how old a date must be to tell versions apart, on clocks that differ
// a little: it has a resolution of a second (RFC 9110, 8.8.2.2).
const dateAge = time.Minute

// validator is what If-Range may carry: a strong ETag, or else a date.
func (w *downloadWriter) validator() string {
	if v := validator(w.etag, w.modified); v != w.modified {
		return v
	}
	if at, err := http.ParseTime(w.modified); err != nil || w.at.Sub(at) < dateAge {
		return ""
	}
	return w.modified
}

// validatorOf is the same of an answer.
func validatorOf(f *apiclient.File) string { return validator(f.ETag, f.LastModified) }

func validator(etag, modified string) string {
	if etag != "" && !strings.HasPrefix(etag, "W/") {
		return etag
	}
	return modified
}

// headers takes in what the answer says of itself. A size that was announced once
// holds for all that follows.
func (d *download) headers(f *apiclient.File) error {
	w := &d.w
	switch {
	case w.have > 0 && w.announced >= 0 && f.Size >= 0 && f.Size != w.announced:
		return d.contradiction(fmt.Errorf("its size was %d bytes and is %d now", w.announced, f.Size))
	case f.Size >= 0 && f.Size < w.have:
		return d.contradiction(fmt.Errorf("it had at least %d bytes and has %d now", w.have, f.Size))
	case f.Size == 0 && !maybeEmpty(d.ref.Name):
		return fmt.Errorf("%w: the answer is empty%s", ErrNotDocument, named(f.RequestID))
	case f.Size == 0 && !w.empty:
		return errEmptyOnce
	}
	w.empty = w.empty && f.Size == 0
	w.media = f.ContentType
	if w.have == 0 {
		w.at, w.announced = d.store.now(), f.Size
	}
	if f.Size >= 0 {
		w.announced = f.Size
	}
	if f.Offset == 0 { // a rest need not repeat them
		w.etag, w.modified, w.ranges = f.ETag, f.LastModified, f.AcceptRanges
	}
	d.compare()
	return nil
}

// compare decides what becomes of a download that is there in the place of one that was
// known. The API may have given it another content without a word: of what an open waits
// for anyway nothing is published before its hash is known; and what is larger is other
// content from the start, if readers have had bytes of the known one. Together with
// those, which the kernel may still have, its bytes would be a mixture that nobody is
// told of. (What replaces another content, and is large, tells its size at once.)
func (d *download) compare() {
	w := &d.w
	most := d.store.streamAbove()
	if w.replaces {
		most = d.store.cfg.PrefetchLimit
	}
	w.withheld = w.prev != nil && w.announced <= most
	if w.have == 0 && !d.published() {
		w.doubted = !w.withheld && w.prev != nil && d.store.indexes.Of(d.ref.ContractID).IsExposed(w.prev)
	}
}

// named names a request, if it has a name, for the API's support.
func named(requestID string) string {
	if requestID == "" {
		return ""
	}
	return " (request " + requestID + ")"
}

// errEmptyOnce is that a document is said to have no bytes, in so many words
// (Content-Length: 0). It is believed when it is said twice in a row.
var errEmptyOnce = fmt.Errorf("%w: the answer is empty%w", ErrNotDocument, onceMore{})

// onceMore is [apiclient.ErrAskAgain] without a word.
type onceMore struct{}

func (onceMore) Error() string { return "" }
func (onceMore) Unwrap() error { return apiclient.ErrAskAgain }

// contradiction is what an answer that does not fit the bytes so far amounts to.
func (d *download) contradiction(why error) error {
	if d.published() {
		return fmt.Errorf("%w: %w", ErrChanged, why)
	}
	return fmt.Errorf("%w: %w", errRestart, why)
}
