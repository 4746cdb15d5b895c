package apiclient

import (
	"context"
	"encoding/json"
	"math/rand/v2"
	"time"
)

const (
	// holdMost is how long the exchange of another client is waited for: it may not get
	// through where this one does. Up to as long again, by chance, so that not all lose
	// their patience at once.
	holdMost = 10 * time.Second
	holdLook = 200 * time.Millisecond // how often it is looked for its token, about

	// notePatience is how long a note of the pool is waited for.
	notePatience = 3 * time.Second

	// keptLeast is how long a token of the pool is kept that should be due by our clock,
	// which may be wrong: what the pool still has is good.
	keptLeast = time.Minute
)

// poolTokens shares with other clients the token, and how often in a row the token
// endpoint refused the credentials. What the pool keeps ends by the clock of its
// coordinator alone: those of the clients need not agree.
type poolTokens struct {
	pool   Pool
	client *Client
	wallet *wallet
	at     string // where the credentials are good
}

// name is under which the pool knows something of credentials.
func (s *poolTokens) name(what string, c *Credentials) string {
	return what + "-" + digestOf("pool", s.at, c.ClientID, c.ClientSecret)
}

// notedToken is a token as the pool keeps it, until it should be renewed.
type notedToken struct {
	Value   string `json:"value"`
	Life    int64  `json:"life"`  // milliseconds until it should be renewed, at first
	Renew   int64  `json:"renew"` // when that is, in milliseconds since 1970, by the clock of who had it
	Gateway bool   `json:"gateway,omitempty"`

	Gateways []string `json:"gateways,omitempty"` // see gatewaysMember
}

// fly has a token, of the pool if it is not the one that was rejected. Else it asks the
// token endpoint, for all clients.
func (t *tokens) fly(rejected string) (*token, *Error) {
	if t.pool == nil {
		return t.obtain()
	}
	patience := time.Now().Add(holdMost + rand.N(holdMost))
	for t.ctx.Err() == nil {
		if tok := t.pool.take(t.ctx, rejected); tok != nil {
			return tok, nil
		}
		if err := t.known(t.ctx); err != nil {
			return nil, err
		}
		release, err := t.pool.hold(t.ctx)
		switch {
		case release != nil:
			defer release()
			if tok := t.pool.take(t.ctx, rejected); tok != nil { // of who had it before
				return tok, nil
			}
			return t.obtain()
		case err != nil || time.Now().After(patience): // no turn is to be had, either, unless we are to go on alone
			return t.obtain()
		}
		select {
		case <-time.After(holdLook/2 + rand.N(holdLook)):
		case <-t.ctx.Done():
		}
	}
	return nil, errClosed
}

// hold takes the lease of the exchange with the credentials in use, nil if another client
// has it.
func (s *poolTokens) hold(ctx context.Context) (release func(), err error) {
	ctx, cancel := context.WithTimeout(ctx, reservePatience)
	defer cancel()
	return s.pool.Hold(ctx, s.name("token", s.wallet.now.Load()))
}

// take takes the token of the pool, nil if it has none that may be used.
func (s *poolTokens) take(ctx context.Context, rejected string) *token {
	var n notedToken
	if !s.noted(ctx, s.name("token", s.wallet.now.Load()), &n) {
		return nil
	}
	most := mostLifetime.Milliseconds()
	if n.Value == "" || n.Value == rejected || !isToken(n.Value) || n.Life <= 0 || n.Life > most || s.client.inCircle(n.Gateways) {
		return nil
	}
	s.client.clean.addToken(n.Value)
	s.client.wire.ofGateway(n.Gateway)
	now := time.Now()
	left := min(max(n.Renew-now.UnixMilli(), keptLeast.Milliseconds()), n.Life)
	renewAt := now.Add(time.Duration(left) * time.Millisecond)
	return &token{
		value: n.Value, obtained: now, renewAt: renewAt, gateway: n.Gateway, pooled: true, gateways: n.Gateways,
		expires: renewAt.Add(time.Duration(n.Life/19) * time.Millisecond),
	}
}

// mayBeOld reports whether a token that was rejected says nothing of renewals: it is of the
// pool, which may have kept it for long, and nobody has met that with a new one.
func (t *tokens) mayBeOld(tok *token) bool {
	if t.pool == nil || !tok.pooled {
		return false
	}
	var n notedRefusals
	return !t.pool.noted(t.ctx, t.pool.name("useless", t.wallet.now.Load()), &n)
}

// useless notes that a token was rejected that had just been made.
func (s *poolTokens) useless(ctx context.Context) {
	s.note(ctx, s.name("useless", s.wallet.now.Load()), notedRefusals{Times: 1}, uselessFirst)
}

// give gives a token to the others. It is nothing to its owner if that fails: they ask
// for one themselves.
func (s *poolTokens) give(ctx context.Context, c *Credentials, tok *token) {
	if s == nil {
		return
	}
	life := time.Until(tok.renewAt)
	s.note(ctx, s.name("token", c), notedToken{tok.value, life.Milliseconds(), tok.renewAt.UnixMilli(), tok.gateway, tok.gateways}, life)
}

// notedRefusals is how often in a row the token endpoint refused credentials.
type notedRefusals struct {
	Times int   `json:"times"`
	Until int64 `json:"until,omitempty"` // not asked before, for people; in milliseconds since 1970
}

// refused returns how long a token is not to be asked for with the credentials in use, and
// how often in a row they were refused to any of the clients.
func (s *poolTokens) refused(ctx context.Context) (wait time.Duration, times int) {
	n, ok := s.refusals(ctx, s.name("held", s.wallet.now.Load()))
	if !ok {
		return 0, 0
	}
	return min(max(time.Until(time.UnixMilli(n.Until)), time.Second), refusedFirst), n.Times
}

func (s *poolTokens) refusals(ctx context.Context, name string) (n notedRefusals, ok bool) {
	ok = s.noted(ctx, name, &n) && n.Times > 0
	return n, ok
}

// answered notes what the token endpoint made of credentials; see pacer.answered.
func (s *poolTokens) answered(ctx context.Context, c *Credentials, refused bool) {
	if s == nil {
		return
	}
	n, ok := s.refusals(ctx, s.name("refused", c))
	if !refused {
		if ok {
			s.note(ctx, s.name("refused", c), nil, time.Second)
			s.note(ctx, s.name("held", c), nil, time.Second)
		}
		return
	}
	n.Times = min(n.Times, 1<<20) + 1
	if n.Times >= refusedAtOnce {
		n.Until = time.Now().Add(refusedFirst).UnixMilli()
		s.note(ctx, s.name("held", c), n, refusedFirst)
	}
	s.note(ctx, s.name("refused", c), n, refusedForgot+refusedFirst)
}

// note notes a value, nil for none, and noted reports whether there is one, which it puts
// into v. Where the pool is away each client finds out by itself.
func (s *poolTokens) note(ctx context.Context, name string, v any, ttl time.Duration) {
	var raw []byte
	if v != nil {
		var err error
		if raw, err = json.Marshal(v); err != nil {
			return
		}
	}
	ctx, cancel := context.WithTimeout(ctx, notePatience)
	defer cancel()
	_ = s.pool.Note(ctx, name, raw, ttl)
}

func (s *poolTokens) noted(ctx context.Context, name string, v any) bool {
	ctx, cancel := context.WithTimeout(ctx, notePatience)
	defer cancel()
	raw, err := s.pool.Noted(ctx, name)
	return err == nil && raw != nil && json.Unmarshal(raw, v) == nil
}
