package apiclient

import (
	"crypto/x509"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/url"
	"strings"
	"time"
	"unicode"
)

// The addresses of the API as the user guide's Postman environment has them.
const (
	DefaultAPIURL   = "https://api.orange.com/cloud/b2b/v1"
	DefaultOAuthURL = "https://api.orange.com/oauth/v3"
)

// Config says whom a Client talks to and how. Start from DefaultConfig: zero
// values other than RateLimit stand for the defaults too.
//
// Formatting a Config in any way, or logging it, hides its secrets.
type Config struct {
	APIURL   string // default DefaultAPIURL
	OAuthURL string // default DefaultOAuthURL; the token comes from OAuthURL + "/token"

	ClientID     string
	ClientSecret string
	APIKey       string
	// Renewed returns the credentials as they are set now, false if that cannot be
	// told. It is called before a token is asked for, and while the ones in use are
	// refused; where they are others, those are used from then on. It may read a
	// file; what takes longer than two seconds is not waited for. nil: they stay.
	Renewed func() (Credentials, bool)

	RateLimit   float64 // requests per second; 0: no limit. The API allows 25 to an application
	Burst       int     // requests that may go at once after a pause, default 3: with 20 a second, 23 in any second
	Connections int     // requests in flight at once, a body not yet closed included; default 16

	// Timeout limits the time to the headers of an answer, connecting included,
	// and the time without a byte while someone reads a body. A body that flows
	// has no limit. Default 30 s.
	Timeout time.Duration

	// Patience limits how long calls wait for an API that is out of reach after it
	// had been in reach, counted from the beginning of the outage: later ones fail
	// at once. An API that this Client has never reached is not waited for.
	// Default 90 s.
	Patience time.Duration

	// Shared is the path of a small file by which all processes that use the same
	// application share one rate, "" for none. Its directory must be there, and
	// nobody else's. A process with a lower RateLimit keeps to that. Where the file
	// cannot be used, which is logged once, the process keeps to its rate alone.
	Shared string

	// Pool is what clients on other machines that use the same application share with
	// this one: the rate, the token, and what is known of refused credentials. It is the
	// caller's, who closes it after the Client. It needs a RateLimit. nil: nobody is shared
	// with.
	Pool Pool

	UserAgent string         // default "ccsfs/dev"
	RootCAs   *x509.CertPool // nil: the system's
	Insecure  bool           // allow plain http to other hosts than loopback
	Logger    *slog.Logger   // nil: discard

	// Observe is told of each answer once its body has ended or was left, also those to
	// requests that are tried again; at the same time from several goroutines, which wait
	// for it. nil: nobody looks, and nothing is kept for that.
	Observe func(Answer)
}

// DefaultConfig returns the settings for the real API, without credentials.
func DefaultConfig() Config {
	return Config{
		APIURL:      DefaultAPIURL,
		OAuthURL:    DefaultOAuthURL,
		RateLimit:   20,
		Burst:       3,
		Connections: 16,
		Timeout:     30 * time.Second,
		Patience:    90 * time.Second,
		UserAgent:   "ccsfs/dev",
	}
}

// withDefaults fills in what was left zero. RateLimit stays: 0 means no limit.
func (c Config) withDefaults() Config {
	d := DefaultConfig()
	c.APIURL = strings.TrimRight(orDefault(c.APIURL, d.APIURL), "/")
	c.OAuthURL = strings.TrimRight(orDefault(c.OAuthURL, d.OAuthURL), "/")
	c.Burst = orDefault(c.Burst, d.Burst)
	c.Connections = orDefault(c.Connections, d.Connections)
	c.Timeout = orDefault(c.Timeout, d.Timeout)
	c.Patience = orDefault(c.Patience, d.Patience)
	c.UserAgent = orDefault(c.UserAgent, d.UserAgent)
	if c.Logger == nil {
		c.Logger = slog.New(slog.DiscardHandler)
	}
	return c
}

func orDefault[T comparable](v, def T) T {
	var zero T
	if v == zero {
		return def
	}
	return v
}

