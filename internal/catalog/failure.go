package catalog

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"ccsfs/apiclient"
)

// How long a failure is believed before the API is asked again. Refusals wait
// longest: the API's platform revokes access of applications that insist.
const (
	retryFirst    = 5 * time.Second // an old answer is there to be served
	retryMost     = 2 * time.Minute
	deniedFirst   = 30 * time.Second
	deniedMost    = 10 * time.Minute
	retryNothing  = time.Second      // nothing to serve: only a burst is held off
	retryNonsense = 10 * time.Second // the same, where asking again is unlikely to help
)

// failure is what went wrong the last times, the zero value nothing.
type failure struct {
	err   error
	at    time.Time // the last time
	since time.Time
	retry time.Time     // not asked again before
	delay time.Duration // until retry
	epoch uint64        // of the lockout, at the time
}

// denied reports whether access was refused, or the thing is gone: what was
// known before must not be served any more.
func (f *failure) denied() bool { return f.err != nil && denial(f.err) }

func denial(err error) bool {
	return apiclient.Refused(err) || errors.Is(err, apiclient.ErrNotFound)
}

// withdrawn reports a denial that is about the thing asked for. A 401 is about
// the credentials: with the right ones what is saved may be shown again.
func withdrawn(err error) bool { return denial(err) && !errors.Is(err, apiclient.ErrUnauthorized) }

// due reports whether it is time to ask again. A clock set back must not put
// that off.
func (f *failure) due(now time.Time) bool {
	return f.err == nil || !now.Before(f.retry) || f.retry.Sub(now) > f.delay
}

// next returns the failure after another one. nothing: there is no old value.
func (f *failure) next(err error, now time.Time, nothing bool) failure {
	n := failure{err: err, at: now, since: f.since, delay: f.delay}
	if f.err == nil || denial(err) != f.denied() {
		n.since, n.delay = now, 0
	}
	switch {
	case denial(err):
		n.delay = min(max(2*n.delay, deniedFirst), deniedMost)
	case nothing && apiclient.Temporary(err):
		n.delay = retryNothing
	case nothing:
		n.delay = retryNonsense
	default:
		n.delay = min(max(2*n.delay, retryFirst), retryMost)
	}
	n.retry = now.Add(n.delay)
	return n
}

// errOffline is what nothing saved means when the network must not be asked.
func errOffline(what string) error {
	return fmt.Errorf("%s: not seen before, and working offline: %w", what, apiclient.ErrUnreachable)
}

// errOfflineAge is why an old answer is stale that will not be renewed.
func errOfflineAge(what string) error {
	return fmt.Errorf("%s: working offline, the old one is shown: %w", what, apiclient.ErrUnreachable)
}

// errAge is why an answer that has not been renewed yet is stale.
func errAge(what string) error {
	return fmt.Errorf("%s: being refreshed, the old one is shown meanwhile: %w", what, apiclient.ErrTimeout)
}

// waitError is what a waiter gets whose context ended.
func waitError(ctx context.Context, what string) error {
	if errors.Is(ctx.Err(), context.DeadlineExceeded) {
		return fmt.Errorf("%s: %w: %w", what, apiclient.ErrTimeout, ctx.Err())
	}
	return fmt.Errorf("%s: %w", what, ctx.Err())
}

// errorAttr is an error for the log, with the request id that support asks for.
func errorAttr(err error) slog.Attr {
	var e *apiclient.Error
	if errors.As(err, &e) && e.RequestID != "" {
		return slog.Group("", slog.Any("error", err), slog.String("request_id", e.RequestID))
	}
	return slog.Any("error", err)
}
