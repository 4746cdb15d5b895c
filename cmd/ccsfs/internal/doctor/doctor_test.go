package doctor

import (
	"bytes"
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"io"
	"log"
	"math/big"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"ccsfs/cmd/ccsfs/internal/cmdtest"
	"ccsfs/cmd/ccsfs/internal/exitcode"
	"ccsfs/cmd/ccsfs/internal/settings"
)

// screen is a terminal.
type screen struct{ bytes.Buffer }

func (*screen) Terminal() bool { return true }

// Who waits for a check is told for which one, after two seconds.
func TestCheckThatTakesLong(t *testing.T) {
	for takes, want := range map[time.Duration]string{time.Second: "", time.Minute: "ccsfs: still looking at listing; Ctrl-C leaves\n"} {
		synctest.Test(t, func(t *testing.T) {
			env, _, _ := cmdtest.Environment(t)
			var seen screen
			env.Stderr = &seen
			d := newDoctor(env, nil)
			_, err := d.look(t.Context(), check{name: "listing", run: func(context.Context) (string, error) {
				time.Sleep(takes)
				return "", nil
			}})
			if err != nil || seen.String() != want {
				t.Errorf("%v: %q, %v", takes, seen.String(), err)
			}
		})
	}
}

// newTLSServer serves with a certificate of its own; nil: that of httptest.
func newTLSServer(t *testing.T, c *tls.Certificate) *httptest.Server {
	t.Helper()
	s := httptest.NewUnstartedServer(http.NotFoundHandler())
	s.Config.ErrorLog = log.New(io.Discard, "", 0) // handshakes that fail are the point
	if c != nil {
		s.TLS = &tls.Config{Certificates: []tls.Certificate{*c}}
	}
	s.StartTLS()
	t.Cleanup(s.Close)
	return s
}

// expired makes a certificate for 127.0.0.1 that was valid once.
func expired(t *testing.T) *tls.Certificate {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "Old One"}, IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)},
		NotBefore: time.Now().Add(-48 * time.Hour), NotAfter: time.Now().Add(-24 * time.Hour),
		IsCA: true, BasicConstraintsValid: true,
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		t.Fatal(err)
	}
	return &tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key}
}

func caFile(t *testing.T, s *httptest.Server) string {
	t.Helper()
	file := filepath.Join(t.TempDir(), "ca.pem")
	data := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: s.Certificate().Raw})
	if err := os.WriteFile(file, data, 0o600); err != nil {
		t.Fatal(err)
	}
	return file
}

func patient(ca string) *doctor {
	s := &settings.Settings{}
	s.API.Timeout, s.API.CAFile = 10*time.Second, ca
	return &doctor{settings: s}
}

func at(t *testing.T, text string) *url.URL {
	t.Helper()
	u, err := url.Parse(text)
	if err != nil {
		t.Fatal(err)
	}
	return u
}

func TestDoctorConnections(t *testing.T) {
	web, old := newTLSServer(t, nil), newTLSServer(t, expired(t))
	plainHTTP := httptest.NewServer(http.NotFoundHandler())
	t.Cleanup(plainHTTP.Close)
	asLocalhost := strings.Replace(web.URL, "127.0.0.1", "localhost", 1)
	for _, tt := range []struct {
		name, url, ca string
		want          []string
		fails         bool
	}{
		{"trusted", web.URL, caFile(t, web), []string{"TLS 1.3, certificate by Acme Co"}, false},
		{"plain", plainHTTP.URL, "", []string{"plain http"}, false},
		{"not trusted", web.URL, "", []string{"by Acme Co, whom this system does not trust", "--ca-file"}, true},
		{"another host", asLocalhost, caFile(t, web), []string{"not for localhost", "captive portal"}, true},
		{"expired", old.URL, caFile(t, old), []string{"not valid at this time", "clock"}, true},
		{"no TLS", strings.Replace(plainHTTP.URL, "http:", "https:", 1), "", []string{"does not speak TLS", "--api-url"}, true},
		{"nobody", "https://127.0.0.1:1", "", []string{"no connection to 127.0.0.1:1", "VPN"}, true},
	} {
		text, err := patient(tt.ca).connect(t.Context(), endpoint{base: at(t, tt.url)})
		if (err != nil) != tt.fails || err != nil && exitcode.Of(err) != exitcode.Unreachable {
			t.Errorf("%s: %q, %v", tt.name, text, err)
			continue
		}
		if err != nil {
			text = err.Error()
		}
		for _, want := range tt.want {
			if !strings.Contains(text, want) {
				t.Errorf("%s: %q does not say %q", tt.name, text, want)
			}
		}
	}
}

