package hooks

import (
	"bytes"
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"crypto/tls"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"ccsfs/cmd/ccsfs/internal/change"
	"ccsfs/cmd/ccsfs/internal/cmdutil"
	"ccsfs/cmd/ccsfs/internal/exitcode"
	"ccsfs/cmd/ccsfs/internal/hooks/program"
	"ccsfs/cmd/ccsfs/internal/redacted"
	"ccsfs/cmd/ccsfs/internal/settings"
	"ccsfs/internal/authorities"
)

// Webhooks are those of the Standard Webhooks specification (standardwebhooks.com): the
// body has a type, a timestamp and data, and is signed together with an id and the time.

// leastSecret is how long a secret must be, in bytes: the specification has 24, and what
// is shorter than 16 can be guessed.
const leastSecret = 16

// newWebhook makes the hook that posts each change to an address.
func newWebhook(env cmdutil.Environment, s *settings.Settings, address string, insecure bool) (*Hook, error) {
	u, err := url.Parse(address)
	switch {
	case err != nil || u.Host == "" || u.Scheme != "https" && u.Scheme != "http": // it is not shown: it may hold a secret
		return nil, exitcode.Errorf(exitcode.Usage, "--webhook is no address of a web server; a good one is https://hooks.example.com/ccsfs")
	case u.User != nil:
		return nil, exitcode.Errorf(exitcode.Usage, "--webhook has a user or a password in its address, which everybody sees in ps; requests are signed instead")
	case u.Scheme == "http" && !insecure && !loopback(u.Hostname()):
		return nil, exitcode.Errorf(exitcode.Usage, "--webhook http://%s would be readable on the way; use https, or --webhook-insecure", u.Host)
	}
	key, err := signingKey(s.Hooks.WebhookSecret)
	if err != nil {
		return nil, exitcode.Errorf(exitcode.Settings, "%w", err)
	}
	transport, err := newTransport(s)
	if err != nil {
		return nil, err
	}
	client := &http.Client{Transport: transport, CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	h := &Hook{close: transport.CloseIdleConnections}
	h.deliver = func(ctx context.Context, m Message, _ Say) error {
		ctx, cancel := finish(ctx, h.timeout)
		defer cancel()
		err := post(ctx, client, u.String(), key, m, "ccsfs/"+env.Version)
		if errors.Is(ctx.Err(), context.DeadlineExceeded) {
			return fmt.Errorf("%s: no answer within --hook-timeout (%v)", u.Host, h.timeout)
		}
		if err != nil {
			return fmt.Errorf("%s: %w", u.Host, err)
		}
		return nil
	}
	return h, nil
}

// newTransport makes the connections to a receiver: by the proxy that the environment names,
// as for the API, to one with a certificate by an authority of the system or of ca_file. A
// company's receiver has the company's, others have public ones.
func newTransport(s *settings.Settings) (*http.Transport, error) {
	transport := http.DefaultTransport.(*http.Transport).Clone()
	transport.TLSClientConfig = &tls.Config{MinVersion: tls.VersionTLS12}
	if s.API.CAFile == "" {
		return transport, nil
	}
	pool, err := authorities.Beside(nil, s.API.CAFile)
	if err != nil {
		return nil, cmdutil.SettingsError(s.Reject("ca-file", err))
	}
	transport.TLSClientConfig.RootCAs = pool
	return transport, nil
}

// finish is a context that ends after a time, or a moment after ctx: what is on its way when
// ccsfs is told to end may be answered, or it would be told twice.
func finish(ctx context.Context, timeout time.Duration) (context.Context, func()) {
	out, cancel := context.WithTimeout(context.WithoutCancel(ctx), timeout)
	stop := context.AfterFunc(ctx, func() {
		select {
		case <-out.Done():
		case <-time.After(program.Finishing):
			cancel()
		}
	})
	return out, func() {
		stop()
		cancel()
	}
}

func loopback(host string) bool {
	ip := net.ParseIP(host)
	return host == "localhost" || ip != nil && ip.IsLoopback()
}

// signingKey is what a secret stands for: one that begins with whsec_ is base64, as the
// specification writes them, any other is taken as it is. Its errors do not show it.
func signingKey(secret redacted.Text) ([]byte, error) {
	key := []byte(secret.Reveal())
	if len(key) == 0 {
		return nil, errors.New(`--webhook needs a secret to sign with, which the receiver knows, too: webhook_secret
  Make one:  printf 'whsec_%s\n' "$(head -c 32 /dev/urandom | base64)" >FILE; chmod 600 FILE
  Give it:   export CCSFS_WEBHOOK_SECRET_FILE=FILE, or webhook_secret in config.toml`)
	}
	if text, is := strings.CutPrefix(secret.Reveal(), "whsec_"); is {
		var err error
		if key, err = base64.StdEncoding.DecodeString(text); err != nil {
			return nil, errors.New("webhook_secret begins with whsec_, and what follows is not base64")
		}
	}
	if len(key) < leastSecret {
		return nil, fmt.Errorf("webhook_secret is too short: it has %d bytes, and takes %d or more", len(key), leastSecret)
	}
	return key, nil
}

// webhookBody is what is posted. Its keys do not change.
type webhookBody struct {
	Type      string        `json:"type"`      // document.new, document.changed or document.gone
	Timestamp string        `json:"timestamp"` // when it was seen
	Data      change.Change `json:"data"`
}

// post sends a message, signed as of now. Only an answer of 200 to 299 is a success.
func post(ctx context.Context, client *http.Client, address string, key []byte, m Message, agent string) error {
	c := m.Changes[0]
	body, err := json.Marshal(webhookBody{Type: "document." + c.Kind, Timestamp: m.At.UTC().Format(time.RFC3339), Data: c})
	if err != nil {
		return err
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, address, bytes.NewReader(body))
	if err != nil {
		return errors.New("it is no address") // the error would show it
	}
	now := strconv.FormatInt(time.Now().Unix(), 10)
	req.Header.Set("Content-Type", "application/json")
	req.Header.Set("User-Agent", agent)
	req.Header.Set("Webhook-Id", m.ID)
	req.Header.Set("Webhook-Timestamp", now)
	req.Header.Set("Webhook-Signature", sign(key, m.ID, now, body))
	resp, err := client.Do(req)
	if err != nil {
		var wrapped *url.Error
		if errors.As(err, &wrapped) {
			err = wrapped.Err // without the address, which may hold a secret
		}
		return err
	}
	defer func() { _ = resp.Body.Close() }()
	_, _ = io.CopyN(io.Discard, resp.Body, 64<<10) // so that the connection can be used again
	return judge(resp)
}

// sign is the header Webhook-Signature.
func sign(key []byte, id, timestamp string, body []byte) string {
	mac := hmac.New(sha256.New, key)
	_, _ = fmt.Fprintf(mac, "%s.%s.%s", id, timestamp, body) // never fails
	return "v1," + base64.StdEncoding.EncodeToString(mac.Sum(nil))
}

// judge says what an answer means.
func judge(resp *http.Response) error {
	switch code := resp.StatusCode; {
	case code >= 200 && code < 300:
		return nil
	case code >= 300 && code < 400:
		return fmt.Errorf("HTTP %d leads elsewhere, which is not followed; name the address itself", code)
	case code == http.StatusGone:
		return fmt.Errorf("HTTP 410: %w; it is asked again after a restart", errEnough)
	case code == http.StatusTooManyRequests || code == http.StatusServiceUnavailable:
		err := fmt.Errorf("HTTP %d", code)
		if seconds, bad := strconv.ParseInt(resp.Header.Get("Retry-After"), 10, 32); bad == nil && seconds > 0 {
			return laterError{err, time.Duration(seconds) * time.Second}
		}
		return err
	default:
		return fmt.Errorf("HTTP %d", code)
	}
}
