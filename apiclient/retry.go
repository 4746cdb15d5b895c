package apiclient

import (
	"context"
	"errors"
	"math"
	"math/rand/v2"
	"net/http"
	"sync"
	"time"

	"github.com/hashicorp/go-retryablehttp"
)

const (
	maxTries   = 4 // of a request that meets 5xx and network errors
	maxLimited = 5 // of one that meets rate limit answers, once there have been no others for long

	backoffFirst = 500 * time.Millisecond
	backoffMost  = 10 * time.Second
	limitedMost  = 90 * time.Second // waits after rate limit answers, all together
)

// retrier decides for one call what is tried again and when. 5xx and network
// errors have four tries, as long as those and the waits between them took less
// than the time-out together: a call to an API that does not answer must not
// take four times the time-out.
//
// While the API is out of reach for everybody, tries are not counted: the
// breaker lets the call wait for it, as long as Config.Patience. So long does it wait,
// too, where all that comes are rate limit answers, counted from the first of them.
type retrier struct {
	call     *call
	limited  *limited
	breaker  *breaker
	timeout  time.Duration
	patience time.Duration
	last     *Error // of the latest try that was sent
	failures int    // tries that count
	hurried  bool   // one that was ended early did not
	cut      bool   // an answer that ended too early was asked for again

	firstLimited time.Time // answer of that kind
	limitedWait  time.Duration
	wait         time.Duration // before the next try
}

// retry sends req by the layers below, again where that may help. The handler,
// if any, reads the body: if that breaks on the way, it counts as a failed try.
func (c *Client) retry(layers http.RoundTripper, cl *call, req *http.Request, handler func(*http.Response) error) (*http.Response, error) {
	r := &retrier{call: cl, limited: &c.limited, breaker: c.breaker, timeout: c.cfg.Timeout, patience: c.cfg.Patience}
	if cl.op == opToken {
		r.limited = &c.limitedToken
	}
	// Clients of retryablehttp and net/http are small, and one of each for a
	// call is what lets the backoff see the error it is for.
	rc := retryablehttp.Client{
		HTTPClient: &http.Client{
			Transport:     &door{next: layers, breaker: c.breaker},
			CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
		},
		RetryMax:       math.MaxInt, // check decides
		RequestLogHook: func(retryablehttp.Logger, *http.Request, int) { cl.attempt++; cl.started = time.Time{} },
		CheckRetry:     r.check,
		Backoff:        func(_, _ time.Duration, _ int, _ *http.Response) time.Duration { return max(r.wait, atOnce) },
		ErrorHandler:   func(_ *http.Response, err error, _ int) (*http.Response, error) { return nil, err },
	}
	rr, err := retryablehttp.FromRequest(req)
	if err != nil {
		return nil, cl.fail(ErrInvalid, "the request cannot be sent")
	}
	if handler != nil {
		rr.SetResponseHandler(handler)
	}
	resp, err := rc.Do(rr)
	if err == nil {
		c.breaker.rises(cl)
		return resp, nil
	}
	var e *Error
	if !errors.As(err, &e) {
		if req.Context().Err() == nil {
			return nil, cl.fail(ErrInvalid, "the request cannot be sent: "+c.clean.cleanURL(plain(err).Error()))
		}
		e = cl.left(req.Context())
	}
	return nil, e
}

// check is the CheckRetry of retryablehttp. It also sets the wait.
func (r *retrier) check(ctx context.Context, _ *http.Response, err error) (bool, error) {
	if err == nil {
		r.limited.over()
		return false, nil
	}
	var e *Error
	if !errors.As(err, &e) || ctx.Err() != nil {
		return false, nil
	}
	if e.Status != 0 && !e.rejected && !e.is(ErrRateLimited) && !e.is(ErrServer) {
		r.limited.over()
	}
	if e.again {
		r.call.attempt--
		r.wait = 0
		return true, nil
	}
	if e.rejected && !e.away && r.last != nil {
		return false, r.last // what went wrong says more than that the breaker opened since
	}
	r.last = e
	if e.final || e.rejected || e.Op != r.call.op { // the token's error was retried where it arose
		return false, nil
	}
	if e.cut && !r.cut {
		r.cut, r.wait = true, backoff(backoffFirst, 1)
		return true, nil
	}
	if e.is(ErrRateLimited) {
		return r.checkLimited(e), nil
	}
	if !e.page && !e.fickle && !e.is(ErrServer) && !e.is(ErrUnreachable) && (!e.is(ErrTimeout) || e.Status != 0) {
		return false, nil
	}
	return r.checkFailure(e), nil
}

