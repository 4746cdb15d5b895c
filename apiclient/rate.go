package apiclient

import (
	"context"
	"errors"
	"net/http"
	"sync"
	"time"
)

const (
	slowFor       = 30 * time.Second // until a slowed rate doubles again
	slowMost      = 4                // halvings: the rate never falls below its 16th
	slowUnlimited = 20               // requests a second to start from where no rate was set
	pauseLeast    = time.Second      // after a rate limit answer; Orange asks for at least this
	pauseMost     = time.Minute      // whatever Retry-After says
)

// pacer lets requests go at the rate, urgent ones first. A rate limit answer
// pauses all of them and halves the rate for a while.
//
// With a shared file all processes that use it share one rate: their requests
// together do not go faster than one process may alone, and a rate limit answer
// to one of them slows all down. Each keeps to its own rate besides. So it is with a
// pool, for processes on other machines.
type pacer struct {
	next  http.RoundTripper
	every time.Duration // between requests, as set; 0: no limit
	steps time.Duration // the same to a gateway, as long as it is one; 0: it is none
	burst int
	stale func(*call) bool // whether a request would be turned back anyway; may be nil

	shared *sharedFile // nil: none
	turns  *poolTurns  // nil: none are taken of a pool
	clock  func() time.Duration

	mu    sync.Mutex
	mine  time.Duration // TAT of this process alone
	state sharedState   // as last seen; without a file the only one
	queue queue
	timer *time.Timer // for the head of the queue, nil if none runs

	waitedFor time.Duration // while anybody waited
	since     time.Time     // when the queue ceased to be empty
}

func newPacer(next http.RoundTripper, perSecond float64, burst int) *pacer {
	start := time.Now()
	p := &pacer{next: next, burst: burst, clock: func() time.Duration { return time.Since(start) }}
	if perSecond > 0 {
		p.every = time.Duration(float64(time.Second) / perSecond)
	}
	return p
}

// share makes the pacer use a file.
func (p *pacer) share(f *sharedFile) { p.shared, p.clock = f, f.clock }

func (p *pacer) RoundTrip(req *http.Request) (*http.Response, error) {
	ctx := req.Context()
	cl := callOf(req)
	t, err := p.wait(ctx, p.staleness(cl))
	if err != nil {
		return nil, cl.noTurn(ctx, err)
	}
	cl.turn = t
	sent := p.clock()
	resp, err := p.next.RoundTrip(req)
	var e *Error
	if errors.As(err, &e) && e.is(ErrRateLimited) {
		p.slow(sent, e.retryAfter)
	}
	return resp, err
}

// staleness tells whether a call would be turned back, nil if none is.
func (p *pacer) staleness(cl *call) func() bool {
	if p.stale == nil {
		return nil
	}
	return func() bool { return p.stale(cl) }
}

// wait returns a turn when it has come, or the context's error, or, where the pool gives
// none, a noTurnError. A request that is stale need not wait, and gets none.
func (p *pacer) wait(ctx context.Context, stale func() bool) (turn, error) {
	p.mu.Lock()
	if len(p.queue.list) == 0 {
		p.since = time.Now()
	}
	w := p.queue.push(priorityOf(ctx))
	w.stale, w.turn.pacer = stale, p
	if p.timer == nil { // else those before us wait already
		p.dispatch()
	} else if p.pooled() && w.priority.urgent() { // they may be less urgent
		p.redispatch()
	}
	p.mu.Unlock()
	select {
	case <-w.ready:
		return w.turn, w.err
	default:
	}
	var raised <-chan struct{}
	if p.turns != nil { // which gives turns to urgent ones that it does not give to others
		raised = w.priority.whenRaised()
	}
	for waiting := true; waiting; {
		select {
		case <-w.ready:
			return w.turn, w.err
		case <-raised:
			raised = nil
			p.mu.Lock()
			p.redispatch()
			p.mu.Unlock()
		case <-ctx.Done():
			waiting = false
		}
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	p.remove(w)
	if len(p.queue.list) == 0 && p.timer != nil {
		p.timer.Stop()
		p.timer = nil
	}
	return turn{}, ctx.Err()
}

// remove takes w off the queue. The mutex is held.
func (p *pacer) remove(w *waiter) {
	if p.queue.remove(w) && len(p.queue.list) == 0 {
		p.waitedFor += time.Since(p.since)
		if p.turns != nil {
			p.turns.waits(false)
		}
	}
}

// dispatch lets go who may, and sets the timer for the next. The mutex is held.
func (p *pacer) dispatch() {
	p.timer = nil
	for len(p.queue.list) > 0 {
		w := p.queue.next()
		if w.stale == nil || !w.stale() {
			if p.pooled() && !p.dueOfPool(w.priority.urgent()) {
				return
			}
			wait, now := p.take(true)
			if wait > 0 {
				p.wake(max(wait, 50*time.Microsecond))
				return
			}
			if p.pooled() {
				now = p.turns.use()
			}
			w.turn.taken, w.turn.good = now, true
		}
		p.remove(w)
		close(w.ready)
	}
}

// redispatch is dispatch while the timer may run. The mutex is held.
func (p *pacer) redispatch() {
	if p.timer != nil {
		p.timer.Stop()
	}
	p.dispatch()
}

func (p *pacer) wake(after time.Duration) {
	var timer *time.Timer
	timer = time.AfterFunc(after, func() {
		p.mu.Lock()
		defer p.mu.Unlock()
		if p.timer == timer {
			p.dispatch()
		}
	})
	p.timer = timer
}

// take takes a turn at the time that it returns, or returns how long to wait before
// trying again; if not really, it looks only. Nothing is reserved ahead, so that a process
// that ends takes nothing with it. The mutex is held.
func (p *pacer) take(really bool) (wait, at time.Duration) {
	p.with(func(s *sharedState, now time.Duration) {
		at = now
		s.speedUp(now)
		every := p.interval(s)
		p.mine = min(p.mine, now+time.Duration(p.burst)*every) // also when the rate has doubled
		wait = max(s.Paused-now, p.early(p.mine, every, now))
		cost := min(every, costMost)
		if p.shared != nil {
			wait = max(wait, p.early(s.TAT, cost, now))
		}
		if wait > 0 || every == 0 || !really {
			return
		}
		p.mine = max(p.mine, now) + every
		s.TAT = max(s.TAT, now) + cost
	})
	return max(wait, 0), at
}

// early is how long before its time a turn at now would be.
func (p *pacer) early(tat, every, now time.Duration) time.Duration {
	if every == 0 {
		return 0
	}
	return tat - time.Duration(p.burst-1)*every - now
}

// tokenTurn waits until the token endpoint may be asked: many short commands in a
// row ask for a token each.
func (p *pacer) tokenTurn(ctx context.Context) error {
	for {
		p.mu.Lock()
		var wait time.Duration
		p.with(func(s *sharedState, now time.Duration) {
			if wait = s.Token - (exchangeBurst-1)*exchangeEvery - now; wait <= 0 {
				s.Token = max(s.Token, now) + exchangeEvery
			}
		})
		p.mu.Unlock()
		if wait <= 0 {
			return nil
		}
		timer := time.NewTimer(wait)
		select {
		case <-timer.C:
		case <-ctx.Done():
			timer.Stop()
			return ctx.Err()
		}
	}
}

// refusedAtOnce is how often in a row a token may be asked for with credentials that are
// refused, by commands that each ask afresh; then it is every refusedFirst, by all of
// them together: one that is run again until it is well asks each second. After
// refusedForgot without a refusal it begins anew.
const (
	refusedAtOnce = 5
	refusedForgot = 10 * time.Minute
)

// refused returns how long a token is not to be asked for with such credentials, and
// how often in a row they were refused.
func (p *pacer) refused(digest string) (wait time.Duration, times int) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.with(func(s *sharedState, now time.Duration) {
		if wait = 0; s.Refused == digest {
			wait, times = s.RefusedUntil-now, s.RefusedTimes
		}
	})
	return wait, times
}

