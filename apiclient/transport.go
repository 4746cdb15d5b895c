package apiclient

import (
	"context"
	"crypto/tls"
	"errors"
	"net"
	"net/http"
	"net/url"
	"time"
)

// dialer opens connections; tests put one in memory in its place.
type dialer func(ctx context.Context, network, addr string) (net.Conn, error)

// newTransport makes the one connection pool of a Client.
func newTransport(cfg *Config, dial dialer) *http.Transport {
	if dial == nil {
		dial = (&net.Dialer{Timeout: cfg.Timeout, KeepAlive: 15 * time.Second}).DialContext
	}
	return &http.Transport{
		Proxy:       proxy,
		DialContext: dial,
		TLSClientConfig: &tls.Config{
			MinVersion:         tls.VersionTLS12, // the platform's rule
			RootCAs:            cfg.RootCAs,
			ClientSessionCache: tls.NewLRUClientSessionCache(64),
		},
		ForceAttemptHTTP2:      true, // DialContext and TLSClientConfig turn it off else
		TLSHandshakeTimeout:    cfg.Timeout,
		IdleConnTimeout:        90 * time.Second,
		MaxIdleConnsPerHost:    cfg.Connections + 1, // the token exchange has no slot
		MaxResponseHeaderBytes: 256 << 10,
		ReadBufferSize:         64 << 10,
		// A connection that died while the machine slept would else fail every
		// request put on it, each after the whole time-out.
		HTTP2: &http.HTTP2Config{SendPingTimeout: cfg.Timeout / 2, PingTimeout: cfg.Timeout / 2},
	}
}

// proxy is http.ProxyFromEnvironment, whose error quotes the setting, and that
// may hold a password.
func proxy(req *http.Request) (*url.URL, error) {
	u, err := http.ProxyFromEnvironment(req)
	if err != nil {
		return nil, errors.New("the proxy in HTTPS_PROXY or HTTP_PROXY is not a valid URL")
	}
	return u, nil
}
