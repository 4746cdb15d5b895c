package apiclient

import (
	"context"
	"log/slog"
	"sync"
	"time"
)

const (
	refusedFirst = 30 * time.Second // not asked again after credentials were refused; doubles
	refusedMost  = 15 * time.Minute
	oddFirst     = 2 * time.Second // the same after an answer that is none, such as a proxy's page
	oddMost      = time.Minute
	uselessFirst = time.Minute // no renewal after one that did not help; doubles
	uselessMost  = 5 * time.Minute
	earlyAgain   = 30 * time.Second // between early renewals that fail

	// The token endpoint allows 50 requests a minute: these are 48 at most.
	exchangeBurst = 5
	exchangeEvery = 1400 * time.Millisecond

	patience = 5 // 401s in a row that a token may meet if the one before it had worked
)

// token is an access token and what is known of it. The mutex of tokens guards
// all but value.
type token struct {
	value    string
	obtained time.Time
	renewAt  time.Time // 5 % of the lifetime before it expires
	expires  time.Time
	gateway  bool     // of a gateway
	pooled   bool     // taken from the pool
	gateways []string // see gatewaysMember

	worked   bool // the API answered a request with it
	probe    bool // obtained to see whether tokens are accepted again
	invalid  bool // rejected, to be replaced
	denied   int  // 401s in a row without it ever having worked
	inARow   int  // 401s since it last worked
	patience int  // denials until it counts as rejected for good
}

// rejected reports that there is no use in sending it any more.
func (t *token) rejected() bool { return !t.worked && t.denied >= t.patience }

// after compares by both clocks: the monotonic one stands still while the
// machine sleeps, the wall clock may be set back.
func after(now, t time.Time) bool {
	return !now.Before(t) || !now.Round(0).Before(t.Round(0))
}

// flight is one exchange under way. It belongs to no caller: each may leave.
type flight struct {
	done chan struct{}
	tok  *token
	err  error
}

// tokens keeps the one access token, in memory only.
type tokens struct {
	exchange func(context.Context) (*token, *Credentials, *Error) // and with which it was made
	log      *slog.Logger
	wallet   *wallet
	pool     *poolTokens                  // nil: they are not shared
	known    func(context.Context) *Error // why there is no use in asking it now; nil: there is
	turn     func(context.Context) error  // waits until the endpoint may be asked
	ctx      context.Context              // of the exchanges: the life of the client
	close    context.CancelFunc
	running  sync.WaitGroup

	mu      sync.Mutex
	current *token
	flight  *flight
	early   time.Time // no early renewal before
	taken   int64     // from the pool

	refusal *Error // what the endpoint said, while one of these holds:
	refused holdOff
	odd     holdOff
	useless holdOff                  // renewals after a 401
	signs   []time.Time              // that it is by turns that tokens are rejected, the latest of them
	denials map[circuitKey]time.Time // of what a token was last rejected, and when
}

func newTokens(exchange func(context.Context) (*token, *Credentials, *Error), turn func(context.Context) error, log *slog.Logger) *tokens {
	ctx, cancel := context.WithCancel(context.Background())
	return &tokens{
		denials: map[circuitKey]time.Time{}, exchange: exchange, turn: turn, log: log, ctx: ctx, close: cancel,
		refused: holdOff{first: refusedFirst, most: refusedMost},
		odd:     holdOff{first: oddFirst, most: oddMost},
		useless: holdOff{first: uselessFirst, most: uselessMost},
	}
}

