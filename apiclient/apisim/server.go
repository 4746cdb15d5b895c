package apisim

import (
	"bytes"
	"context"
	"io"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"time"
)

// Where the calls lie under the server's root, as under https://api.orange.com.
const (
	APIPath   = "/cloud/b2b/v1"
	OAuthPath = "/oauth/v3"
)

// Server is the simulated API. Its zero value serves [DefaultAccount] with
// the behaviour that the real API most likely has. Fields are set before the
// first request; methods are safe at any time and from any goroutine.
type Server struct {
	Account *Account         // nil: DefaultAccount()
	Quirks  Quirks           // the unknowns of the API
	Faults  Faults           // what goes wrong; may be changed while running
	Latency time.Duration    // before each answer's first byte
	Now     func() time.Time // clock of tokens and limits; nil: time.Now

	once     sync.Once
	store    store
	auth     auth
	calls    recorder
	origin   origin
	outages  outages
	listener *Listener // of Listen; may be nil
	rate     window    // of API calls
	tokens   window    // of token calls
}

// start completes the zero value.
func (s *Server) start() {
	if s.Now == nil {
		s.Now = time.Now
	}
	account := s.Account
	if account == nil {
		account = DefaultAccount()
	}
	s.store.fill(account)
	for _, t := range s.Quirks.RefusedTypes {
		s.store.forbidType(t, true)
	}
	s.auth.reset()
}

// call is one request on its way.
type call struct {
	w http.ResponseWriter
	r *http.Request

	op         Op     // "" for unknown paths
	contractID string // of the header
	document   string // id, of OpFile and OpOrigin
	docType    string // of OpDocuments; EmptyType, NoType
	query      url.Values
	away       *outage // that it meets; else nil
	fault      Fault   // that it meets
}

// ServeHTTP answers one call.
func (s *Server) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	s.once.Do(s.start)
	s.besides(w.Header())
	c := newCall(w, r)
	c.away = s.outages.of(c)
	defer s.calls.begin(c)()
	drain(r)
	if c.away != nil {
		c.away.answer(r.Context(), w)
		return
	}
	if !sleep(r.Context(), s.Latency) {
		panic(http.ErrAbortHandler)
	}
	if s.faulty(c) {
		return
	}
	if err := s.serve(c); err != nil {
		s.refuse(c, err)
	}
}

// besides is what each answer says, whatever it is about.
func (s *Server) besides(h http.Header) {
	if !s.Quirks.NoRequestID {
		h.Set(requestIDHeader, requestID())
	}
	for _, name := range s.Quirks.RateHeaders {
		h.Set(name, "25")
	}
}

// refuse sends an error in the shape of the quirk.
func (s *Server) refuse(c *call, err *apiError) {
	if err.code == codeTooMany && s.Quirks.RetryAfter {
		c.w.Header().Set("Retry-After", "1")
	}
	var o object
	switch s.Quirks.ErrorShape {
	case "nested":
		o.raw("error", err.body())
		writeBody(c.w, err.status, "application/json", o.end())
	case "text":
		writeBody(c.w, err.status, "text/plain; charset=utf-8", messageOf(err.code))
	case "none":
		writeBody(c.w, err.status, "application/json", "")
	default:
		err.write(c.w)
	}
}

// newCall finds out what is asked for. The path is taken as it was escaped,
// for a document id may hold a slash.
func newCall(w http.ResponseWriter, r *http.Request) *call {
	c := &call{w: w, r: r, contractID: r.Header.Get(contractIDHeader), query: r.URL.Query()}
	path := r.URL.EscapedPath()
	if path == OAuthPath+"/token" {
		c.op = OpToken
		return c
	}
	rest, ok := strings.CutPrefix(path, APIPath+"/")
	if !ok {
		return c
	}
	switch rest {
	case "contracts":
		c.op = OpContracts
	case "contract":
		c.op = OpContract
	case "documents":
		c.op = OpDocuments
		c.docType = typeLabel(c.query)
	default:
		c.documentPath(rest)
	}
	return c
}

// documentPath takes documents/{id}/file apart.
func (c *call) documentPath(rest string) {
	rest, ok1 := strings.CutPrefix(rest, "documents/")
	segment, ok2 := strings.CutSuffix(rest, "/file")
	if !ok1 || !ok2 || strings.Contains(segment, "/") {
		return
	}
	id, err := url.PathUnescape(segment)
	if err != nil {
		return
	}
	c.op, c.document = OpFile, id
}

// serve checks the call as the platform's gateway does and answers it.
func (s *Server) serve(c *call) *apiError {
	switch c.op {
	case "":
		return fail(http.StatusNotFound, codeNotFound, "There is no such resource: "+c.r.URL.EscapedPath())
	case OpToken:
		return s.serveToken(c)
	}
	if c.r.Method != http.MethodGet && !(c.r.Method == http.MethodHead && c.op == OpFile && s.Quirks.Head) {
		c.w.Header().Set("Allow", http.MethodGet)
		return fail(http.StatusMethodNotAllowed, codeMethod, c.r.Method+" is not allowed here")
	}
	if err := s.limited(&s.rate, s.Quirks.RateLimit, s.rateWindow()); err != nil {
		return err
	}
	if err := s.authorize(c.r); err != nil {
		return err
	}
	if !acceptsJSON(c.r) {
		return fail(http.StatusNotAcceptable, codeNotAccepted, "Accept must be application/json")
	}
	if c.op == OpContracts {
		// One that is forbidden is listed all the same: whoever sees the list
		// may lack the right to look inside.
		s.sendJSON(c, s.contractList(s.store.list()))
		return nil
	}
	return s.serveContractCall(c)
}

// serveContractCall answers the calls that are about one contract.
func (s *Server) serveContractCall(c *call) *apiError {
	if c.contractID == "" {
		return fail(http.StatusBadRequest, codeMissingHead, "The header "+contractIDHeader+" is missing")
	}
	contract, state := s.store.contract(c.contractID)
	switch {
	case state == contractUnknown && s.Quirks.UnknownNotFound:
		return fail(http.StatusNotFound, codeNotFound, "There is no such contract")
	case state != contractOpen:
		return fail(http.StatusForbidden, codeDenied, "The contract is not one of yours")
	}
	switch c.op {
	case OpContract:
		s.sendJSON(c, s.contractDetail(contract))
		return nil
	case OpDocuments:
		return s.serveDocuments(c)
	default:
		return s.serveFile(c)
	}
}

// drain reads the request's body, at most 64 KiB, so that net/http watches
// the connection and ends the request's context when the client leaves.
func drain(r *http.Request) {
	if r.Body == nil {
		return
	}
	b, _ := io.ReadAll(io.LimitReader(r.Body, 64<<10))
	r.Body = io.NopCloser(bytes.NewReader(b))
}

// sleep waits, and reports false if the client left first.
func sleep(ctx context.Context, d time.Duration) bool {
	if d <= 0 {
		return true
	}
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return true
	case <-ctx.Done():
		return false
	}
}
