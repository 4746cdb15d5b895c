package apiclient

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"unicode"
)

// FileRequest asks for the bytes of a document.
type FileRequest struct {
	ContractID string
	DocumentID string

	// Unzipped asks in so many words for the document itself, by zipped=0. What the
	// parameter means is not documented; without it the API does not zip, as far as
	// is known.
	Unzipped bool

	Offset  int64  // first byte wanted; a server may ignore it, see File.Offset
	IfRange string // with Offset: ETag or Last-Modified the bytes must still have, else the whole comes

	// Judge says what is wrong with how an answer begins that should be the document,
	// nil if it may be one. It is asked of each answer that begins with the first byte,
	// at once and again later on, for another try or to tell whether others are well,
	// also beside itself. What it turns away is an error of that try, which Is what it
	// says: tried again, and waited for where others that were had before come no
	// better. nil: the bytes are what the server sent, be they a document or not.
	Judge func(Beginning) error

	// Peers names other documents that may be asked for, in the order in which that is
	// to be done, those first that were had before. It is called where nothing that
	// this Client has had tells whether the document is broken by itself. nil: there
	// are none.
	Peers func() []Peer

	// Patient waits for the bytes of the body for the whole time-out, also where they
	// have always come fast: for the last try of a caller that takes up again what
	// stands still.
	Patient bool

	IfNoneMatch     string // ETag; unchanged gives File.NotModified
	IfModifiedSince string // Last-Modified; unchanged gives File.NotModified
}

// File is a document on its way. Close the Body in any case.
type File struct {
	// Body is the document from Offset on. It is never silently short of what was
	// announced: a cut body ends in ErrUnreachable (with io.ErrUnexpectedEOF), a
	// stalled one in ErrTimeout, and a part that ends before Size is a cut, too.
	// Where neither Size nor End is known, its end is whatever the server made it.
	// Cancelling the context of the call ends it too. Close drops what was not
	// read, at once.
	Body io.ReadCloser

	Size         int64 // of the whole document in bytes, -1 if not announced
	Offset       int64 // of the first byte of Body: 0 if the server ignored the request's
	End          int64 // of the bytes that the server says it sends, as an offset, -1 if not announced; with Size -1 not always that of the document
	NotModified  bool  // the document is as it was; no body
	AcceptRanges bool  // the server says it can resume
	ETag         string
	LastModified string
	ContentType  string
	RequestID    string
}

// File asks for a document. An Offset beyond its end is ErrInvalid (416): start
// again. Answers that r.Judge turns away are tried again, as errors of the server are.
func (c *Client) File(ctx context.Context, r FileRequest) (*File, error) {
	cl := &call{op: opFile, contract: r.ContractID, document: r.DocumentID, patient: r.Patient, judge: r.Judge}
	cl.peers = c.peersOf(context.WithoutCancel(ctx), r)
	req, err := c.fileRequest(ctx, cl, r)
	if err != nil {
		return nil, c.done(ctx, cl, err)
	}
	resp, err := c.retry(c.gate, cl, req, nil)
	if err != nil {
		return nil, c.done(ctx, cl, err)
	}
	f, err := c.newFile(cl, r, resp)
	if err != nil {
		resp.Body.Close()
		return nil, c.done(ctx, cl, err)
	}
	return f, nil
}

func (c *Client) fileRequest(ctx context.Context, cl *call, r FileRequest) (*http.Request, error) {
	if r.DocumentID == "" || r.Offset < 0 {
		return nil, cl.fail(ErrInvalid, fmt.Sprintf("document id %q from byte %d", shorten(r.DocumentID, 60), r.Offset))
	}
	for _, v := range []string{r.IfRange, r.IfNoneMatch, r.IfModifiedSince} {
		if strings.ContainsFunc(v, unicode.IsControl) {
			return nil, cl.fail(ErrInvalid, fmt.Sprintf("the condition %q contains a control character", shorten(v, 60)))
		}
	}
	var query url.Values
	if r.Unzipped {
		query = url.Values{"zipped": {"0"}}
	}
	req, err := c.request(ctx, cl, "/documents/"+pathSegment(r.DocumentID)+"/file", query)
	if err != nil {
		return nil, err
	}
	// Go would ask for gzip on its own, and then hide the length.
	req.Header.Set("Accept-Encoding", "identity")
	if r.Offset > 0 {
		req.Header.Set("Range", fmt.Sprintf("bytes=%d-", r.Offset))
		setHeader(req, "If-Range", r.IfRange)
	}
	setHeader(req, "If-None-Match", r.IfNoneMatch)
	setHeader(req, "If-Modified-Since", r.IfModifiedSince)
	return req, nil
}

func setHeader(req *http.Request, name, value string) {
	if value != "" {
		req.Header.Set(name, value)
	}
}

// pathSegment escapes an id to be one segment of a path, whatever it contains.
// A segment of dots would be cleaned away on the way.
func pathSegment(id string) string {
	if id == "." || id == ".." {
		return strings.ReplaceAll(id, ".", "%2E")
	}
	return url.PathEscape(id)
}

// newFile checks the headers of an answer.
func (c *Client) newFile(cl *call, r FileRequest, resp *http.Response) (*File, error) {
	h := resp.Header
	f := &File{
		Body: resp.Body, Size: resp.ContentLength, End: resp.ContentLength,
		ETag: h.Get("ETag"), LastModified: h.Get("Last-Modified"),
		ContentType: h.Get("Content-Type"), RequestID: c.sender.requestID(resp),
		AcceptRanges: strings.EqualFold(h.Get("Accept-Ranges"), "bytes"),
	}
	if f.Size == 0 && h.Get("Content-Length") == "" {
		// Go's reading of 204, and of HTTP/2 without a body: nobody said 0.
		f.Size, f.End = -1, -1
	}
	if resp.StatusCode == http.StatusNotModified {
		if r.IfNoneMatch == "" && r.IfModifiedSince == "" {
			return nil, c.sender.odd(cl, resp, "it says not modified, which was not asked")
		}
		resp.Body.Close()
		f.Body, f.Size, f.End, f.NotModified = http.NoBody, -1, -1, true
		return f, nil
	}
	if enc := h.Get("Content-Encoding"); enc != "" && !strings.EqualFold(enc, "identity") {
		return nil, c.sender.odd(cl, resp, fmt.Sprintf("its encoding is %q, though none was asked for", enc))
	}
	if resp.StatusCode == http.StatusPartialContent {
		return f, c.partial(cl, f, r, resp)
	}
	return f, nil
}

// partial checks an answer of a part against what was asked.
func (c *Client) partial(cl *call, f *File, r FileRequest, resp *http.Response) error {
	header := resp.Header.Get("Content-Range")
	cr, ok := parseContentRange(header)
	switch {
	case r.Offset == 0:
		return c.sender.odd(cl, resp, "a part came, which was not asked for")
	case !ok:
		return c.sender.odd(cl, resp, fmt.Sprintf("its Content-Range is %q", header))
	case cr.First != r.Offset:
		return c.sender.odd(cl, resp, fmt.Sprintf("it starts at byte %d, not at %d as asked", cr.First, r.Offset))
	case resp.ContentLength >= 0 && resp.ContentLength != cr.Last-cr.First+1:
		return c.sender.odd(cl, resp, fmt.Sprintf("its Content-Range %q does not match its length of %d", header, resp.ContentLength))
	}
	f.Offset, f.Size, f.End, f.AcceptRanges = cr.First, cr.Total, cr.Last+1, true
	return nil
}
