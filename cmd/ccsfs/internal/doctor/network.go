package doctor

import (
	"bufio"
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/base64"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"strings"
	"time"

	"ccsfs/cmd/ccsfs/internal/cmdutil"
	"ccsfs/cmd/ccsfs/internal/exitcode"
	"ccsfs/cmd/ccsfs/internal/session"
	"ccsfs/internal/authorities"
)

const vpnHint = "A company VPN or proxy often blocks the API: try without the VPN, or set HTTPS_PROXY"

// endpoint is a server that ccsfs talks to, and the proxy on the way, if any.
type endpoint struct {
	base  *url.URL
	proxy *url.URL
}

// endpoints are the servers of the API and of its tokens, mostly one and the same.
func (d *doctor) endpoints() ([]endpoint, error) {
	var all []endpoint
	for _, text := range session.Unique([]string{hostOf(d.settings.API.URL), hostOf(d.settings.API.OAuthURL)}) {
		base, err := url.Parse(text)
		if err != nil {
			return nil, exitcode.Errorf(exitcode.Settings, "%s is not a URL", text)
		}
		proxy, err := http.ProxyFromEnvironment(&http.Request{URL: base})
		if err != nil { // it quotes the setting, which may hold a password
			return nil, exitcode.Errorf(exitcode.Settings, "the proxy in HTTPS_PROXY or HTTP_PROXY is not a valid URL; a good one is http://proxy.example.com:3128")
		}
		all = append(all, endpoint{base, proxy})
	}
	return all, nil
}

// hostOf returns scheme, host and port of a URL.
func hostOf(text string) string {
	u, err := url.Parse(text)
	if err != nil {
		return text
	}
	return u.Scheme + "://" + u.Host
}

// dialled is the server that a connection goes to first.
func (e endpoint) dialled() *url.URL {
	if e.proxy != nil {
		return e.proxy
	}
	return e.base
}

// address is host and port of a URL.
func address(u *url.URL) string {
	port := u.Port()
	if port == "" {
		port = map[string]string{"https": "443", "socks5": "1080", "socks5h": "1080"}[u.Scheme]
	}
	if port == "" {
		port = "80"
	}
	return net.JoinHostPort(u.Hostname(), port)
}

func (d *doctor) checkNames(ctx context.Context) (string, error) {
	if d.settings.API.Offline {
		return "", errSkipped("--offline")
	}
	all, err := d.endpoints()
	if err != nil {
		return "", err
	}
	var texts []string
	for _, e := range all {
		host := e.dialled().Hostname()
		ctx, cancel := context.WithTimeout(ctx, d.settings.API.Timeout)
		addresses, err := net.DefaultResolver.LookupHost(ctx, host)
		cancel()
		if err != nil {
			return "", d.unresolved(e, host, err)
		}
		text := fmt.Sprintf("%s is %s", host, addresses[0])
		if e.proxy != nil {
			text = fmt.Sprintf("proxy %s is %s (%s is up to it)", host, addresses[0], e.base.Hostname())
		}
		texts = append(texts, text)
	}
	return strings.Join(session.Unique(texts), "; "), nil
}

func (d *doctor) unresolved(e endpoint, host string, err error) error {
	what := "the name of the API's host cannot be resolved"
	hint := "Check the network and --api-url. " + vpnHint + "."
	if e.proxy != nil {
		what, hint = "the name of the proxy cannot be resolved", "Check HTTPS_PROXY."
	}
	var dns *net.DNSError
	if errors.As(err, &dns) && dns.IsNotFound {
		return exitcode.Errorf(exitcode.Unreachable, "%s: no such host: %s\n%s", what, host, hint)
	}
	return exitcode.Errorf(exitcode.Unreachable, "%s: %s: %w\n%s", what, host, err, hint)
}

func (d *doctor) checkConnections(ctx context.Context) (string, error) {
	if d.settings.API.Offline {
		return "", errSkipped("--offline")
	}
	all, err := d.endpoints()
	if err != nil {
		return "", err
	}
	var texts []string
	for _, e := range all {
		text, err := d.connect(ctx, e)
		if err != nil {
			return "", err
		}
		texts = append(texts, text)
	}
	return strings.Join(texts, "; "), nil
}

// connect opens a connection as the client would, up to TLS, and sends no request.
func (d *doctor) connect(ctx context.Context, e endpoint) (string, error) {
	ctx, cancel := context.WithTimeout(ctx, d.settings.API.Timeout)
	defer cancel()
	text := address(e.base)
	if e.proxy != nil {
		text += " through the proxy " + address(e.proxy)
		if strings.HasPrefix(e.proxy.Scheme, "socks") || e.base.Scheme == "http" {
			return text + ", not tried", nil
		}
	}
	direct, err := (&net.Dialer{}).DialContext(ctx, "tcp", address(e.dialled()))
	if err != nil {
		return "", notConnected(e, err)
	}
	defer func() { _ = direct.Close() }()
	conn := direct // or what a proxy makes of it
	if deadline, ok := ctx.Deadline(); ok {
		_ = conn.SetDeadline(deadline) // fails only on a closed connection
	}
	if e.base.Scheme == "http" {
		return text + ", plain http", nil
	}
	config, err := d.tlsConfig()
	if err != nil {
		return "", err
	}
	if e.proxy != nil {
		if conn, err = tunnel(ctx, conn, e, config); err != nil {
			return "", err
		}
	}
	config.ServerName = e.base.Hostname()
	secured := tls.Client(conn, config)
	if err := secured.HandshakeContext(ctx); err != nil {
		return "", explainTLS(e, err)
	}
	state := secured.ConnectionState()
	return fmt.Sprintf("%s, %s, certificate by %s", text, tls.VersionName(state.Version), issuer(state.PeerCertificates[0])), nil
}