// answered notes what the token endpoint made of credentials.
func (p *pacer) answered(digest string, refused bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.with(func(s *sharedState, now time.Duration) {
		switch {
		case !refused && s.Refused == digest:
			s.Refused, s.RefusedTimes, s.RefusedUntil = "", 0, 0
		case refused:
			if s.Refused != digest || now > s.RefusedUntil+refusedForgot {
				s.Refused, s.RefusedTimes = digest, 0
			}
			if s.RefusedTimes, s.RefusedUntil = s.RefusedTimes+1, now; s.RefusedTimes >= refusedAtOnce {
				s.RefusedUntil = now + refusedFirst
			}
		}
	})
}

// with gives access to the state, shared if that is possible. The mutex is held.
func (p *pacer) with(change func(s *sharedState, now time.Duration)) {
	if p.shared != nil && p.shared.update(p.fresh, func(s *sharedState, now time.Duration) {
		change(s, now)
		p.state = *s
	}) {
		return
	}
	now := p.clock()
	p.state.clamp(now)
	change(&p.state, now)
}

// ofGateway says whether it is a gateway that is asked, which has the rate of the API in its
// own hand.
func (p *pacer) ofGateway(yes bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.steps = 0; yes {
		p.steps = time.Second / gatewayRate
	}
}

// fresh is the state of a new file. There may have been another one a moment
// ago: so there is no burst at first.
func (p *pacer) fresh(now time.Duration) sharedState {
	return sharedState{TAT: now + time.Duration(p.burst-1)*min(p.every, costMost)}
}

// interval is the time between requests by now, 0 if there is no limit.
func (p *pacer) interval(s *sharedState) time.Duration {
	every := p.every
	if p.steps > 0 {
		every = p.steps
	}
	if every == 0 && s.Halved > 0 {
		every = time.Second / slowUnlimited
	}
	return every << s.Halved
}

// slow pauses all requests and halves the rate. Requests that were on their way
// before the last halving do not halve it again.
func (p *pacer) slow(sent, retryAfter time.Duration) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.with(func(s *sharedState, now time.Duration) {
		s.speedUp(now)
		s.Paused = max(s.Paused, now+min(max(retryAfter, pauseLeast), pauseMost))
		s.Recover = s.Paused + slowFor
		if s.Halved > 0 && sent < s.Slowed {
			return
		}
		s.Slowed = now
		s.Halved = min(s.Halved+1, slowMost)
	})
	if p.pooled() {
		p.tellPool(sent, min(max(retryAfter, pauseLeast), pauseMost))
	}
}

// speedUp doubles a slowed rate when its time has come.
func (s *sharedState) speedUp(now time.Duration) {
	for s.Halved > 0 && now >= s.Recover {
		s.Halved--
		s.Recover += slowFor
	}
	if s.Halved == 0 {
		s.Recover = 0
	}
}

// load returns the waiting requests, the time during which any waited, and the
// rate now.
func (p *pacer) load() (waiting int, waited time.Duration, perSecond float64) {
	p.mu.Lock()
	defer p.mu.Unlock()
	now := p.clock()
	p.state.speedUp(now)
	if every := p.interval(&p.state); every > 0 {
		perSecond = float64(time.Second) / float64(every)
	}
	waited = p.waitedFor
	if len(p.queue.list) > 0 {
		waited += time.Since(p.since)
	}
	return len(p.queue.list), waited, perSecond
}