// get returns the current token, or waits for the one under way.
func (t *tokens) get(ctx context.Context, cl *call) (*token, error) {
	t.mu.Lock()
	now := time.Now()
	cur := t.current
	if cur != nil && !cur.invalid && !cur.rejected() && !after(now, cur.expires) {
		if after(now, cur.renewAt) && t.flight == nil && after(now, t.early) && t.held(now) == nil {
			t.early = now.Add(earlyAgain)
			t.start()
		}
		t.mu.Unlock()
		return cur, nil
	}
	if t.flight == nil {
		if err := t.held(now); err != nil {
			t.mu.Unlock()
			other := t.wallet.lookNow()
			t.mu.Lock()
			if other {
				t.release()
			} else if err = t.held(now); err != nil && t.flight == nil {
				t.mu.Unlock()
				return nil, err
			}
		}
		if t.flight == nil {
			t.start()
		}
	}
	f := t.flight
	t.mu.Unlock()
	select {
	case <-f.done:
		return f.tok, f.err
	case <-ctx.Done():
		return nil, cl.left(ctx)
	}
}

// renew replaces a token that was rejected, unless somebody did so already. It
// returns tok itself if there is no use in renewing it.
func (t *tokens) renew(ctx context.Context, cl *call, tok *token) (*token, error) {
	t.mu.Lock()
	unused := t.current == tok && !tok.worked
	t.mu.Unlock()
	old := unused && t.mayBeOld(tok) // then it is no probe
	t.mu.Lock()
	if t.current == tok {
		if !old && (t.useless.active(time.Now()) || tok.probe && !tok.worked) {
			tok.denied++
			t.mu.Unlock()
			return tok, nil
		}
		tok.invalid = true
	}
	t.mu.Unlock()
	return t.get(ctx, cl)
}

// rejectedAgain notes a 401 on a token just obtained: renewing is of no use for
// a while. A token that follows one that had worked stays in use, since the
// refusal may be about one contract only.
func (t *tokens) rejectedAgain(tok *token) {
	if t.pool != nil && !tok.pooled {
		t.pool.useless(t.ctx)
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	tok.denied++
	if now := time.Now(); !t.useless.active(now) {
		t.useless.extend(now)
		t.log.Warn("API rejects a new token", "next_try_seconds", t.useless.last.Seconds())
	}
}

// accepted notes a good answer. Renewing is trusted again if the very request
// that was rejected before got it, or the token was a probe.
func (t *tokens) accepted(tok *token, renewed bool) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if renewed {
		t.sign(time.Now())
	}
	if renewed || tok.probe && !tok.worked {
		t.useless.reset()
	}
	tok.worked, tok.denied, tok.inARow = true, 0, 0
}

// Where a renewal after a 401 helps, or what met one is answered without a renewal, as
// often as that within fickleWithin, it is the API that rejects and accepts tokens by
// turns, until there was no such sign for fickleFor.
const (
	fickleSigns  = 2
	fickleWithin = 10 * time.Second
	fickleFor    = time.Minute
)

// fickle reports whether a rejected token says little by now.
func (t *tokens) fickle() bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	n := len(t.signs)
	return n >= fickleSigns && t.signs[n-1].Sub(t.signs[0]) < fickleWithin && time.Since(t.signs[n-1]) < fickleFor
}

// sign notes one. The mutex is held.
func (t *tokens) sign(now time.Time) {
	t.signs = append(t.signs[max(0, len(t.signs)-fickleSigns+1):], now)
}

// denies notes that a token was rejected for what a call asks for, and returns how often
// in a row it has been by now.
func (t *tokens) denies(cl *call, tok *token) int {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.denials[circuitKey{cl.op, cl.contract}] = time.Now()
	tok.inARow++
	return tok.inARow
}

// forgives notes that a call was answered: if the like of it was rejected before it was
// sent, and no other token was had, that is a sign.
func (t *tokens) forgives(cl *call) {
	t.mu.Lock()
	defer t.mu.Unlock()
	key := circuitKey{cl.op, cl.contract}
	at, ok := t.denials[key]
	if !ok || at.After(cl.started) {
		return
	}
	delete(t.denials, key)
	if t.current != nil && t.current.obtained.Before(at) {
		t.sign(time.Now())
	}
}

// otherCredentials makes the next token one of others than before.
func (t *tokens) otherCredentials() {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.release()
}

