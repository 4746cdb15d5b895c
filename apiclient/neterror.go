package apiclient

import (
	"cmp"
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"net"
	"net/url"
	"time"
)

// Why a request was cancelled, when it was not the caller.
var (
	errBodyShut = errors.New("the body was closed")
	errLost     = errors.New("no answer to a request sent before the API was out of reach")
)

// silenceError ends a request that was not answered for too long.
type silenceError struct{ after time.Duration }

func (e *silenceError) Error() string { return "no answer in time" }

// stallError ends a request of whose body hardly a byte came for too long.
type stallError struct{ after time.Duration }

func (e *stallError) Error() string { return "the body stalled" }

// errCallerLeft marks the end of the caller's patience. It is not about the API.
var errCallerLeft = errors.New("the caller left")

// left is the error of a call whose caller cancelled it, or set a deadline that
// has passed.
func (cl *call) left(ctx context.Context) *Error {
	e := cl.fail(nil, "")
	e.cause = errors.Join(errCallerLeft, ctx.Err())
	if errors.Is(ctx.Err(), context.DeadlineExceeded) {
		e.kind, e.Message = ErrTimeout, "the caller's deadline passed"
	}
	return e
}

// broken classifies the failure of a request that got no answer, or of a body
// on its way. The context is the request's own, parent the caller's.
func (s *sender) broken(cl *call, parent, ctx context.Context, err error) *Error {
	if parent.Err() != nil {
		return cl.left(parent)
	}
	var own *Error
	if errors.As(err, &own) || turnedBack(context.Cause(ctx)) && errors.As(context.Cause(ctx), &own) {
		return own
	}
	e := &Error{Op: cl.op, kind: ErrUnreachable, cause: plain(err), foreign: cl.foreign, dial: isDial(err)}
	if errors.Is(err, io.EOF) { // nobody may take this for the end of a body
		e.cause = io.ErrUnexpectedEOF
	}
	var redirect *redirectError
	var silence *silenceError
	var stall *stallError
	var dns *net.DNSError
	var netErr net.Error
	switch cause := context.Cause(ctx); {
	case errors.As(cause, &silence):
		e.kind, e.cause, e.Message = ErrTimeout, cause, fmt.Sprintf("no answer within %v", silence.after)
		e.hint = "a VPN or a proxy often blocks the calls"
	case errors.As(cause, &stall):
		e.kind, e.cause, e.Message = ErrTimeout, cause, fmt.Sprintf("hardly a byte came for %v", stall.after)
	case errors.Is(cause, errLost):
		e.cause, e.lost = cause, true
	case errors.As(err, &redirect):
		e.kind, e.cause, e.final = ErrProtocol, redirect, true
	case isTLS(err):
		e.dial = true
		e.final = !cl.known // else a gateway in disorder, which passes
		e.hint = "a proxy that inspects TLS often does this: its certificate authority must be known here"
	case errors.As(err, &dns): // also one that timed out: the name server is away, not the API
	case errors.As(err, &netErr) && netErr.Timeout():
		e.kind = ErrTimeout
		e.hint = "a VPN or a proxy often blocks the calls"
	}
	e.Message = cmp.Or(e.Message, s.clean.cleanURL(e.cause.Error()))
	return e
}

// plain takes the URL off an error of net/http.
func plain(err error) error {
	var u *url.Error
	for errors.As(err, &u) {
		err = u.Err
	}
	return err
}

// isDial reports that there was no connection: the request did not go out.
func isDial(err error) bool {
	var op *net.OpError
	var dns *net.DNSError
	return errors.As(err, &dns) || errors.As(err, &op) && op.Op == "dial"
}

// isTLS reports failures of TLS itself, which trying again does not mend.
func isTLS(err error) bool {
	var (
		verify    *tls.CertificateVerificationError
		record    tls.RecordHeaderError
		authority x509.UnknownAuthorityError
		alert     tls.AlertError
	)
	return errors.As(err, &verify) || errors.As(err, &record) || errors.As(err, &authority) || errors.As(err, &alert)
}
