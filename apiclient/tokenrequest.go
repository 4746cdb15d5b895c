package apiclient

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"strings"
	"time"

	"golang.org/x/oauth2"
	"golang.org/x/oauth2/clientcredentials"
)

const (
	usualLifetime = time.Hour      // where the answer names none; the guide's
	mostLifetime  = 24 * time.Hour // whatever the answer says
)

// tokenRequester exchanges the credentials for a token, by x/oauth2 over the
// client's own layers.
type tokenRequester struct {
	client *Client
	wallet *wallet
	url    string
	pool   *poolTokens // nil: what is had is not shared
	alone  bool        // the API is at the same server: what it says of itself with the token is of both
}

func newTokenRequester(c *Client, w *wallet, apiURL, oauthURL string) *tokenRequester {
	x := &tokenRequester{client: c, wallet: w, url: oauthURL + "/token", alone: sameServer(apiURL, oauthURL)}
	if c.wire.turns != nil {
		x.pool = &poolTokens{pool: c.wire.turns.pool, client: c, wallet: w, at: apiURL + " " + oauthURL}
	}
	return x
}

// known is the refusal that an exchange is sure to meet by now, nil if it is not: this
// process, or others, met it several times in a row.
func (x *tokenRequester) known(ctx context.Context) *Error {
	x.wallet.lookNow()
	wait, times := x.client.wire.refused(x.wallet.now.Load().digest())
	if wait <= 0 && x.pool != nil {
		wait, times = x.pool.refused(ctx)
	}
	if wait <= 0 {
		return nil
	}
	e := &Error{Op: opToken, kind: ErrCredentials, final: true, rejected: true}
	e.Message = fmt.Sprintf("the token endpoint refused them %d times in a row; nobody asks it again before %s", times, clock(time.Now().Add(wait)))
	e.hint = hintCredentials
	return e
}

func (x *tokenRequester) exchange(ctx context.Context) (*token, *Credentials, *Error) {
	x.wallet.lookNow()
	creds := x.wallet.now.Load()
	conf := clientcredentials.Config{
		ClientID:     creds.ClientID,
		ClientSecret: creds.ClientSecret,
		TokenURL:     x.url,
		AuthStyle:    oauth2.AuthStyleInHeader, // the guide's; trying the other too would be a call for nothing
	}
	ctx = context.WithValue(ctx, oauth2.HTTPClient, &http.Client{Transport: x})
	got, err := conf.Token(ctx)
	if err != nil {
		var e *Error
		if !errors.As(err, &e) {
			e = &Error{Op: opToken, kind: ErrProtocol, final: true, Message: x.client.clean.cleanURL(plain(err).Error())}
		}
		if e = tokenKind(e); e.is(ErrCredentials) {
			x.client.wire.answered(creds.digest(), true)
			x.pool.answered(ctx, creds, true)
		}
		x.client.counts.failed(e)
		return nil, creds, e
	}
	x.client.wire.answered(creds.digest(), false)
	now := time.Now()
	life := got.Expiry.Sub(now)
	version, _ := got.Extra(gatewayMember).(float64)
	gateway := version > 0 && x.alone
	x.client.wire.ofGateway(gateway)
	tok := &token{value: got.AccessToken, obtained: now, expires: got.Expiry, renewAt: now.Add(life - life/20), gateway: gateway}
	if gateway {
		tok.gateways = gatewaysOf(got)
	}
	if x.client.inCircle(tok.gateways) {
		e := &Error{Op: opToken, kind: ErrProtocol, final: true, Message: "the gateway that is asked asks this one itself"}
		e.hint = "one of them needs what Orange gave you, and the addresses of the API: leave out CCSFS_API_URL and CCSFS_OAUTH_URL there"
		x.client.counts.failed(e)
		return nil, creds, e
	}
	x.pool.answered(ctx, creds, false)
	x.pool.give(ctx, creds, tok)
	return tok, creds, nil
}

// gatewaysOf are the gateways that a token tells of.
func gatewaysOf(tok *oauth2.Token) (all []string) {
	told, _ := tok.Extra(gatewaysMember).([]any)
	for _, one := range told[:min(len(told), gatewaysMost)] {
		if name, ok := one.(string); ok && len(name) <= gatewayName {
			all = append(all, name)
		}
	}
	return all
}

