package apiclient

import (
	"errors"
	"fmt"
	"time"
)

// Remembered is an error of the API in a form that can be saved, for other
// processes and for later ones. It holds no secret: neither do the errors.
type Remembered struct {
	At    time.Time `json:"at"`
	Retry time.Time `json:"retry,omitzero"` // not asked again before; zero: whenever it is wanted
	Cause string    `json:"cause"`
	Text  string    `json:"text"`

	Op          string `json:"op,omitempty"` // the rest is what the API answered, if that is known
	Status      int    `json:"status,omitempty"`
	Code        int    `json:"code,omitempty"`
	Message     string `json:"message,omitempty"`
	Description string `json:"description,omitempty"`
	RequestID   string `json:"request_id,omitempty"`
	Outage      bool   `json:"outage,omitempty"`
}

// Remember makes err savable. It fails for what is no error of the API, such as a
// caller's leaving. What was remembered already stays as it was first told.
func Remember(err error, at, retry time.Time) (Remembered, bool) {
	cause := Cause(err)
	if cause == nil {
		return Remembered{}, false
	}
	var again *rememberedError
	if errors.As(err, &again) {
		r := again.Remembered
		r.At, r.Retry = at, retry
		return r, true
	}
	r := Remembered{At: at, Retry: retry, Cause: cause.Error(), Text: err.Error()}
	var e *Error
	if errors.As(err, &e) {
		r.Op, r.Status, r.Code = e.Op, e.Status, e.Code
		r.Message, r.Description, r.RequestID = e.Message, e.Description, e.RequestID
		r.Outage = e.outage
	}
	return r, true
}

// Err is the error again: it Is what it was, and tells when that was. It is nil
// for what Remember did not make.
func (r Remembered) Err() error {
	for _, cause := range causes() {
		if cause.Error() == r.Cause && !r.At.IsZero() {
			return &rememberedError{r, cause}
		}
	}
	return nil
}

type rememberedError struct {
	Remembered
	cause error
}

func (e *rememberedError) Error() string {
	text := fmt.Sprintf("%s (at %s", e.Text, e.At.Local().Format(time.DateTime))
	if !e.Retry.IsZero() {
		text += ", not asked again before " + e.Retry.Local().Format(time.TimeOnly)
	}
	return text + ")"
}

// Unwrap gives the sentinel to errors.Is, and the API's answer to errors.As.
func (e *rememberedError) Unwrap() []error {
	if e.Op == "" {
		return []error{e.cause}
	}
	return []error{e.cause, &Error{
		Op: e.Op, Status: e.Status, Code: e.Code, Message: e.Message, Description: e.Description, RequestID: e.RequestID, outage: e.Outage,
	}}
}

// Cause returns the sentinel that an error is, nil if none. Of ErrCredentials and
// ErrUnauthorized, which it is as well, it is the former.
func Cause(err error) error {
	for _, cause := range causes() {
		if errors.Is(err, cause) {
			return cause
		}
	}
	return nil
}

// causes are the sentinels, a special one before its general one.
func causes() []error {
	return []error{
		ErrCredentials, ErrUnauthorized, ErrForbidden, ErrNotFound, ErrRateLimited,
		ErrInvalid, ErrServer, ErrProtocol, ErrTimeout, ErrUnreachable,
	}
}
