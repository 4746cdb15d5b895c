package apiclient

import (
	"fmt"
	"log/slog"
	"math"
	"strings"
	"testing"
	"time"
)

func silentLog() *slog.Logger { return slog.New(slog.DiscardHandler) }

func TestSettings(t *testing.T) {
	good := (&fake{}).config()
	tests := []struct {
		change func(*Config)
		says   string // "": fine
	}{
		{func(c *Config) {}, ""},
		{func(c *Config) { c.APIURL, c.OAuthURL = "", "" }, ""},
		{func(c *Config) { c.APIURL = "https://h/v1/" }, ""},
		{func(c *Config) { c.APIURL = "http://127.0.0.9:8080/" }, ""},
		{func(c *Config) { c.APIURL = "http://[::1]:8080/" }, ""},
		{func(c *Config) { c.APIURL = "http://example.com" }, "plain http"},
		{func(c *Config) { c.OAuthURL = "http://localhost.example.com" }, "OAuth URL is plain http"},
		{func(c *Config) { c.APIURL, c.Insecure = "http://example.com", true }, ""},
		{func(c *Config) { c.APIURL = "ftp://example.com" }, "must be https"},
		{func(c *Config) { c.APIURL = "api.orange.com" }, "absolute"},
		{func(c *Config) { c.APIURL = "https:///v1" }, "absolute"},
		{func(c *Config) { c.APIURL = "https://u:pw@h" }, "user name"},
		{func(c *Config) { c.APIURL = "https://h/?x=1" }, "query"},
		{func(c *Config) { c.APIURL = "https://h/#x" }, "fragment"},
		{func(c *Config) { c.APIURL = "https://h\x7f" }, "absolute"},
		{func(c *Config) { c.ClientID = "" }, "client id is missing"},
		{func(c *Config) { c.ClientSecret = "" }, "client secret is missing"},
		{func(c *Config) { c.APIKey = testKey + "\n" }, "API key contains a space"},
		{func(c *Config) { c.UserAgent = "a\r\nX-Evil: 1" }, "user agent"},
		{func(c *Config) { c.RateLimit = -1 }, "rate limit"},
		{func(c *Config) { c.RateLimit = math.NaN() }, "rate limit"},
		{func(c *Config) { c.Connections = -1 }, "connections"},
		{func(c *Config) { c.Burst = -1 }, "burst"},
		{func(c *Config) { c.Timeout = -time.Second }, "time-out"},
		{func(c *Config) { c.ClientID, c.APIKey = "", "" }, "API key is missing"},
	}
	for i, tt := range tests {
		cfg := good
		tt.change(&cfg)
		c, err := New(cfg)
		if (err == nil) != (tt.says == "") || err != nil && !strings.Contains(err.Error(), tt.says) {
			t.Errorf("%d: %v, want %q", i, err, tt.says)
		}
		if err != nil && hasSecret(err.Error()) {
			t.Errorf("%d: %v", i, err)
		}
		if c != nil {
			c.Close()
		}
	}
}

func TestDefaults(t *testing.T) {
	d := DefaultConfig()
	if d.APIURL != DefaultAPIURL || d.OAuthURL != DefaultOAuthURL || d.RateLimit != 20 || d.Burst != 3 ||
		d.Connections != 16 || d.Timeout != 30*time.Second || d.UserAgent != "ccsfs/dev" {
		t.Error(d)
	}
	z := Config{}.withDefaults()
	if z.RateLimit != 0 || z.Burst != 3 || z.Connections != 16 || z.Timeout != 30*time.Second || z.Patience != 90*time.Second || z.APIURL != DefaultAPIURL {
		t.Error(z)
	}
}

// hasSecret looks for anything that must never show.
func hasSecret(s string) bool {
	for _, secret := range []string{testSecret, testKey, testToken, "K3yOfTheTests", "c0ZUaGVUZXN0", "Basic Y2"} {
		if strings.Contains(s, secret) {
			return true
		}
	}
	return false
}

func TestFormattingShowsNoSecret(t *testing.T) {
	f, c := newFake(t)
	f.answer("/contracts", 200, `[]`)
	if _, err := c.Contracts(t.Context()); err != nil {
		t.Fatal(err)
	}
	cfg := f.config()
	var log strings.Builder
	slog.New(slog.NewTextHandler(&log, nil)).Info("x", "config", cfg, "pointer", &cfg, "client", c)
	slog.New(slog.NewJSONHandler(&log, nil)).Info("x", "config", cfg, "pointer", &cfg)
	texts := []string{log.String(), cfg.String(), cfg.GoString()}
	for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%x", "%X", "%d"} {
		for _, v := range []any{cfg, &cfg, c, []Config{cfg}, struct{ C Config }{cfg}, c.Stats()} {
			texts = append(texts, fmt.Sprintf(verb, v))
		}
	}
	for _, s := range texts {
		if hasSecret(s) || strings.Contains(s, fmt.Sprintf("%x", testSecret)) {
			t.Errorf("%s", s)
		}
	}
	if !strings.Contains(cfg.String(), "http://localhost/api") || !strings.Contains(log.String(), "api_url=http://localhost/api") {
		t.Error("what is no secret should show:", cfg)
	}
}