// checkFailure is check for what may pass by itself.
func (r *retrier) checkFailure(e *Error) bool {
	now := time.Now()
	took := time.Duration(0)
	if !r.call.started.IsZero() {
		took = now.Sub(r.call.started)
	}
	if r.call.failing.IsZero() {
		r.call.failing = now.Add(-took)
	}
	if e.outage && (e.general || !e.aboutThis()) && now.Sub(r.call.failing) < r.patience {
		r.wait = 0 // the breaker knows how long
		return true
	}
	unsure, cautious := r.breaker.unsure(r.call)
	r.breaker.stumbles(r.call)
	unsure = unsure && now.Sub(r.call.failing) < r.patience
	if unsure && cautious {
		r.wait = 0 // the breaker knows the pace
		return true
	}
	if e.is(ErrTimeout) && r.call.hurried && !r.hurried { // see sender.limit
		r.hurried, r.wait = true, 0
		return true
	}
	r.failures++
	r.wait = max(backoff(backoffFirst, r.failures), e.retryAfter)
	r.call.spent += took + r.wait
	most := e.tries()
	if unsure {
		most = r.failures + 1
	}
	r.call.last = r.failures >= most-1 || r.call.spent+took >= r.timeout
	if r.failures < most && r.call.spent < r.timeout || unsure {
		return true
	}
	r.breaker.gaveUp(r.call, e)
	return false
}

// tries is how often a request is tried that meets an error like e.
func (e *Error) tries() int {
	if e.once {
		return 1
	}
	return maxTries
}

// checkLimited waits as long as the server asks, within reason, or at least a
// second, which doubles.
func (r *retrier) checkLimited(e *Error) bool {
	r.call.limited++
	now := time.Now()
	if r.limited.note(now); r.firstLimited.IsZero() {
		r.firstLimited = now
	}
	r.wait = max(min(e.retryAfter, pauseMost), backoff(pauseLeast*5/4, r.call.limited), pauseLeast)
	r.limitedWait += r.wait
	return (r.call.limited < maxLimited || r.limited.younger(r.patience-r.wait, r.firstLimited)) && r.limitedWait <= limitedMost
}

// limitedGap is how far apart rate limit answers may be and still be one time of them.
const limitedGap = time.Minute

// limited is since when the API has given nothing but rate limit answers.
type limited struct {
	mu          sync.Mutex
	since, last time.Time // zero since: it gives others
}

// note notes a rate limit answer.
func (l *limited) note(now time.Time) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.since.IsZero() || now.Sub(l.last) > limitedGap {
		l.since = now
	}
	l.last = now
}

// younger says whether that has lasted for less than most, for a call that has met it
// since first. Where others were answered meanwhile it is about this call alone.
func (l *limited) younger(most time.Duration, first time.Time) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return !l.since.IsZero() && !l.since.After(first) && time.Since(l.since) < most
}

func (l *limited) over() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.since = time.Time{}
}

// atOnce is the least that a timer is set to. One that has passed when it is waited for is
// run by whoever waits, and several of those at once, in a bubble of testing/synctest, bring
// the race detector of Go 1.26 down (a failed check of its own in tsan_rtl.cpp, or SIGSEGV).
const atOnce = time.Nanosecond

// backoff is the wait after the n-th failure: first doubled n-1 times, give or
// take a fifth, so that those who failed together do not come back together.
func backoff(first time.Duration, n int) time.Duration {
	d := min(first<<min(n-1, 10), backoffMost)
	return time.Duration(float64(d) * (0.8 + 0.4*rand.Float64()))
}
