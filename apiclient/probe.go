package apiclient

import (
	"context"
	"errors"
	"io"
	"net/http"
	"net/url"
)

// Probe is a request whose answer is looked at for how it is, not for what is in it.
type Probe struct {
	ContractID string
	Path       string // such as /documents
	DocumentID string // not "": the file of that document, and no Path
	Method     string // GET or HEAD
	Query      url.Values
	Header     http.Header // such as Range; what a Client sends with each request comes by itself
	Most       int64       // bytes of the body to read; the rest is dropped
}

// Probe sends a request once, at the rate, with the token there is: nothing is tried
// again, not even with another token (only net/http sends anew what was lost with a
// connection that had been idle), and no circuit hears of what comes. That is told by
// Config.Observe. It returns the status, 0 if there was no answer; what is none of
// 200, 206 and 304 is an [Error], too.
func (c *Client) Probe(ctx context.Context, p Probe) (int, error) {
	cl := &call{op: opDocuments, contract: p.ContractID, document: p.DocumentID, attempt: 1, probing: true}
	path := p.Path
	switch {
	case p.DocumentID != "":
		cl.op, path = opFile, "/documents/"+pathSegment(p.DocumentID)+"/file"
	case path == "/contract":
		cl.op = opContract
	}
	req, err := c.request(ctx, cl, path, p.Query)
	if err != nil {
		return 0, err
	}
	req.Method = p.Method
	if cl.op == opFile {
		req.Header.Set("Accept-Encoding", "identity")
	}
	for name, values := range p.Header {
		req.Header[name] = values
	}
	tok, err := c.tokens.get(ctx, cl)
	if err != nil {
		return 0, err
	}
	signer := auth{tokens: c.tokens, wallet: c.tokens.wallet, askers: c.asksFor}
	resp, err := c.wire.RoundTrip(signer.sign(req, tok))
	if err != nil {
		return statusOf(err), err
	}
	defer resp.Body.Close()
	if req.Method != http.MethodHead {
		if _, err := io.CopyN(io.Discard, resp.Body, p.Most); err != nil && err != io.EOF { //nolint:errorlint // a wrapped one is no end
			return resp.StatusCode, err
		}
	}
	return resp.StatusCode, nil
}

// statusOf is that of an error's answer, 0 if there was none.
func statusOf(err error) int {
	var e *Error
	if errors.As(err, &e) {
		return e.Status
	}
	return 0
}
