package apiclient

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"net/url"
	"strings"
	"sync/atomic"
)

// Client talks to the API. Make one with New, and share it.
type Client struct {
	cfg    *Config // without secrets
	clean  *redactor
	counts *counters
	log    *slog.Logger

	transport *http.Transport
	sender    *sender
	breaker   *breaker
	wire      *pacer      // rate, breaker, send
	shared    *sharedFile // nil: none
	tokens    *tokens
	gate      *gate // gate, auth and wire

	gateway atomic.Pointer[string]          // that it asks for; nil: none
	askers  atomic.Pointer[func() []string] // see AsksFor; nil: none

	limited      limited
	limitedToken limited // the token endpoint has limits of its own
}

// New makes a Client. It checks the settings but asks nothing of the network.
// All wrong settings are reported at once.
func New(cfg Config) (*Client, error) { return newClient(cfg, nil) }

func newClient(cfg Config, dial dialer) (*Client, error) {
	cfg = cfg.withDefaults()
	if err := cfg.validate(); err != nil {
		return nil, fmt.Errorf("settings of the API client: %w", err)
	}
	c := &Client{clean: newRedactor(&cfg), counts: newCounters(), log: cfg.Logger}
	c.transport = newTransport(&cfg, dial)
	c.sender = &sender{
		http:    &http.Client{Transport: observed(checkedTransport{c.transport}, cfg.Observe), CheckRedirect: redirectPolicy(cfg.Insecure)},
		timeout: cfg.Timeout, agent: cfg.UserAgent, clean: c.clean, counts: c.counts, log: c.log,
	}
	c.breaker = newBreaker(cfg.Timeout, cfg.Patience, c.log)
	c.wire = newPacer(&guard{next: &judging{next: c.sender, sender: c.sender, breaker: c.breaker}, breaker: c.breaker}, cfg.RateLimit, cfg.Burst)
	c.wire.stale = c.breaker.stale
	if cfg.Shared != "" {
		c.shared = newSharedFile(cfg.Shared, sharedClock, c.log)
		c.wire.share(c.shared)
	}
	if cfg.Pool != nil {
		c.wire.join(cfg.Pool, c.clean.cleanLong)
	}
	wallet := newWallet(&cfg, func(creds Credentials) {
		c.clean.addCredentials(creds)
		c.log.Info("the credentials have changed; the new ones are used from now on")
	})
	tokenRequester := newTokenRequester(c, wallet, cfg.APIURL, cfg.OAuthURL)
	c.tokens = newTokens(tokenRequester.exchange, c.wire.tokenTurn, c.log)
	c.tokens.wallet, c.tokens.known, c.tokens.pool = wallet, tokenRequester.known, tokenRequester.pool
	c.gate = &gate{
		next:    &auth{next: c.wire, tokens: c.tokens, wallet: wallet, timeout: cfg.Timeout, askers: c.asksFor},
		breaker: c.breaker,
		size:    cfg.Connections,
		holders: map[*waiter]struct{}{},
	}
	cfg.ClientID, cfg.ClientSecret, cfg.APIKey, cfg.Renewed = "", "", "", nil
	c.cfg = &cfg
	return c, nil
}

// Renew looks for other credentials now (Config.Renewed), and uses them if there are
// some: what the ones before were refused counts no more.
func (c *Client) Renew() {
	if c.tokens.wallet.look() {
		c.tokens.otherCredentials()
	}
}

// CredentialsName tells the credentials in use from others, without telling them. It
// looks for others as Renew does, once a second at most: what the ones before were
// refused keeps nobody from trying with these.
func (c *Client) CredentialsName() string {
	if c.tokens.wallet.lookNow() {
		c.tokens.otherCredentials()
	}
	return c.tokens.wallet.now.Load().name()
}

// Close ends a token exchange and probes under way and closes idle connections.
// Calls still running are ended by their own contexts.
func (c *Client) Close() {
	c.tokens.stop()
	c.breaker.stop()
	c.wire.leave()
	if c.shared != nil {
		c.shared.close()
	}
	c.transport.CloseIdleConnections()
}

// Format makes every verb print the address of the API only.
func (c *Client) Format(f fmt.State, _ rune) { fmt.Fprintf(f, "apiclient.Client(%s)", c.cfg.APIURL) }

