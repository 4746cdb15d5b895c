package apiclient

import (
	"encoding/base64"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"sync"
	"unicode"
)

const (
	maxText    = 300 // characters of a text from outside in an error
	keptTokens = 4   // tokens a late answer may still echo
	minSecret  = 4   // shorter ones would eat ordinary words
)

// redactor makes texts from outside fit to be shown: without secrets, even if
// the server echoes them, without control characters, which a terminal would
// obey, and of limited length.
type redactor struct {
	mu      sync.RWMutex
	secrets []string
	tokens  []string
}

func newRedactor(cfg *Config) *redactor {
	r := &redactor{}
	r.addCredentials(Credentials{cfg.ClientID, cfg.ClientSecret, cfg.APIKey})
	return r
}

// addCredentials makes them secrets, beside those there are: a late answer may still
// echo the ones before.
func (r *redactor) addCredentials(c Credentials) {
	r.mu.Lock()
	defer r.mu.Unlock()
	basic := url.QueryEscape(c.ClientID) + ":" + url.QueryEscape(c.ClientSecret)
	r.secrets = append(r.secrets, base64.StdEncoding.EncodeToString([]byte(basic)))
	for _, s := range []string{c.ClientSecret, c.APIKey} {
		if len(s) >= minSecret {
			r.secrets = append(r.secrets, s, url.QueryEscape(s), url.PathEscape(s))
		}
	}
	// Longest first: one may contain another.
	slices.SortFunc(r.secrets, func(a, b string) int { return len(b) - len(a) })
}

// addToken makes token a secret too.
func (r *redactor) addToken(token string) {
	if len(token) < minSecret {
		return
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	if slices.Contains(r.tokens, token) { // of the pool, which is looked at again and again
		return
	}
	r.tokens = append(r.tokens, token)
	if len(r.tokens) > keptTokens {
		r.tokens = slices.Clone(r.tokens[1:])
	}
}

var (
	authValue  = regexp.MustCompile(`(?i)\b(bearer|basic)\s+[A-Za-z0-9+/=._~%-]{6,}`)
	queryValue = regexp.MustCompile(`\?[^\s"')>]+`)
)

// clean returns s fit to be shown.
func (r *redactor) clean(s string) string { return shorten(r.cleanLong(s), maxText) }

// cleanLong is clean of what is not from outside, and as long as it must be.
func (r *redactor) cleanLong(s string) string {
	s = strings.Join(strings.FieldsFunc(strings.ToValidUTF8(s, "\uFFFD"), unprintable), " ")
	r.mu.RLock()
	for _, secret := range r.secrets {
		s = strings.ReplaceAll(s, secret, redacted)
	}
	for _, token := range r.tokens {
		s = strings.ReplaceAll(s, token, redacted)
	}
	r.mu.RUnlock()
	return authValue.ReplaceAllString(s, "$1 "+redacted)
}

// cleanURL is clean for texts that may contain URLs, whose queries may be
// signatures.
func (r *redactor) cleanURL(s string) string {
	return r.clean(queryValue.ReplaceAllString(s, "?…"))
}

// unprintable reports white space and what a terminal does not show as it is:
// control characters, and those that change the direction of text.
func unprintable(c rune) bool {
	return unicode.IsSpace(c) || unicode.IsControl(c) || unicode.In(c, unicode.Cf, unicode.Zl, unicode.Zp)
}

func shorten(s string, limit int) string {
	n := 0
	for i := range s {
		if n == limit {
			return s[:i] + "…"
		}
		n++
	}
	return s
}
