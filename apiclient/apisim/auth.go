package apisim

import (
	"crypto/rand"
	"crypto/subtle"
	"encoding/hex"
	"mime"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"time"
)

// What a server accepts by default: as long as the real ones, and plainly fake.
// The API key has the characters that break careless quoting: +, / and =.
const (
	ClientID     = "SIMULATEDclientIdNotARealOne0000"
	ClientSecret = "SIMULATEDsecret0"
	APIKey       = apiKey320 + apiKey320 + apiKey320 + apiKey64 + apiKey64 + apiKey64 + apiKey64 + apiKeyEnd
	apiKey64     = "SIMULATED+api/key+NOT/a/REAL+one+0123456789ABCDEFabcdef0123456+/"
	apiKey320    = apiKey64 + apiKey64 + apiKey64 + apiKey64 + apiKey64
	apiKeyEnd    = "SIMULATED+api/key+NOT/a/REAL+one+0123456789ABCDEFabcdef0123456w="
)

// auth keeps the credentials and the tokens given out.
type auth struct {
	mu                  sync.Mutex
	id, secret, key     string
	expires             map[string]time.Time // by token
	withdrawn, keysGone bool
}

func (a *auth) reset() {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.id == "" {
		a.id, a.secret, a.key = ClientID, ClientSecret, APIKey
	}
	if a.expires == nil {
		a.expires = make(map[string]time.Time)
	}
}

// serveToken answers the token call. Errors are OAuth's, not Orange's.
func (s *Server) serveToken(c *call) *apiError {
	if c.r.Method != http.MethodPost {
		c.w.Header().Set("Allow", http.MethodPost)
		return fail(http.StatusMethodNotAllowed, codeMethod, c.r.Method+" is not allowed here")
	}
	if err := s.limited(&s.tokens, s.Quirks.TokenLimit, time.Minute); err != nil {
		return err
	}
	// The collection of the guide also sends a header Content_Type, which means nothing.
	if t, _, _ := mime.ParseMediaType(c.r.Header.Get("Content-Type")); t != "application/x-www-form-urlencoded" {
		oauthError(c.w, http.StatusBadRequest, "invalid_request", "The body is not a form")
		return nil
	}
	grant := c.r.PostFormValue("grant_type")
	id, secret, ok := c.r.BasicAuth()
	switch {
	case grant == "":
		oauthError(c.w, http.StatusBadRequest, "invalid_request", "The parameter grant_type is missing")
	case grant != "client_credentials":
		oauthError(c.w, http.StatusBadRequest, "unsupported_grant_type", "The grant type is not supported")
	case !ok || !s.auth.client(id, secret):
		c.w.Header().Set("WWW-Authenticate", `Basic realm="apisim"`)
		oauthError(c.w, http.StatusUnauthorized, "invalid_client", "The client credentials are not valid")
	default:
		s.sendJSON(c, s.tokenAnswer())
	}
	return nil
}

// tokenAnswer gives out a new token; those given before stay good.
func (s *Server) tokenAnswer() string {
	lifetime := s.Quirks.TokenLifetime
	if lifetime <= 0 {
		lifetime = time.Hour
	}
	announced := s.Quirks.TokenAnnounced
	if announced <= 0 {
		announced = lifetime
	}
	seconds := strconv.FormatInt(int64(announced/time.Second), 10)
	if s.Quirks.ExpiresString {
		seconds = `"` + seconds + `"`
	}
	var o object
	o.str("token_type", "Bearer")
	o.str("access_token", s.auth.issue(s.Now(), lifetime))
	o.raw("expires_in", seconds)
	return o.end()
}

func oauthError(w http.ResponseWriter, status int, code, description string) {
	var o object
	o.str("error", code)
	o.str("error_description", description)
	writeBody(w, status, "application/json", o.end())
}

// client reports whether the credentials are the right ones.
func (a *auth) client(id, secret string) bool {
	a.mu.Lock()
	defer a.mu.Unlock()
	return !a.withdrawn && same(id, a.id) && same(secret, a.secret)
}

