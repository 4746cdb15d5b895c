package apisim

import (
	"slices"
	"sync"
	"time"
)

// Op is a kind of call.
type Op string

// The kinds of calls.
const (
	OpToken     Op = "token"
	OpContracts Op = "contracts"
	OpContract  Op = "contract"
	OpDocuments Op = "documents"
	OpFile      Op = "file"
	OpOrigin    Op = "origin" // a GET at the other origin of Quirks.Redirect
)

// Match says which calls a fault befalls. Empty fields match everything.
type Match struct {
	Op       Op
	Contract string // id in the header
	Type     string // of a listing: documentType, [EmptyType] or [NoType]
	Document string // id, of a file, at the other origin too
	Ranged   bool   // only calls with Range
}

// Fault is what goes wrong. Fields may be combined: first Delay, then Reset
// or Never; else Status, Code or Body stand in for the answer; After says how
// much of whatever answer goes out before Cut, Stall or Truncate.
type Fault struct {
	Delay time.Duration // before everything else
	Reset bool          // the connection is reset without an answer
	Never bool          // no answer until the client leaves or the faults are cleared

	Status      int    // with Code 0 and no Body: an empty body; 0 with a Body: 200
	Code        int    // Orange's code: the body is an Orange error
	RetryAfter  string // the header of that name
	Body        string // instead of the answer: "null", [HTMLPage], half a JSON, …
	ContentType string // of Body; "": text/html if it begins with "<", else application/json
	Pad         int64  // that many spaces follow Body, made as they are sent

	After    int64         // bytes of the body that go out
	Cut      bool          // then the connection is cut, whatever Content-Length said
	Stall    bool          // then nothing more, until the client leaves or the faults are cleared
	Truncate bool          // then the answer ends as if it were complete
	Drip     time.Duration // pause before each chunk of the body
	Chunk    int           // bytes of a chunk of Drip; 0: 1

	Duplicates bool // a listing's first document comes twice

	Part          int64  // of a file: 206 with that many bytes of what Range asks for (of the beginning without one), and no more
	Total         string // of Part, the total in Content-Range: "" is the true one, "*" none, a number a wrong one
	IgnoreRange   bool   // of a file: Range is answered 200, with all of it
	IgnoreIfRange bool   // of a file: Range is answered 206 though If-Range names other content
	Chunked       bool   // of a file, and of Status or Body: no Content-Length; with Status 200 alone an empty chunked body
}

// HTMLPage is what a proxy or a captive portal answers.
const HTMLPage = "<!DOCTYPE html>\n<html><head><title>Access blocked</title></head>\n" +
	"<body><h1>Access blocked</h1><p>Your organisation does not allow this site.</p></body></html>\n"

// Faults are the faults in force. The zero value has none. Its methods may be
// called while the server runs.
type Faults struct {
	mu    sync.Mutex
	rules []*rule
	freed chan struct{} // closed by Clear
}

type rule struct {
	match Match
	left  int // < 0: for ever
	fault Fault
}

// Add lets the next times calls that match meet a fault; with times 0 all of
// them, until Clear or the returned function. A call meets one fault at most:
// the first that was added. An empty Fault does nothing, so it lets calls pass
// that a later one would befall.
func (f *Faults) Add(m Match, times int, x Fault) (remove func()) {
	r := &rule{match: m, left: times, fault: x}
	if times <= 0 {
		r.left = -1
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	f.rules = append(f.rules, r)
	return func() {
		f.mu.Lock()
		defer f.mu.Unlock()
		f.drop(r)
	}
}

// Clear ends all faults. Calls that hang in one lose their connection.
func (f *Faults) Clear() {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.rules = nil
	if f.freed != nil {
		close(f.freed)
		f.freed = nil
	}
}

// Pending is how many faults are still to come or without end.
func (f *Faults) Pending() int {
	f.mu.Lock()
	defer f.mu.Unlock()
	return len(f.rules)
}

// take finds the fault of a call and uses it up. The channel is closed by the
// next Clear.
func (f *Faults) take(c *call) (Fault, <-chan struct{}, bool) {
	f.mu.Lock()
	defer f.mu.Unlock()
	for _, r := range f.rules {
		if !r.match.fits(c) {
			continue
		}
		if r.left > 0 {
			r.left--
		}
		if r.left == 0 {
			f.drop(r)
		}
		if f.freed == nil {
			f.freed = make(chan struct{})
		}
		return r.fault, f.freed, true
	}
	return Fault{}, nil, false
}

// drop forgets a rule. The lock is held.
func (f *Faults) drop(r *rule) {
	f.rules = slices.DeleteFunc(f.rules, func(o *rule) bool { return o == r })
}

func (m Match) fits(c *call) bool {
	return (m.Op == "" || m.Op == c.op) &&
		(m.Contract == "" || m.Contract == c.contractID) &&
		(m.Type == "" || m.Type == c.docType) &&
		(m.Document == "" || m.Document == c.document) &&
		(!m.Ranged || c.r.Header.Get("Range") != "")
}