// validate reports everything that is wrong at once, so that a user mends the
// settings in one go. It never quotes a secret.
func (c Config) validate() error {
	return errors.Join(
		checkURL("API URL", c.APIURL, c.Insecure),
		checkURL("OAuth URL", c.OAuthURL, c.Insecure),
		c.validateSecrets(),
		checkAgent(c.UserAgent),
		checkLeast("rate limit", c.RateLimit, 0),
		checkLeast("burst", c.Burst, 1),
		checkLeast("number of connections", c.Connections, 1),
		checkLeast("time-out", c.Timeout, time.Millisecond),
		checkLeast("patience", c.Patience, time.Millisecond),
		c.checkPool(),
	)
}

func (c Config) validateSecrets() error {
	return errors.Join(
		checkSecret("client id", c.ClientID),
		checkSecret("client secret", c.ClientSecret),
		checkSecret("API key", c.APIKey),
	)
}

// checkPool refuses a pool that would have no rate to share.
func (c Config) checkPool() error {
	if c.Pool != nil && c.RateLimit == 0 {
		return errors.New("a rate that is shared with other machines must have a limit: set the rate limit to more than 0, such as 20 a second")
	}
	return nil
}

func checkURL(what, s string, insecure bool) error {
	u, err := url.Parse(s)
	switch {
	case err != nil || u.Host == "" || u.Opaque != "":
		return fmt.Errorf("the %s is not an absolute URL such as %s", what, DefaultAPIURL)
	case u.User != nil:
		return fmt.Errorf("the %s must not contain a user name or password", what)
	case u.RawQuery != "" || u.Fragment != "" || u.ForceQuery:
		return fmt.Errorf("the %s must not contain a query or a fragment", what)
	case u.Scheme == "https":
		return nil
	case u.Scheme != "http":
		return fmt.Errorf("the %s has the scheme %q, it must be https", what, u.Scheme)
	case !insecure && !isLoopback(u.Hostname()):
		return fmt.Errorf("the %s is plain http, which would show the credentials to anyone on the way: use https", what)
	}
	return nil
}

// isLoopback reports whether plain http to host stays on this machine.
func isLoopback(host string) bool {
	ip := net.ParseIP(host)
	return ip != nil && ip.IsLoopback() || strings.EqualFold(host, "localhost")
}

func checkSecret(what, s string) error {
	if s == "" {
		return fmt.Errorf("the %s is missing", what)
	}
	if strings.ContainsFunc(s, func(r rune) bool { return r <= ' ' || r >= 0x7f }) {
		return fmt.Errorf("the %s contains a space, a line end or a character that is not ASCII: was it copied whole?", what)
	}
	return nil
}

func checkAgent(s string) error {
	if strings.ContainsFunc(s, unicode.IsControl) {
		return errors.New("the user agent contains a control character")
	}
	return nil
}

func checkLeast[T int | float64 | time.Duration](what string, v, least T) error {
	if v >= least {
		return nil
	}
	return fmt.Errorf("the %s is %v, it must be at least %v", what, v, least) // NaN too
}

const redacted = "[redacted]"

// String shows the settings without secrets; of the client id the beginning.
func (c Config) String() string {
	return fmt.Sprintf("apiclient.Config{APIURL:%q OAuthURL:%q ClientID:%q ClientSecret:%s APIKey:%s RateLimit:%v Burst:%d Connections:%d Timeout:%v UserAgent:%q Insecure:%v}",
		c.APIURL, c.OAuthURL, beginning(c.ClientID), hide(c.ClientSecret), hide(c.APIKey),
		c.RateLimit, c.Burst, c.Connections, c.Timeout, c.UserAgent, c.Insecure)
}

// GoString is String, for %#v.
func (c Config) GoString() string { return c.String() }

// Format makes every verb print String: %+v and %x would show the fields else.
func (c Config) Format(f fmt.State, _ rune) { fmt.Fprint(f, c.String()) }

// LogValue implements slog.LogValuer.
func (c Config) LogValue() slog.Value {
	return slog.GroupValue(
		slog.String("api_url", c.APIURL),
		slog.String("oauth_url", c.OAuthURL),
		slog.String("client_id", beginning(c.ClientID)),
		slog.String("client_secret", hide(c.ClientSecret)),
		slog.String("api_key", hide(c.APIKey)),
		slog.Float64("rate_limit", c.RateLimit),
		slog.Int("connections", c.Connections),
		slog.Duration("timeout", c.Timeout),
	)
}

func hide(s string) string {
	if s == "" {
		return "(none)"
	}
	return redacted
}

func beginning(s string) string {
	if len(s) <= 8 {
		return hide(s)
	}
	return s[:4] + "…"
}
