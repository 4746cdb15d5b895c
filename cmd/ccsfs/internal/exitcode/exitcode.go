// Package exitcode has the exit codes of the tool, and errors that bear one.
package exitcode

import (
	"errors"
	"fmt"
)

// Exit codes of the tool. exec and demo pass on the status of the command
// that they run, 126 and 127 as a shell does.
const (
	Done        = 0
	Failed      = 1
	Usage       = 2
	Settings    = 3 // settings or credentials
	Unreachable = 4 // API out of reach
	Mount       = 5 // mount impossible
	Some        = 6 // some documents failed, or something served was stale or left out
	Missing     = 7 // report --check: something is missing

	NotExecutable = 126
	NotFound      = 127
	Signal        = 128 // plus the number of the signal
)

// Error is an error that decides the exit code. Without a message nothing
// is printed: whoever made it has said all, or a command has.
type Error struct {
	Code int
	err  error
}

// Error implements error.
func (e *Error) Error() string {
	if e.err == nil {
		return fmt.Sprintf("exit status %d", e.Code)
	}
	return e.err.Error()
}

// Unwrap gives the cause to errors.Is.
func (e *Error) Unwrap() error { return e.err }

// Errorf makes an error that ends the program with code.
func Errorf(code int, format string, args ...any) error {
	return With(code, fmt.Errorf(format, args...))
}

// With makes err one that ends the program with code.
func With(code int, err error) error { return &Error{code, err} }

// Silently ends the program with code, without a message; nil for exitDone.
func Silently(code int) error {
	if code == Done {
		return nil
	}
	return &Error{Code: code}
}

// Of returns the exit code for err.
func Of(err error) int {
	var e *Error
	switch {
	case err == nil:
		return Done
	case errors.As(err, &e):
		return e.Code
	default:
		return Failed
	}
}

// Also adds a failure to take something away. The exit code of what
// failed first stays.
func Also(first, then error) error {
	switch {
	case then == nil:
		return first
	case first == nil:
		return then
	case IsSilent(first):
		return With(Of(first), then)
	default:
		return errors.Join(first, then)
	}
}

// IsSilent tells an error that says nothing itself, whatever it may wrap.
func IsSilent(err error) bool {
	e, ok := err.(*Error) //nolint:errorlint // one that another error wraps is not alone
	return ok && e.err == nil
}
