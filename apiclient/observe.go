package apiclient

import (
	"crypto/tls"
	"encoding/json"
	"io"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"time"
)

// Answer is one answer as it came over the wire, for Config.Observe: a redirect, and what
// came of it, are two. It has no secret, no token and no cookie.
type Answer struct {
	Op     string      // "token", "contracts", "contract", "documents" or "file"
	Method string      // GET, HEAD or POST
	Query  url.Values  // as asked
	Asked  http.Header // of the request: Range, its conditions and Accept-Encoding
	Probe  bool        // asked by [Client.Probe]

	Status  int
	Proto   string // such as HTTP/2.0
	TLS     string // such as TLS 1.3, "" without
	Header  http.Header
	Length  int64         // of the body as announced, in bytes, -1 if not
	Gzipped bool          // the transport undid gzip, which it had asked for itself
	Foreign bool          // by another host than the API's, to which that redirected
	Took    time.Duration // from the request to the headers, waiting for a connection included

	Body  []byte // what was read of it, up to [ObservedBytes], of a document up to [HeadLen]
	Whole bool   // it was read to its end, and all of it is in Body
}

// ObservedBytes is how much of a body is kept for Config.Observe, in bytes.
const ObservedBytes = 4 << 20

// observing is the transport of a Client that somebody looks at. Without Config.Observe
// there is none.
type observing struct {
	next http.RoundTripper
	tell func(Answer)
}

// observed puts what looks on around a transport, if somebody wants to.
func observed(next http.RoundTripper, tell func(Answer)) http.RoundTripper {
	if tell == nil {
		return next
	}
	return &observing{next, tell}
}

func (o *observing) RoundTrip(req *http.Request) (*http.Response, error) {
	start := time.Now()
	resp, err := o.next.RoundTrip(req)
	if err != nil {
		return resp, err
	}
	cl := callOf(req)
	a := Answer{
		Op: cl.op, Method: req.Method, Query: req.URL.Query(), Asked: http.Header{}, Probe: cl.probing,
		Status: resp.StatusCode, Proto: resp.Proto, Header: resp.Header.Clone(),
		Length: resp.ContentLength, Gzipped: resp.Uncompressed, Foreign: cl.foreign, Took: time.Since(start),
	}
	if resp.TLS != nil {
		a.TLS = tls.VersionName(resp.TLS.Version)
	}
	for _, name := range []string{"Range", "If-Range", "If-None-Match", "If-Modified-Since", "Accept-Encoding"} {
		setHeaderOf(a.Asked, name, req.Header.Get(name))
	}
	for _, name := range []string{"Set-Cookie", "Location"} { // a cookie is a secret; the query of a URL may be one
		a.Header.Del(name)
	}
	most := ObservedBytes
	if cl.op == opFile && resp.StatusCode < 300 {
		most = HeadLen
	}
	resp.Body = &observedBody{ReadCloser: resp.Body, answer: a, most: most, tell: o.tell}
	return resp, nil
}

func setHeaderOf(h http.Header, name, value string) {
	if value != "" {
		h.Set(name, value)
	}
}

// observedBody keeps the beginning of a body while it is read, and tells at its end.
type observedBody struct {
	io.ReadCloser
	most int
	tell func(Answer)

	mu     sync.Mutex // a body is closed while it is read
	answer Answer
	over   bool // more came than is kept
	once   sync.Once
}

func (b *observedBody) Read(p []byte) (int, error) {
	n, err := b.ReadCloser.Read(p)
	b.mu.Lock()
	kept := min(n, b.most-len(b.answer.Body))
	b.answer.Body = append(b.answer.Body, p[:kept]...)
	b.over = b.over || kept < n
	b.mu.Unlock()
	if err == io.EOF { // a wrapped one is no end
		b.end(true)
	}
	return n, err
}

func (b *observedBody) Close() error {
	err := b.ReadCloser.Close()
	b.end(false)
	return err
}

func (b *observedBody) end(whole bool) {
	b.once.Do(func() {
		b.mu.Lock()
		a := b.answer
		a.Whole = whole && !b.over
		b.mu.Unlock()
		if a.Op == opToken {
			a.Body = withoutToken(a.Body)
		}
		b.tell(a)
	})
}

// withoutToken is the answer of the token endpoint without what must not leave this
// package: of its members those that say how it is meant. Nothing of what is no object.
func withoutToken(body []byte) []byte {
	var members map[string]json.RawMessage
	if json.Unmarshal(trimBOM(body), &members) != nil {
		return nil
	}
	kept := map[string]json.RawMessage{}
	for name, value := range members {
		switch strings.ToLower(name) {
		case "expires_in", "token_type", "error", "error_description", "code", "message", "description", "infourl":
			kept[name] = value
		}
	}
	out, err := json.Marshal(kept)
	if err != nil {
		return nil
	}
	return out
}
