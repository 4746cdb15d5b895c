package apiclient

import (
	"context"
	"errors"
	"net/http"
	"sync"
	"time"

	"golang.org/x/time/rate"
)

const (
	slowFor       = 30 * time.Second // until a slowed rate doubles again
	slowLeast     = 16               // the rate never falls below its 16th
	slowUnlimited = 20               // requests a second to start from where no rate was set
	pauseLeast    = time.Second      // after a rate limit answer; Orange asks for at least this
	pauseMost     = time.Minute      // whatever Retry-After says
)

// pacer lets requests go at the rate, urgent ones first. A rate limit answer
// pauses all of them and halves the rate for a while.
type pacer struct {
	next http.RoundTripper
	base rate.Limit // as set; rate.Inf: no limit

	mu      sync.Mutex
	limiter *rate.Limiter
	queue   queue
	timer   *time.Timer // for the head of the queue, nil if none runs
	paused  time.Time   // nothing goes before
	slowed  time.Time   // when the rate was last halved
	recover time.Time   // when it doubles again, zero if it is the base
	waited  time.Duration
}

func newPacer(next http.RoundTripper, perSecond float64, burst int) *pacer {
	base := rate.Limit(perSecond)
	if perSecond == 0 {
		base = rate.Inf
	}
	return &pacer{next: next, base: base, limiter: rate.NewLimiter(base, burst)}
}

func (p *pacer) RoundTrip(req *http.Request) (*http.Response, error) {
	ctx := req.Context()
	if err := p.wait(ctx); err != nil {
		return nil, callOf(req).left(ctx)
	}
	sent := time.Now()
	resp, err := p.next.RoundTrip(req)
	var e *Error
	if errors.As(err, &e) && e.is(ErrRateLimited) {
		p.slow(sent, e.retryAfter)
	}
	return resp, err
}

// wait returns when the request may go, or with the context's error.
func (p *pacer) wait(ctx context.Context) error {
	start := time.Now()
	p.mu.Lock()
	w := p.queue.push(urgencyOf(ctx))
	p.dispatch()
	p.mu.Unlock()
	select {
	case <-w.ready:
		return nil
	default:
	}
	var err error
	select {
	case <-w.ready:
	case <-ctx.Done():
		err = ctx.Err()
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	p.waited += time.Since(start)
	if err != nil && p.queue.remove(w) && len(p.queue.list) == 0 && p.timer != nil {
		p.timer.Stop()
		p.timer = nil
	}
	return err
}

// dispatch lets go who may, and sets the timer for the next. The mutex is held.
func (p *pacer) dispatch() {
	for len(p.queue.list) > 0 {
		now := time.Now()
		p.speedUp(now)
		wait := p.paused.Sub(now)
		if wait <= 0 && p.limiter.AllowN(now, 1) {
			w := p.queue.next()
			p.queue.remove(w)
			close(w.ready)
			continue
		}
		if wait <= 0 {
			missing := (1 - p.limiter.TokensAt(now)) / float64(p.limiter.Limit())
			wait = time.Duration(missing * float64(time.Second))
		}
		p.wake(max(wait, 50*time.Microsecond))
		return
	}
}

func (p *pacer) wake(after time.Duration) {
	if p.timer != nil {
		p.timer.Stop()
	}
	p.timer = time.AfterFunc(after, func() {
		p.mu.Lock()
		defer p.mu.Unlock()
		p.dispatch()
	})
}

// slow pauses all requests and halves the rate. Requests that were on their way
// before the last halving do not halve it again.
func (p *pacer) slow(sent time.Time, retryAfter time.Duration) {
	p.mu.Lock()
	defer p.mu.Unlock()
	now := time.Now()
	if until := now.Add(min(max(retryAfter, pauseLeast), pauseMost)); until.After(p.paused) {
		p.paused = until
	}
	p.recover = p.paused.Add(slowFor)
	if sent.Before(p.slowed) {
		return
	}
	p.slowed = now
	half := min(p.limiter.Limit(), p.finite()) / 2
	p.limiter.SetLimitAt(now, max(half, p.finite()/slowLeast))
}

// finite is the base, or what stands for no limit.
func (p *pacer) finite() rate.Limit {
	if p.base == rate.Inf {
		return slowUnlimited
	}
	return p.base
}

// speedUp doubles a slowed rate when its time has come. The mutex is held.
func (p *pacer) speedUp(now time.Time) {
	for !p.recover.IsZero() && !now.Before(p.recover) {
		limit := p.limiter.Limit() * 2
		p.recover = p.recover.Add(slowFor)
		if limit >= p.finite() {
			limit, p.recover = p.base, time.Time{}
		}
		p.limiter.SetLimitAt(now, limit)
	}
}

// load returns the waiting requests, the time waited and the rate now.
func (p *pacer) load() (waiting int, waited time.Duration, perSecond float64) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.speedUp(time.Now())
	if l := p.limiter.Limit(); l != rate.Inf {
		perSecond = float64(l)
	}
	return len(p.queue.list), p.waited, perSecond
}