func (d *doctor) tlsConfig() (*tls.Config, error) {
	config := &tls.Config{MinVersion: tls.VersionTLS12} // the platform's rule, as in the client
	if file := d.settings.API.CAFile; file != "" {
		pool, err := authorities.In(file)
		if err != nil {
			return nil, cmdutil.SettingsError(d.settings.Reject("ca-file", err))
		}
		config.RootCAs = pool
	}
	return config, nil
}

// tunnel asks a proxy for a connection to the API's host.
func tunnel(ctx context.Context, conn net.Conn, e endpoint, config *tls.Config) (net.Conn, error) {
	if e.proxy.Scheme == "https" {
		config := config.Clone()
		config.ServerName = e.proxy.Hostname()
		secured := tls.Client(conn, config)
		if err := secured.HandshakeContext(ctx); err != nil {
			return nil, explainTLS(endpoint{base: e.proxy}, err)
		}
		conn = secured
	}
	target := address(e.base)
	request := fmt.Sprintf("CONNECT %s HTTP/1.1\r\nHost: %[1]s\r\n", target)
	if user := e.proxy.User; user != nil {
		password, _ := user.Password()
		request += "Proxy-Authorization: Basic " + base64.StdEncoding.EncodeToString([]byte(user.Username()+":"+password)) + "\r\n"
	}
	if _, err := conn.Write([]byte(request + "\r\n")); err != nil {
		return nil, notConnected(e, err)
	}
	response, err := http.ReadResponse(bufio.NewReader(conn), &http.Request{Method: http.MethodConnect})
	if err != nil {
		return nil, notConnected(e, err)
	}
	defer response.Body.Close()
	switch response.StatusCode {
	case http.StatusOK:
		return conn, nil
	case http.StatusProxyAuthRequired:
		return nil, exitcode.Errorf(exitcode.Unreachable, "the proxy %s wants a user name and a password\nGive them in HTTPS_PROXY: http://USER:PASSWORD@%s", address(e.proxy), e.proxy.Host)
	}
	return nil, exitcode.Errorf(exitcode.Unreachable, "the proxy %s refuses a connection to %s: %s\nAsk its administrator to allow it.", address(e.proxy), target, response.Status)
}

func notConnected(e endpoint, err error) error {
	what, hint := "no connection to "+address(e.base), vpnHint+"."
	if e.proxy != nil {
		what, hint = "no connection to the proxy "+address(e.proxy), "Check HTTPS_PROXY."
	}
	if timedOut(err) {
		return exitcode.Errorf(exitcode.Unreachable, "%s: it timed out\n%s", what, hint)
	}
	return exitcode.Errorf(exitcode.Unreachable, "%s: %w\n%s", what, err, hint)
}

func timedOut(err error) bool {
	var timeout net.Error
	return errors.As(err, &timeout) && timeout.Timeout()
}

// explainTLS words trouble with TLS.
func explainTLS(e endpoint, err error) error {
	host := e.base.Hostname()
	var (
		unknown x509.UnknownAuthorityError
		name    x509.HostnameError
		invalid x509.CertificateInvalidError
		record  tls.RecordHeaderError
	)
	switch {
	case timedOut(err):
		return exitcode.Errorf(exitcode.Unreachable, "no TLS with %s: it timed out\n%s.", host, vpnHint)
	case errors.As(err, &unknown):
		by := "somebody unknown"
		if unknown.Cert != nil {
			by = issuer(unknown.Cert)
		}
		return exitcode.Errorf(exitcode.Unreachable, "the certificate of %s is by %s, whom this system does not trust\n"+
			"A company proxy that opens TLS does that: save its certificate, and name it with --ca-file.", host, by)
	case errors.As(err, &name):
		return exitcode.Errorf(exitcode.Unreachable, "the certificate that came is not for %s but for another host\n"+
			"A proxy or a captive portal answers in its place. %s.", host, vpnHint)
	case errors.As(err, &invalid) && invalid.Reason == x509.Expired:
		return exitcode.Errorf(exitcode.Unreachable, "the certificate of %s is not valid at this time (%s)\nIs the clock of this machine right?",
			host, time.Now().UTC().Format("2006-01-02 15:04 UTC"))
	case errors.As(err, &record):
		return exitcode.Errorf(exitcode.Unreachable, "%s does not speak TLS\nCheck --api-url. %s.", address(e.base), vpnHint)
	}
	return exitcode.Errorf(exitcode.Unreachable, "no TLS with %s: %w\n%s.", host, err, vpnHint)
}

// issuer names who signed a certificate.
func issuer(c *x509.Certificate) string {
	if len(c.Issuer.Organization) > 0 {
		return c.Issuer.Organization[0]
	}
	if c.Issuer.CommonName != "" {
		return c.Issuer.CommonName
	}
	return "an issuer without a name"
}
