package apisim

import (
	"maps"
	"net/http"
	"slices"
	"sync"
	"time"
)

// logged is how many requests are remembered for Requests.
const logged = 4096

// Calls says what has reached the server. A HEAD counts as Head alone.
type Calls struct {
	Token, Contracts, Contract, Documents, File, Head int
	Other                                             int // unknown paths
	Away                                              int // met an outage; counted above too
	Limited                                           int // refused by the rate limits; counted above too
	Origin                                            int // at the other origin of Quirks.Redirect; not counted above

	MaxInFlight  int // most requests at once, the other origin's included
	MaxPerSecond int // most in any second; tokens and the other origin are not counted

	Files    map[string]int            // by document id
	Listings map[string]map[string]int // by contract id, then type, [EmptyType] or [NoType]
}

// Request is one request as it came in. The values of Authorization and
// X-API-Key are replaced by "(set)".
type Request struct {
	At     time.Time // when it came, by the system's clock
	Op     Op        // "" for unknown paths
	Method string
	URL    string // path, as escaped, and query
	Header http.Header

	Contract, Type, Document string // as in [Match]
	Away                     bool   // it met an outage
}

// recorder counts and remembers.
type recorder struct {
	mu       sync.Mutex
	calls    Calls
	inFlight int
	requests []Request // a ring once full
	next     int
	second   []time.Time // when the calls of the last second came
}

// begin counts a request; the function it returns ends it.
func (c *recorder) begin(k *call) func() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.inFlight++
	c.calls.MaxInFlight = max(c.calls.MaxInFlight, c.inFlight)
	now := time.Now()
	c.remember(k, now)
	if k.op != OpToken && k.op != OpOrigin {
		c.pace(now)
	}
	if k.away != nil {
		c.calls.Away++
	}
	switch {
	case k.op == OpOrigin:
		c.calls.Origin++
	case k.r.Method == http.MethodHead:
		c.calls.Head++
	default:
		c.count(k)
	}
	return func() {
		c.mu.Lock()
		defer c.mu.Unlock()
		c.inFlight--
	}
}

func (c *recorder) count(k *call) {
	switch k.op {
	case OpToken:
		c.calls.Token++
	case OpContracts:
		c.calls.Contracts++
	case OpContract:
		c.calls.Contract++
	case OpDocuments:
		c.calls.Documents++
		if c.calls.Listings == nil {
			c.calls.Listings = make(map[string]map[string]int)
		}
		if c.calls.Listings[k.contractID] == nil {
			c.calls.Listings[k.contractID] = make(map[string]int)
		}
		c.calls.Listings[k.contractID][k.docType]++
	case OpFile:
		c.calls.File++
		if c.calls.Files == nil {
			c.calls.Files = make(map[string]int)
		}
		c.calls.Files[k.document]++
	default:
		c.calls.Other++
	}
}

// pace counts the calls of the second that ends now. The lock is held.
func (c *recorder) pace(now time.Time) {
	c.second = slices.DeleteFunc(append(c.second, now), func(t time.Time) bool { return now.Sub(t) >= time.Second })
	c.calls.MaxPerSecond = max(c.calls.MaxPerSecond, len(c.second))
}

func (c *recorder) remember(k *call, now time.Time) {
	h := k.r.Header.Clone()
	for _, secret := range []string{"Authorization", apiKeyHeader} {
		if h.Values(secret) != nil {
			h.Set(secret, "(set)")
		}
	}
	req := Request{
		At: now, Op: k.op, Method: k.r.Method, URL: k.r.URL.RequestURI(), Header: h,
		Contract: k.contractID, Type: k.docType, Document: k.document, Away: k.away != nil,
	}
	if len(c.requests) < logged {
		c.requests = append(c.requests, req)
		return
	}
	c.requests[c.next] = req
	c.next = (c.next + 1) % logged
}

func (c *recorder) refused() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.calls.Limited++
}

// Calls is a snapshot of the counts since the start or ResetCalls.
func (s *Server) Calls() Calls {
	s.calls.mu.Lock()
	defer s.calls.mu.Unlock()
	calls := s.calls.calls
	calls.Files = make(map[string]int, len(calls.Files))
	maps.Copy(calls.Files, s.calls.calls.Files)
	calls.Listings = make(map[string]map[string]int, len(calls.Listings))
	for contract, types := range s.calls.calls.Listings {
		calls.Listings[contract] = maps.Clone(types)
	}
	return calls
}

// ResetCalls starts counting anew and forgets the requests.
func (s *Server) ResetCalls() {
	s.calls.mu.Lock()
	defer s.calls.mu.Unlock()
	s.calls.calls = Calls{MaxInFlight: s.calls.inFlight}
	s.calls.requests, s.calls.next, s.calls.second = nil, 0, nil
}

// Requests gives the last 4096 requests, oldest first.
func (s *Server) Requests() []Request {
	s.calls.mu.Lock()
	defer s.calls.mu.Unlock()
	return slices.Concat(s.calls.requests[s.calls.next:], s.calls.requests[:s.calls.next])
}