func same(a, b string) bool {
	return subtle.ConstantTimeCompare([]byte(a), []byte(b)) == 1
}

// issue makes a token. Tokens long expired are forgotten, so that a server
// left running does not grow.
func (a *auth) issue(now time.Time, lifetime time.Duration) string {
	token := "SIMULATED-" + randomHex(20)
	a.mu.Lock()
	defer a.mu.Unlock()
	for t, end := range a.expires {
		if now.Sub(end) > time.Hour {
			delete(a.expires, t)
		}
	}
	a.expires[token] = now.Add(lifetime)
	return token
}

// authorize checks the token, then the API key. A missing key is a missing
// header (400/25), a wrong one invalid credentials (401/41): api.md's table,
// the order is assumed.
func (s *Server) authorize(r *http.Request) *apiError {
	scheme, token, _ := strings.Cut(r.Header.Get("Authorization"), " ")
	if !strings.EqualFold(scheme, "Bearer") || token == "" {
		return fail(http.StatusUnauthorized, codeNoAuth, "The bearer token is missing")
	}
	s.auth.mu.Lock()
	defer s.auth.mu.Unlock()
	end, known := s.auth.expires[token]
	switch key := r.Header.Get(apiKeyHeader); {
	case !known:
		return fail(http.StatusUnauthorized, codeBadAuth, "The token is not valid")
	case !s.Now().Before(end):
		return fail(http.StatusUnauthorized, codeExpired, "The token has expired")
	case key == "":
		return fail(http.StatusBadRequest, codeMissingHead, "The header "+apiKeyHeader+" is missing")
	case s.auth.keysGone || !same(key, s.auth.key):
		return fail(http.StatusUnauthorized, codeBadAuth, "The API key is not valid")
	}
	return nil
}

// acceptsJSON wants application/json by name: with a wildcard alone the
// platform may answer as to a missing header.
func acceptsJSON(r *http.Request) bool {
	for _, line := range r.Header.Values("Accept") {
		for part := range strings.SplitSeq(line, ",") {
			if t, _, err := mime.ParseMediaType(part); err == nil && t == "application/json" {
				return true
			}
		}
	}
	return false
}

// RevokeTokens makes every token given out so far unknown (401/41).
func (s *Server) RevokeTokens() {
	s.once.Do(s.start)
	s.auth.mu.Lock()
	defer s.auth.mu.Unlock()
	clear(s.auth.expires)
}

// ExpireTokens makes every token given out so far expired (401/42).
func (s *Server) ExpireTokens() {
	s.once.Do(s.start)
	s.auth.mu.Lock()
	defer s.auth.mu.Unlock()
	for t := range s.auth.expires {
		s.auth.expires[t] = s.Now()
	}
}

// SetCredentials changes what the server accepts. Tokens given out stay good.
func (s *Server) SetCredentials(clientID, clientSecret, apiKey string) {
	s.once.Do(s.start)
	s.auth.mu.Lock()
	defer s.auth.mu.Unlock()
	s.auth.id, s.auth.secret, s.auth.key = clientID, clientSecret, apiKey
	s.auth.withdrawn, s.auth.keysGone = false, false
}

// WithdrawCredentials refuses client, API key and all tokens from now on,
// until SetCredentials.
func (s *Server) WithdrawCredentials() {
	s.once.Do(s.start)
	s.auth.mu.Lock()
	defer s.auth.mu.Unlock()
	s.auth.withdrawn, s.auth.keysGone = true, true
	clear(s.auth.expires)
}

// randomHex gives n random bytes in hexadecimal.
func randomHex(n int) string {
	b := make([]byte, n)
	rand.Read(b) // never fails (crypto/rand)
	return hex.EncodeToString(b)
}

// requestID is unique, in the form of a UUID.
func requestID() string {
	h := randomHex(16)
	return h[:8] + "-" + h[8:12] + "-" + h[12:16] + "-" + h[16:20] + "-" + h[20:]
}
