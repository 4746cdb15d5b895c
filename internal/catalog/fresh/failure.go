package fresh

import (
	"context"
	"errors"
	"fmt"
	"time"

	"ccsfs/apiclient"
)

// What went wrong, and for how long that is believed.

// How long a failure is believed before the API is asked again. Refusals wait
// longest: the API's platform revokes access of applications that insist.
const (
	RetryFirst    = 5 * time.Second // an old answer is there to be served
	RetryMost     = 2 * time.Minute
	deniedFirst   = 30 * time.Second
	DeniedMost    = 10 * time.Minute
	RetryNothing  = time.Second      // nothing to serve: only a burst is held off
	retryNonsense = 10 * time.Second // the same, where asking again is unlikely to help
)

// Failure is what went wrong the last times, the zero value nothing.
type Failure struct {
	Err   error
	at    time.Time // the last time
	Since time.Time
	Retry time.Time     // not asked again before
	delay time.Duration // until retry
	epoch uint64        // of the lockout, at the time
}

// Denied reports whether access was refused, or the thing is gone: what was
// known before must not be served any more.
func (f *Failure) Denied() bool { return f.Err != nil && Denied(f.Err) }

// Denied reports whether an error says that access is refused, or that the thing is gone.
func Denied(err error) bool {
	return apiclient.Refused(err) || errors.Is(err, apiclient.ErrNotFound)
}

// withdrawn reports a denial that is about the thing asked for. A 401 is about
// the credentials: with the right ones what is saved may be shown again.
func withdrawn(err error) bool { return Denied(err) && !errors.Is(err, apiclient.ErrUnauthorized) }

// due reports whether it is time to ask again. A clock set back must not put
// that off.
func (f *Failure) due(now time.Time) bool {
	return f.Err == nil || !now.Before(f.Retry) || f.Retry.Sub(now) > f.delay
}

// next returns the failure after another one. nothing: there is no old value.
func (f *Failure) next(err error, now time.Time, nothing bool) Failure {
	n := Failure{Err: err, at: now, Since: f.Since, delay: f.delay}
	if f.Err == nil || Denied(err) != f.Denied() {
		n.Since, n.delay = now, 0
	}
	switch {
	case Denied(err):
		n.delay = min(max(2*n.delay, deniedFirst), DeniedMost)
	case nothing && apiclient.Temporary(err):
		n.delay = RetryNothing
	case nothing:
		n.delay = retryNonsense
	default:
		n.delay = min(max(2*n.delay, RetryFirst), RetryMost)
	}
	n.Retry = now.Add(n.delay)
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

// errRefreshing is why an answer that has not been renewed yet is stale.
func errRefreshing(what string) error {
	return fmt.Errorf("%s: being refreshed, the old one is shown meanwhile: %w", what, apiclient.ErrTimeout)
}

// waitError is what a waiter gets whose context ended.
func waitError(ctx context.Context, what string) error {
	if errors.Is(ctx.Err(), context.DeadlineExceeded) {
		return fmt.Errorf("%s: %w: %w", what, apiclient.ErrTimeout, ctx.Err())
	}
	return fmt.Errorf("%s: %w", what, ctx.Err())
}
