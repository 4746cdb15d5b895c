package apiclient

import (
	"errors"
	"fmt"
	"net/http"
	"strings"
	"time"
)

// What an error is about, for errors.Is. The codes are those of the API's
// error bodies. A call that its caller cancelled is none of these: it is
// context.Canceled.
var (
	ErrNotFound     = errors.New("not found")                                 // 404, code 60; 410
	ErrUnauthorized = errors.New("not authorised")                            // 401, also with a renewed token
	ErrCredentials  = fmt.Errorf("credentials refused (%w)", ErrUnauthorized) // by the token endpoint
	ErrForbidden    = errors.New("access denied")                             // 403, code 50 to 52 or none
	ErrRateLimited  = errors.New("too many requests")                         // 403 with code 53, 429, after the waits
	ErrInvalid      = errors.New("request not accepted")                      // 400 and other 4xx; an argument that cannot be sent
	ErrTimeout      = errors.New("timed out")                                 // no answer, or a stalled body; the caller's deadline
	ErrUnreachable  = errors.New("API out of reach")                          // refused, DNS, reset, TLS, body cut, circuit breaker open
	ErrServer       = errors.New("server error")                              // 5xx and 408, after the tries
	ErrProtocol     = errors.New("the answer is not what the API promises")   // HTML, bad JSON, too large, redirect refused
)

// Error is the error of every call of a Client. Its texts come without control
// characters, secrets and tokens, and are limited in length.
type Error struct {
	Op          string // "token", "contracts", "contract", "documents" or "file"
	Status      int    // HTTP status, 0 if there was no answer
	Code        int    // code of the API's error body, 0 if none
	Message     string // what the API said, or what was wrong with its answer
	Description string // of the API's error body
	RequestID   string // X-OAPI-Request-Id, which the API's support asks for

	kind  error  // one of the sentinels, nil if the caller cancelled
	cause error  // may be nil
	hint  string // what to do, may be ""

	retryAfter time.Duration // as the server asked, 0 if it did not
	final      bool          // trying again would not help
	cut        bool          // the answer ended too early, but in good order
	rejected   bool          // not sent: the breaker is open, or the answer was known
	again      bool          // not sent: the breaker opened meanwhile; to be asked for once more
	away       bool          // not sent: the pool that gives turns is away
	outage     bool          // the API was out of reach for others too, while this was tried
	general    bool          // of the API's own, but met by what was had before, too
	lost       bool          // sent before an outage, and not answered when it was over
	dial       bool          // no connection came about
	stranger   bool          // the API had not been reached by then since this process started
	foreign    bool          // at another host, to which the API redirected
	page       bool          // with a good status, in the place of what was asked for
	fickle     bool          // 401, while tokens that meet it are accepted again and again
	once       bool          // tried again in an outage only; see ErrAskAgain
	settled    bool          // a gateway asked as often as is worthwhile: it is about this alone
}

// Outage reports whether err was met by others, too, while the API, or what was asked
// of it, was out of reach: it is waited for when the same is asked for again, until
// Config.Patience is over.
func Outage(err error) bool {
	var e *Error
	return errors.As(err, &e) && e.outage
}

// Error says what was asked, what came back, and where known what to do.
func (e *Error) Error() string {
	var b strings.Builder
	b.WriteString(e.Op)
	b.WriteString(": ")
	b.WriteString(e.what())
	if e.Message != "" {
		b.WriteString(": " + e.Message)
	}
	if e.Description != "" && e.Description != e.Message {
		b.WriteString(" (" + e.Description + ")")
	}
	if e.RequestID != "" {
		b.WriteString(" [request id " + e.RequestID + "]")
	}
	if e.hint != "" {
		b.WriteString("; " + e.hint)
	}
	return b.String()
}

func (e *Error) what() string {
	s := "cancelled"
	if e.kind != nil {
		s = e.kind.Error()
	}
	if e.Status != 0 {
		s += fmt.Sprintf(", HTTP %d", e.Status)
	}
	if e.Code != 0 {
		s += fmt.Sprintf(", code %d", e.Code)
	}
	return s
}

// Unwrap gives the sentinel and the cause to errors.Is and errors.As.
func (e *Error) Unwrap() []error {
	var errs []error
	if e.kind != nil {
		errs = append(errs, e.kind)
	}
	if e.cause != nil {
		errs = append(errs, e.cause)
	}
	return errs
}

// is reports the kind of e alone, not that of its cause.
func (e *Error) is(kind error) bool { return errors.Is(e.kind, kind) }

// aboutThis reports an error of the API's own that may be about the very thing
// asked for: it is not tried again for as long as others fail, too, unless a witness
// does. A token is nothing in particular.
func (e *Error) aboutThis() bool {
	return e.page || e.is(ErrServer) && e.Code != 0 && !e.unavailable() && !e.settled && e.Op != opToken
}

// unavailable reports that the API says of itself that it cannot answer now.
func (e *Error) unavailable() bool {
	return e.is(ErrServer) && e.Code != 0 && e.Status == http.StatusServiceUnavailable && !e.foreign && !e.settled
}

// Refused reports whether the API said no to this account: access withdrawn,
// not a failure that may pass.
func Refused(err error) bool {
	return errors.Is(err, ErrUnauthorized) || errors.Is(err, ErrForbidden)
}

// Personal reports whether err says more about this process than about the API:
// nothing was asked, since the API was known to be out of reach, or the API has
// not been reached since this process started, and so was hardly waited for, or there
// was no token to be had. Others may find otherwise, or have more patience, or a token,
// and must not go by it.
func Personal(err error) bool {
	var e *Error
	if !errors.As(err, &e) {
		return false
	}
	return (e.rejected || e.stranger) && (e.is(ErrUnreachable) || e.is(ErrTimeout) || e.is(ErrServer)) || e.Op == opToken && e.is(ErrProtocol)
}

// Settled reports whether err is what came of asking the API as often as is worthwhile, while
// other things could be had of it, or of its refusal of this application: whoever asks for
// others may tell them so, and need not be asked again by each of them at once.
func Settled(err error) bool {
	var e *Error
	if !errors.As(err, &e) || e.outage || e.rejected || e.stranger || e.lost {
		return false
	}
	return Temporary(err) || errors.Is(err, ErrUnauthorized)
}

// Temporary reports whether err says nothing about the thing asked for, only
// that it cannot be had now: what was known before still holds.
func Temporary(err error) bool {
	for _, kind := range []error{ErrTimeout, ErrUnreachable, ErrServer, ErrRateLimited, ErrProtocol} {
		if errors.Is(err, kind) {
			return true
		}
	}
	return false
}
