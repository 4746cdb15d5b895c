package apiclient

import (
	"errors"
	"net/http"
	"time"
)

// auth adds the access token and the API key. After a 401 it renews the token
// once, if it is still the current one, and sends the request again.
type auth struct {
	next    http.RoundTripper
	tokens  *tokens
	wallet  *wallet
	timeout time.Duration
	askers  func() string // see Client.AsksFor
}

func (a *auth) RoundTrip(req *http.Request) (*http.Response, error) {
	cl := callOf(req)
	tok, err := a.tokens.get(req.Context(), cl)
	if err != nil {
		return nil, err
	}
	resp, err := a.next.RoundTrip(a.sign(req, tok))
	if err == nil {
		a.tokens.accepted(tok, false)
		a.tokens.forgives(cl)
		a.hear(tok, resp)
	}
	if !rejectedToken(err) {
		return resp, err
	}
	inARow := a.tokens.denies(cl, tok)
	fickle := a.tokens.fickle()
	if cl.denied++; fickle && cl.denied < deniedMost && inARow < deniedInARow {
		return nil, byTurns(err)
	}
	cl.denied = 0
	fresh, renewErr := a.tokens.renew(req.Context(), cl, tok)
	if renewErr != nil {
		return nil, renewErr
	}
	if fresh == tok && fickle {
		return nil, byTurns(err)
	}
	if fresh == tok {
		return nil, err
	}
	resp, err = a.next.RoundTrip(a.sign(req, fresh))
	if rejectedToken(err) && a.tokens.mayBeOld(fresh) {
		old := fresh
		if fresh, renewErr = a.tokens.renew(req.Context(), cl, old); renewErr != nil {
			return nil, renewErr
		}
		if fresh != old {
			resp, err = a.next.RoundTrip(a.sign(req, fresh))
		}
	}
	switch {
	case err == nil:
		a.tokens.accepted(fresh, true)
		a.hear(fresh, resp)
	case rejectedToken(err):
		a.tokens.rejectedAgain(fresh)
		if a.tokens.fickle() {
			return nil, byTurns(err)
		}
	}
	return resp, err
}

// deniedMost is how often a token must be rejected for one call, each time, until it is
// renewed where tokens are rejected and accepted by turns.
const deniedMost = 3

// deniedInARow is how often in a row it must be rejected for that, whatever calls it is:
// some have no time for as many tries.
const deniedInARow = 8

// byTurns marks a rejection as one that may pass.
func byTurns(err error) error {
	var e *Error
	if errors.As(err, &e) {
		e.fickle = true
	}
	return err
}

// hear takes in what a gateway says besides an answer.
func (a *auth) hear(tok *token, resp *http.Response) {
	if tok.gateway {
		fromGateway(resp)
	}
}

// sign returns a copy of req with the token and the key.
func (a *auth) sign(req *http.Request, tok *token) *http.Request {
	req = req.Clone(req.Context())
	req.Header.Set("Authorization", "Bearer "+tok.value)
	req.Header.Set(headerAPIKey, a.wallet.now.Load().APIKey)
	if tok.gateway {
		toGateway(req, a.timeout, a.askers())
	}
	return req
}

// rejectedToken reports a 401 of the API itself: those of a proxy's page or of
// another host are ErrProtocol.
func rejectedToken(err error) bool {
	var e *Error
	return errors.As(err, &e) && e.is(ErrUnauthorized) && e.Status == http.StatusUnauthorized
}
