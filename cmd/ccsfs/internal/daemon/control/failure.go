package control

import (
	"context"
	"errors"
	"fmt"

	"ccsfs/apiclient"
	"ccsfs/cmd/ccsfs/internal/completeness"
	"ccsfs/internal/folder"
)

// Failure is an error that came over the socket. It Is the sentinel of package
// apiclient that the original was.
type Failure struct {
	Kind string `json:"kind,omitempty"`
	Text string `json:"error"`
}

var _ error = (*Failure)(nil)

// kinds are the names of the sentinels, the narrower before the wider.
func kinds() []struct {
	name string
	err  error
} {
	return []struct {
		name string
		err  error
	}{
		{"left_out", ErrLeftOut},
		{"credentials", apiclient.ErrCredentials},
		{"unauthorized", apiclient.ErrUnauthorized},
		{"forbidden", apiclient.ErrForbidden},
		{"hidden", folder.ErrHidden},
		{"not_found", apiclient.ErrNotFound},
		{"rate_limited", apiclient.ErrRateLimited},
		{"invalid", apiclient.ErrInvalid},
		{"timeout", apiclient.ErrTimeout},
		{"unreachable", apiclient.ErrUnreachable},
		{"server", apiclient.ErrServer},
		{"protocol", apiclient.ErrProtocol},
		{"canceled", context.Canceled},
	}
}

// ErrLeftOut says that types which were asked for by name are refused.
var ErrLeftOut = errors.New("types that were asked for are refused")

// leftOut makes of err that types were refused which were asked for by name, if
// that is what it is.
func (m *Mount) leftOut(contract string, types []string, err error) error {
	var e *apiclient.Error
	switch {
	case !m.Named:
		return err
	case len(types) > 0:
		return fmt.Errorf("%w: %s: %s", ErrLeftOut, contract, completeness.Refusal(types))
	case errors.Is(err, apiclient.ErrForbidden) && errors.As(err, &e) && e.Op == "documents":
		return fmt.Errorf("%w: %w", ErrLeftOut, err)
	}
	return err
}

func failureOf(err error) *Failure {
	for _, k := range kinds() {
		if errors.Is(err, k.err) {
			return &Failure{k.name, err.Error()}
		}
	}
	return &Failure{Text: err.Error()}
}

// Error implements error.
func (f *Failure) Error() string { return f.Text }

// Unwrap gives the sentinel to errors.Is.
func (f *Failure) Unwrap() error {
	for _, k := range kinds() {
		if k.name == f.Kind {
			return k.err
		}
	}
	return nil
}

// ErrNotRunning says that no process answers for a mountpoint.
var ErrNotRunning = errors.New("no ccsfs answers for this mountpoint")

func notRunning(mountpoint string, why error) error {
	return fmt.Errorf("%w: %s: %w", ErrNotRunning, mountpoint, why)
}
