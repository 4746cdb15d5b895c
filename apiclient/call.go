package apiclient

import (
	"context"
	"net/http"
	"time"
)

// The operations, as they appear in errors, logs and statistics.
const (
	opToken     = "token"
	opContracts = "contracts"
	opContract  = "contract"
	opDocuments = "documents"
	opFile      = "file"
)

// call is the state of one call while it passes the layers. It belongs to the
// goroutine of the call and travels in the context of its requests.
type call struct {
	op       string
	contract string // id for the header and the log, "" if none
	document string // id for the log, "" if none

	self     *call                 // of a probe, which has a copy: the call that it is for
	attempt  int                   // tries so far, the current one included
	foreign  bool                  // a redirect of the current try left the API's origin
	limited  int                   // how many of them ended in a rate limit answer
	started  time.Time             // when the current try went out; zero if it has not
	failing  time.Time             // when the first try that failed went out
	spent    time.Duration         // by earlier tries and the waits after failures, not by queues
	known    bool                  // the API has answered before
	brisk    bool                  // such calls have been answered fast so far
	hurried  bool                  // a try was ended early for that
	fluent   bool                  // so have the bytes of bodies come
	patient  bool                  // its body is waited for as long as any
	hurrying bool                  // the current try may be ended early
	last     bool                  // it gives up if this try fails
	witness  bool                  // of whether others fail by themselves
	judge    func(Beginning) error // of a document
	denied   int                   // times in a row that its token was rejected, while that says little
	stumbled []int                 // epochs of its circuits when a try first failed; nil: none did
	peers    func() []peer         // what else may be asked for; nil: nothing
	empty    bool                  // the answer to the current try has no bytes
	probing  bool                  // it is of Probe
	gateway  bool                  // a gateway is asked
	answered time.Time             // when the headers of the current try came; zero if not, or not noted
	arrived  int64                 // the how manieth it was at the breaker's door, with this try
	ticket   *ticket               // of the breaker
	turn     turn                  // of the pacer, for the current try
	era      context.Context       // ends when the API is in reach again that was not; nil: never
}

type callKey struct{}

func withCall(ctx context.Context, cl *call) context.Context {
	if cl.self == nil {
		cl.self = cl
	}
	return context.WithValue(ctx, callKey{}, cl)
}

// callOf returns the call that req belongs to.
func callOf(req *http.Request) *call {
	if cl, ok := req.Context().Value(callKey{}).(*call); ok {
		return cl
	}
	return &call{op: req.Method}
}

// fail makes an error of the call that has no answer to report.
func (cl *call) fail(kind error, message string) *Error {
	return &Error{Op: cl.op, kind: kind, Message: message, final: true}
}

// took is how long the current try waited for its answer.
func (cl *call) took(now time.Time) time.Duration {
	if !cl.answered.IsZero() {
		now = cl.answered
	}
	return now.Sub(cl.started)
}