// A server that accepts, and says nothing.
func TestDoctorDoesNotHang(t *testing.T) {
	silent, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer silent.Close()
	d := patient("")
	d.settings.API.Timeout = 50 * time.Millisecond
	_, err = d.connect(t.Context(), endpoint{base: at(t, "https://"+silent.Addr().String())})
	if err == nil || !strings.Contains(err.Error(), "timed out") || !strings.Contains(err.Error(), "VPN") {
		t.Error(err)
	}
	_, err = d.connect(t.Context(), endpoint{base: at(t, "https://host.invalid"), proxy: at(t, "http://"+silent.Addr().String())})
	if err == nil || !strings.Contains(err.Error(), "proxy") || !strings.Contains(err.Error(), "timed out") {
		t.Error(err)
	}
}

// proxyServer is a proxy that wants a password, unless it is "", and refuses some hosts.
func proxyServer(t *testing.T, password string) *httptest.Server {
	t.Helper()
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_, got, _ := parseProxyAuth(r)
		switch {
		case r.Method != http.MethodConnect:
			w.WriteHeader(http.StatusMethodNotAllowed)
		case password != "" && got != password:
			w.WriteHeader(http.StatusProxyAuthRequired)
		case strings.HasPrefix(r.Host, "forbidden."):
			w.WriteHeader(http.StatusForbidden)
		default:
			relay(w, r.Host)
		}
	}))
	t.Cleanup(s.Close)
	return s
}

func parseProxyAuth(r *http.Request) (user, password string, ok bool) {
	return (&http.Request{Header: http.Header{"Authorization": r.Header["Proxy-Authorization"]}}).BasicAuth()
}

// relay copies both ways until one end closes.
func relay(w http.ResponseWriter, host string) {
	there, err := net.Dial("tcp", host)
	if err != nil {
		w.WriteHeader(http.StatusBadGateway)
		return
	}
	defer there.Close()
	here, _, err := w.(http.Hijacker).Hijack()
	if err != nil {
		return
	}
	_, _ = io.WriteString(here, "HTTP/1.1 200 Connection established\r\n\r\n")
	done := make(chan struct{})
	go func() {
		defer close(done)
		_, _ = io.Copy(there, here)
		_ = there.Close()
	}()
	_, _ = io.Copy(here, there)
	_ = here.Close()
	<-done
}

func TestDoctorThroughAProxy(t *testing.T) {
	web := newTLSServer(t, nil)
	open, locked := proxyServer(t, ""), proxyServer(t, "hunter2")
	ca := caFile(t, web)
	for _, tt := range []struct {
		name, base, proxy, want string
		fails                   bool
	}{
		{"through", web.URL, open.URL, " through the proxy 127.0.0.1:", false},
		{"with a password", web.URL, strings.Replace(locked.URL, "//", "//me:hunter2@", 1), "TLS 1.3", false},
		{"without one", web.URL, locked.URL, "wants a user name and a password", true},
		{"with a wrong one", web.URL, strings.Replace(locked.URL, "//", "//me:hunter3@", 1), "wants a user name", true},
		{"refused", "https://forbidden.invalid", open.URL, "refuses a connection to forbidden.invalid:443: 403", true},
		{"no proxy there", web.URL, "http://127.0.0.1:1", "no connection to the proxy", true},
		{"a kind that is not tried", web.URL, "socks5://127.0.0.1:1", "not tried", false},
	} {
		text, err := patient(ca).connect(t.Context(), endpoint{base: at(t, tt.base), proxy: at(t, tt.proxy)})
		if (err != nil) != tt.fails {
			t.Errorf("%s: %q, %v", tt.name, text, err)
			continue
		}
		if err != nil {
			text = err.Error()
		}
		if !strings.Contains(text, tt.want) || strings.Contains(text, "hunter") {
			t.Errorf("%s: %q", tt.name, text)
		}
	}
}

func TestDoctorNeedsChecks(t *testing.T) {
	known := map[string]bool{}
	for _, c := range (&doctor{}).checks() { // in this order
		for _, need := range c.needs {
			if !known[need] {
				t.Errorf("%s needs %s, which is no check before it", c.name, need)
			}
		}
		known[c.name] = true
	}
}

func TestDoctorIsInterrupted(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	d := &doctor{load: func() (*settings.Settings, error) { t.Error("a check began"); return nil, nil }}
	if err := d.examine(ctx, io.Discard); exitcode.Of(err) != exitcode.Failed {
		t.Error(err)
	}
}