// release forgets what was held against the credentials before. The mutex is held.
func (t *tokens) release() {
	t.refused.reset()
	t.odd.reset()
	t.useless.reset()
	t.refusal, t.current = nil, nil
}

// held returns the error to answer from memory, nil if the endpoint may be
// asked. The mutex is held.
func (t *tokens) held(now time.Time) error {
	if t.refused.active(now) || t.odd.active(now) {
		return t.refusal
	}
	if t.current != nil && t.current.rejected() && t.useless.active(now) {
		e := &Error{Op: opToken, kind: ErrUnauthorized, final: true, rejected: true}
		e.Message = "the API rejects every new token; no new one is asked for before " + clock(t.useless.until)
		e.hint = hintToken
		return e
	}
	return nil
}

// start begins an exchange. The mutex is held.
func (t *tokens) start() {
	f := &flight{done: make(chan struct{})}
	t.flight = f
	if t.ctx.Err() != nil {
		f.err = errClosed
		close(f.done)
		return
	}
	old := t.current
	probe := old != nil && old.rejected()
	if probe {
		t.useless.extend(time.Now())
	}
	rejected := ""
	if old != nil && (old.invalid || probe) {
		rejected = old.value
	}
	t.running.Go(func() {
		tok, err := t.fly(rejected)
		t.mu.Lock()
		defer t.mu.Unlock()
		t.flight = nil
		switch {
		case err != nil:
			t.failed(err)
			f.err = err
		case tok.pooled && rejected == "" && old != nil && old == t.current && tok.value == old.value: // it is not due yet
			old.renewAt, old.expires, f.tok = tok.renewAt, tok.expires, old
		default:
			if tok.pooled {
				t.taken++
			}
			tok.probe, tok.patience = probe, 1
			if old == nil || old.worked {
				tok.patience = patience
			}
			t.refused.reset()
			t.odd.reset()
			t.current, t.refusal, f.tok = tok, nil, tok
		}
		close(f.done)
	})
}

// obtain asks the token endpoint, unless it is known to refuse.
func (t *tokens) obtain() (*token, *Error) {
	if err := t.known(t.ctx); err != nil {
		return nil, err
	}
	for t.turn(t.ctx) == nil {
		tok, creds, err := t.exchange(t.ctx)
		if t.ctx.Err() != nil {
			break
		}
		if err != nil && t.wallet.now.Load() != creds {
			continue // refused, or not, with what is not in use any more
		}
		return tok, err
	}
	return nil, errClosed
}

var errClosed = &Error{Op: opToken, kind: ErrUnreachable, Message: "the client was closed", final: true, rejected: true}

// failed remembers what is of no use to ask again soon. The mutex is held.
func (t *tokens) failed(e *Error) {
	h := &t.odd
	switch {
	case e.is(ErrCredentials):
		h = &t.refused
	case !e.is(ErrProtocol):
		return // the breaker sees to it
	}
	h.extend(time.Now())
	t.log.Error("no access token", "error", e, "next_try_seconds", h.last.Seconds())
	again := *e
	again.rejected = true
	again.hint = "the token endpoint is not asked again before " + clock(h.until)
	if e.hint != "" {
		again.hint = e.hint + "; " + again.hint
	}
	t.refusal = &again
}

// stop ends an exchange under way and waits for it.
func (t *tokens) stop() {
	t.mu.Lock()
	t.close() // none starts after this
	t.mu.Unlock()
	t.running.Wait()
}

// report fills in the token's part of the statistics.
func (t *tokens) report(s *Stats) {
	t.mu.Lock()
	defer t.mu.Unlock()
	s.PoolTokens = t.taken
	if t.current != nil {
		s.TokenObtained, s.TokenExpires, s.Gateway = t.current.obtained, t.current.expires, t.current.gateway
	}
	now := time.Now()
	for _, h := range []holdOff{t.refused, t.odd, t.useless} {
		if h.active(now) && h.until.After(s.TokenNextTry) {
			s.TokenNextTry = h.until
		}
	}
}