// RoundTrip sends the token request for x/oauth2, and puts the answer into the
// one shape that it reads: it fails on an expires_in of "3600.0" or "", and
// takes text/plain for a form.
func (x *tokenRequester) RoundTrip(req *http.Request) (*http.Response, error) {
	cl := &call{op: opToken}
	var answer tokenAnswer
	resp, err := x.client.retry(x.client.wire, cl, req.WithContext(withCall(req.Context(), cl)), func(resp *http.Response) error {
		defer resp.Body.Close()
		b, err := io.ReadAll(io.LimitReader(resp.Body, maxErrorBytes))
		if err != nil {
			return err
		}
		if answer, err = parseToken(b); err != nil || resp.StatusCode != http.StatusOK {
			return x.odd(cl, resp, b, err)
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	x.client.clean.addToken(answer.AccessToken)
	b, err := json.Marshal(answer)
	if err != nil {
		return nil, cl.fail(ErrProtocol, "the token cannot be read")
	}
	resp.Header = http.Header{"Content-Type": {"application/json"}}
	resp.Body = io.NopCloser(bytes.NewReader(b))
	resp.ContentLength = int64(len(b))
	return resp, nil
}

func (x *tokenRequester) odd(cl *call, resp *http.Response, b []byte, err error) *Error {
	text := "it has no token"
	if err != nil {
		text = err.Error()
	}
	if isMarkup(resp.Header.Get("Content-Type"), b) {
		text = errMarkup.Error()
	}
	e := x.client.sender.odd(cl, resp, text)
	e.hint = hintProxy
	return e
}

// tokenKind is the meaning of a failed exchange. None of it says anything about
// a contract or a document, so it is never ErrNotFound or ErrForbidden.
func tokenKind(e *Error) *Error {
	switch {
	case e.is(ErrUnauthorized) || e.is(ErrForbidden) || e.is(ErrInvalid) && e.Status == http.StatusBadRequest:
		e.kind = ErrCredentials
		e.hint = hintCredentials
	case e.is(ErrInvalid) || e.is(ErrNotFound):
		e.kind = ErrProtocol
		e.hint = "check the OAuth URL"
	}
	return e
}

// tokenAnswer is the answer of the token endpoint in its plain form.
type tokenAnswer struct {
	AccessToken string `json:"access_token"`
	TokenType   string `json:"token_type"`
	ExpiresIn   int64  `json:"expires_in"`              // seconds
	Gateway     int    `json:"ccsfs_gateway,omitempty"` // its version

	Gateways []string `json:"ccsfs_gateways,omitempty"` // see gatewaysMember
}

// parseToken reads the answer of the token endpoint.
func parseToken(b []byte) (tokenAnswer, error) {
	var w struct {
		AccessToken text            `json:"access_token"`
		TokenType   text            `json:"token_type"`
		ExpiresIn   json.RawMessage `json:"expires_in"`
		Error       text            `json:"error"`
		Gateway     text            `json:"ccsfs_gateway"`
		Gateways    json.RawMessage `json:"ccsfs_gateways"`
	}
	if err := json.Unmarshal(trimBOM(b), &w); err != nil {
		return tokenAnswer{}, errors.New("it is not JSON")
	}
	switch {
	case w.Error != "":
		return tokenAnswer{}, fmt.Errorf("it is the error %q", string(w.Error))
	case w.AccessToken == "":
		return tokenAnswer{}, errors.New("it has no access_token")
	case !isToken(string(w.AccessToken)):
		return tokenAnswer{}, errors.New("its access_token contains characters that cannot be sent")
	case w.TokenType != "" && !strings.EqualFold(string(w.TokenType), "bearer"):
		return tokenAnswer{}, fmt.Errorf("its token_type is %q, not Bearer", string(w.TokenType))
	}
	life := parseLifetime(w.ExpiresIn)
	gateway, err := strconv.Atoi(string(w.Gateway))
	if err != nil || gateway < 0 {
		gateway = 0 // the API itself, or nothing that we know
	}
	a := tokenAnswer{AccessToken: string(w.AccessToken), TokenType: "Bearer", ExpiresIn: int64(life / time.Second), Gateway: gateway}
	if gateway > 0 && json.Unmarshal(w.Gateways, &a.Gateways) != nil {
		a.Gateways = nil // of a gateway of before, or nothing that we know
	}
	return a, nil
}

// parseLifetime reads expires_in: seconds, as a number or as a string. Without
// one that makes sense it is the guide's hour: if that is wrong, a 401 tells.
func parseLifetime(raw json.RawMessage) time.Duration {
	var t text
	if len(raw) > 0 {
		_ = t.UnmarshalJSON(raw) // a bad one is as good as none
	}
	seconds, err := strconv.ParseFloat(strings.TrimSpace(string(t)), 64)
	switch {
	case err != nil || !(seconds >= 1):
		return usualLifetime
	case seconds > mostLifetime.Seconds():
		return mostLifetime
	}
	return time.Duration(seconds) * time.Second
}

// isToken reports whether s can be sent in a header: visible ASCII.
func isToken(s string) bool {
	return !strings.ContainsFunc(s, func(r rune) bool { return r <= ' ' || r >= 0x7f })
}
