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
func (b *body) continues(f *apiclient.File, req apiclient.FileRequest) error {
	if f.Offset == 0 {
		return nil // everything, which is compared with what is there
	}
	got := validatorOf(f)
	switch {
	case f.Offset != req.Offset:
		return fmt.Errorf("%w: bytes from %d on, but those from %d on were asked for", apiclient.ErrProtocol, f.Offset, req.Offset)
	case got == "":
		return b.wholly(errors.New("the rest came without a word of its version"))
	case req.IfRange != f.ETag && req.IfRange != f.LastModified:
		// A server that does not heed If-Range sends the rest of another version.
		b.t.noRanges = true
		return b.contradiction(fmt.Errorf("it was %s and is %s now", req.IfRange, got))
	case f.Size < 0 && b.t.announced < 0:
		return b.wholly(errors.New("the rest came without a word of where it ends"))
	}
	return nil
}

// wholly ends an attempt such that the next one asks for everything again, not for
// the rest. What is there already is compared with what comes.
func (b *body) wholly(why error) error {
	b.t.noRanges = true
	return cutError{fmt.Errorf("%w: %w", apiclient.ErrUnreachable, why)}
}

// dateAge is how old a date must be to tell versions apart, on clocks that differ
// a little: it has a resolution of a second (RFC 9110, 8.8.2.2).
const dateAge = time.Minute

// validator is what If-Range may carry: a strong ETag, or else a date.
func (t *transfer) validator() string {
	if v := validator(t.etag, t.modified); v != t.modified {
		return v
	}
	if at, err := http.ParseTime(t.modified); err != nil || t.at.Sub(at) < dateAge {
		return ""
	}
	return t.modified
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
func (b *body) headers(f *apiclient.File) error {
	t := &b.t
	switch {
	case t.have > 0 && t.announced >= 0 && f.Size >= 0 && f.Size != t.announced:
		return b.contradiction(fmt.Errorf("its size was %d bytes and is %d now", t.announced, f.Size))
	case f.Size >= 0 && f.Size < t.have:
		return b.contradiction(fmt.Errorf("it had at least %d bytes and has %d now", t.have, f.Size))
	case f.Size == 0 && !maybeEmpty(b.ref.Name):
		return fmt.Errorf("%w: the answer is empty%s", ErrNotDocument, named(f.RequestID))
	case f.Size == 0 && !t.empty:
		return errEmptyOnce
	}
	t.empty = t.empty && f.Size == 0
	t.media = f.ContentType
	if t.have == 0 {
		t.at, t.announced = b.store.now(), f.Size
	}
	if f.Size >= 0 {
		t.announced = f.Size
	}
	if f.Offset == 0 { // a rest need not repeat them
		t.etag, t.modified, t.ranges = f.ETag, f.LastModified, f.AcceptRanges
	}
	b.compare()
	return nil
}

// compare decides what becomes of a body that is there in the place of one that was
// known. The API may have given it another content without a word: of what is small,
// or has no size, nothing is published before its hash is known; and what is large is
// other content from the start, if readers have had bytes of the known one. Together
// with those, which the kernel may still have, its bytes would be a mixture that nobody
// is told of.
func (b *body) compare() {
	t := &b.t
	t.hold = t.prev != nil && t.announced <= b.store.cfg.PrefetchLimit
	if t.have == 0 && !b.published() {
		t.doubted = !t.hold && t.prev != nil && b.store.index(b.ref.ContractID).isExposed(t.prev)
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
var errEmptyOnce = fmt.Errorf("%w: the answer is empty", ErrNotDocument)

// contradiction is what an answer that does not fit the bytes so far amounts to.
func (b *body) contradiction(why error) error {
	if b.published() {
		return fmt.Errorf("%w: %w", ErrChanged, why)
	}
	return fmt.Errorf("%w: %w", errRestart, why)
}
