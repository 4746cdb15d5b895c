package main

import (
	"errors"
	"fmt"
)

// Exit codes of the tool. exec and demo pass on the status of the command
// that they run, 126 and 127 as a shell does.
const (
	exitDone        = 0
	exitFailed      = 1
	exitUsage       = 2
	exitSettings    = 3 // settings or credentials
	exitUnreachable = 4 // API out of reach
	exitMount       = 5 // mount impossible
	exitSome        = 6 // some documents failed, or something served was stale or left out
	exitMissing     = 7 // report --check: something is missing

	exitNotExecutable = 126
	exitNotFound      = 127
	exitSignal        = 128 // plus the number of the signal
)

// exitError is an error that decides the exit code. Without a message nothing
// is printed: whoever made it has said all, or a command has.
type exitError struct {
	code int
	err  error
}

// Error implements error.
func (e *exitError) Error() string {
	if e.err == nil {
		return fmt.Sprintf("exit status %d", e.code)
	}
	return e.err.Error()
}

// Unwrap gives the cause to errors.Is.
func (e *exitError) Unwrap() error { return e.err }

// fail makes an error that ends the program with code.
func fail(code int, format string, args ...any) error {
	return &exitError{code, fmt.Errorf(format, args...)}
}

// silently ends the program with code, without a message; nil for exitDone.
func silently(code int) error {
	if code == exitDone {
		return nil
	}
	return &exitError{code: code}
}

// codeOf returns the exit code for err.
func codeOf(err error) int {
	var e *exitError
	switch {
	case err == nil:
		return exitDone
	case errors.As(err, &e):
		return e.code
	default:
		return exitFailed
	}
}