// Stats returns a snapshot, at little cost.
func (c *Client) Stats() Stats {
	var s Stats
	c.counts.report(&s)
	c.breaker.report(&s)
	c.tokens.report(&s)
	inFlight, waiting := c.gate.load()
	c.wire.report(&s)
	waitingRate, waited, perSecond := c.wire.load()
	s.InFlight, s.Waiting = inFlight, waiting+waitingRate
	s.RateWait, s.Rate = waited, perSecond
	return s
}

// request makes the GET of a call.
func (c *Client) request(ctx context.Context, cl *call, path string, q url.Values) (*http.Request, error) {
	target := c.cfg.APIURL + path
	if len(q) > 0 {
		target += "?" + q.Encode()
	}
	req, err := http.NewRequestWithContext(withCall(ctx, cl), http.MethodGet, target, nil)
	if err != nil {
		return nil, cl.fail(ErrInvalid, "the request cannot be sent")
	}
	if cl.op != opContracts {
		if err := checkHeaderID(cl.contract); err != nil {
			return nil, cl.fail(ErrInvalid, err.Error())
		}
		req.Header.Set(headerContract, cl.contract)
	}
	return req, nil
}

// checkHeaderID refuses a contract id that a header cannot carry unchanged.
func checkHeaderID(id string) error {
	switch {
	case id == "":
		return errors.New("the contract id is empty")
	case strings.TrimSpace(id) != id:
		return fmt.Errorf("the contract id %q begins or ends with a space", shorten(id, 60))
	case strings.ContainsFunc(id, func(r rune) bool { return r < ' ' || r == 0x7f }):
		return fmt.Errorf("the contract id %q contains a control character", shorten(id, 60))
	}
	return nil
}

// getJSON makes a call whose answer is JSON. An answer that breaks on the way
// is asked for again; decode must therefore start afresh each time.
func (c *Client) getJSON(ctx context.Context, cl *call, path string, q url.Values, decode func(*decoder) error) error {
	req, err := c.request(ctx, cl, path, q)
	if err != nil {
		return c.done(ctx, cl, err)
	}
	_, err = c.retry(c.gate, cl, req, func(resp *http.Response) error { //nolint:bodyclose // closed by the handler
		defer resp.Body.Close()
		return c.decode(cl, resp, decode)
	})
	return c.done(ctx, cl, err)
}

// decode reads a JSON answer and makes its failures *Error.
func (c *Client) decode(cl *call, resp *http.Response, decode func(*decoder) error) error {
	if resp.StatusCode == http.StatusNotModified {
		return c.sender.odd(cl, resp, "the answer has no content")
	}
	if isMarkup(resp.Header.Get("Content-Type"), nil) {
		return c.markup(cl, resp)
	}
	limit := int64(maxListBytes)
	if cl.op == opContract {
		limit = maxDetailBytes
	}
	d, err := newDecoder(resp.Body, limit)
	if err == nil {
		d.signs.answer(resp)
		err = decode(d)
	}
	var told *toldError
	var shape *shapeError
	switch {
	case err == nil:
		return nil
	case errors.Is(err, errMarkup):
		return c.markup(cl, resp)
	case errors.As(err, &told):
		return c.sender.disguised(cl, resp, told.body)
	case errors.As(err, &shape):
		e := c.sender.odd(cl, resp, shape.text)
		e.cut, e.final = shape.cut, !shape.cut
		return e
	}
	return err // of the body, an *Error already
}

func (c *Client) markup(cl *call, resp *http.Response) *Error {
	e := c.sender.odd(cl, resp, errMarkup.Error())
	e.hint = hintProxy
	return e
}

// done notes how a call ended.
func (c *Client) done(ctx context.Context, cl *call, err error) error {
	var e *Error
	if err == nil || !errors.As(err, &e) || errors.Is(e, errCallerLeft) {
		return err
	}
	if e.Op == cl.op { // a failed exchange was noted where it happened
		c.counts.failed(e)
		c.log.LogAttrs(ctx, slog.LevelDebug, "API call failed",
			slog.String("op", e.Op), slog.Int("status", e.Status), slog.String("request_id", e.RequestID), slog.String("error", e.Error()))
	}
	return e
}
