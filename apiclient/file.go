package apiclient

import (
	"context"
	"io"
)

// FileRequest asks for the bytes of a document.
type FileRequest struct {
	ContractID string
	DocumentID string

	Offset  int64  // first byte wanted; a server may ignore it, see File.Offset
	IfRange string // with Offset: ETag or Last-Modified the bytes must still have, else the whole comes

	IfNoneMatch     string // ETag; unchanged gives File.NotModified
	IfModifiedSince string // Last-Modified; unchanged gives File.NotModified
}

// File is a document on its way. Close the Body in any case.
type File struct {
	// Body is the document from Offset on. It is never silently short: a cut
	// body ends in ErrUnreachable (with io.ErrUnexpectedEOF), a stalled one in
	// ErrTimeout. Cancelling the context of the call ends it too. Close drops
	// what was not read, at once.
	Body io.ReadCloser

	Size         int64 // of the whole document in bytes, -1 if not announced
	Offset       int64 // of the first byte of Body: 0 if the server ignored the request's
	NotModified  bool  // the document is as it was; no body
	AcceptRanges bool  // the server says it can resume
	ETag         string
	LastModified string
	ContentType  string
	RequestID    string
}

// File asks for a document. An Offset beyond its end is ErrInvalid (416).
func (c *Client) File(ctx context.Context, r FileRequest) (*File, error) {
	return c.file(ctx, r)
}
