package server

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
	"fmt"
	"io"
	"log/slog"
	"math/big"
	"net"
	"net/http"
	"net/http/cookiejar"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus/testutil"
	"go.uber.org/goleak"

	"ccsfs/apiclient/apisim"
	"ccsfs/cmd/ccsfs/internal/cmdtest"
	"ccsfs/cmd/ccsfs/internal/cmdutil"
	"ccsfs/cmd/ccsfs/internal/settings"
	"ccsfs/cmd/ccsfs/internal/simulated"
	"ccsfs/internal/osfile/osfiletest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// rig is a server of the simulated account.
type rig struct {
	*testing.T
	*Server
	sim    *apisim.Server
	stderr *bytes.Buffer
	log    string // a file
}

// serve runs a server with settings, as flags, until the test ends.
func serve(t *testing.T, flags map[string]string, change ...func(*apisim.Server)) *rig {
	t.Helper()
	r := &rig{T: t, sim: &apisim.Server{}, log: filepath.Join(t.TempDir(), "log")}
	for _, c := range change {
		c(r.sim)
	}
	api, err := simulated.Serve(t.Context(), r.sim, "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := api.Close(); err != nil {
			t.Error(err)
		}
	})
	env, _, stderr := cmdtest.Environment(t)
	r.stderr = stderr
	if flags["listen"] == "" {
		flags["listen"] = "127.0.0.1:0"
	}
	flags["log-file"] = r.log
	s, err := settings.Load(settings.Isolated(flags, filepath.Join(t.TempDir(), "cache"), t.TempDir()))
	if err != nil {
		t.Fatal(err)
	}
	api.Credentials(s)
	r.Server = start(t, env, s)
	return r
}

// start runs a server until the test ends, and waits until it answers.
func start(t *testing.T, env cmdutil.Environment, s *settings.Settings) *Server {
	t.Helper()
	ctx, cancel := context.WithCancel(context.Background()) // that of the test ends before its cleanup
	ended, serving := make(chan error, 1), make(chan *Server, 1)
	go func() { ended <- Run(ctx, env, s, Options{Serving: func(s *Server) { serving <- s }}) }()
	select {
	case server := <-serving:
		t.Cleanup(func() {
			cancel()
			if err := <-ended; err != nil {
				t.Error(err)
			}
		})
		return server
	case err := <-ended:
		cancel()
		t.Fatal(err)
	}
	return nil
}

// get asks once, by a connection of its own unless c is given.
func get(t *testing.T, c *http.Client, at string, change func(*http.Request)) (int, string) {
	t.Helper()
	if c == nil {
		c = &http.Client{Transport: &http.Transport{DisableKeepAlives: true}}
	}
	req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, at, nil)
	if err != nil {
		t.Fatal(err)
	}
	if change != nil {
		change(req)
	}
	resp, err := c.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	b, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	return resp.StatusCode, string(b)
}

const invoice = "dav/OCB0001234/Invoice_OCB0001234_202610.pdf"

// A browser is let in by the address that is printed, once, and its cookie does from then on.
func TestABrowserIsLetIn(t *testing.T) {
	r := serve(t, map[string]string{})
	_, rest, ok := strings.Cut(r.stderr.String(), "in a browser, once:    ")
	if !ok {
		t.Fatal(r.stderr.String())
	}
	at, _, _ := strings.Cut(rest, "\n")
	jar, err := cookiejar.New(nil)
	if err != nil {
		t.Fatal(err)
	}
	mine := &http.Client{Jar: jar, Transport: &http.Transport{DisableKeepAlives: true}}
	if status, body := get(t, mine, at, nil); status != 200 || !strings.Contains(body, `content="0;url=/"`) {
		t.Fatalf("%d %s", status, body)
	}
	if status, body := get(t, mine, r.place.address+invoice, nil); status != 200 || !strings.HasPrefix(body, "%PDF-") {
		t.Errorf("%d %s", status, body)
	}
	if status, _ := get(t, nil, at, nil); status != 401 {
		t.Errorf("a second browser: %d", status)
	}
}

// certify writes a certificate for a name, and its key, and returns it.
func certify(t *testing.T, dir, name string) *x509.Certificate {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(time.Now().UnixNano()), Subject: pkix.Name{CommonName: name}, DNSNames: []string{name},
		IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)}, NotAfter: time.Now().Add(time.Hour), IsCA: true, BasicConstraintsValid: true,
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		t.Fatal(err)
	}
	private, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	for file, block := range map[string]*pem.Block{"cert.pem": {Type: "CERTIFICATE", Bytes: der}, "key.pem": {Type: "PRIVATE KEY", Bytes: private}} {
		if err := os.WriteFile(filepath.Join(dir, file), pem.EncodeToMemory(block), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	cert, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	return cert
}

// trusting is a client that trusts a certificate, and finds the server under any name.
func trusting(cert *x509.Certificate, address string) *http.Client {
	pool := x509.NewCertPool()
	pool.AddCert(cert)
	return &http.Client{Transport: &http.Transport{
		TLSClientConfig: &tls.Config{RootCAs: pool, MinVersion: tls.VersionTLS12}, ForceAttemptHTTP2: true,
		DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
			return (&net.Dialer{}).DialContext(ctx, "tcp", address)
		},
	}}
}

// Other machines connect by TLS, under the names of the certificate.
func TestTLS(t *testing.T) {
	dir := t.TempDir()
	cert := certify(t, dir, "bills.example.com")
	password := filepath.Join(dir, "password")
	if err := os.WriteFile(password, []byte("a good password\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	r := serve(t, map[string]string{"listen": "0.0.0.0:0", "tls-cert": filepath.Join(dir, "cert.pem"), "tls-key": filepath.Join(dir, "key.pem"), "password-file": password})
	if !strings.HasPrefix(r.place.address, "https://bills.example.com:") {
		t.Errorf("it says that it is at %s", r.place.address)
	}
	_, port, err := net.SplitHostPort(strings.TrimSuffix(strings.TrimPrefix(r.place.address, "https://"), "/"))
	if err != nil {
		t.Fatal(err)
	}
	c := trusting(cert, "127.0.0.1:"+port)
	t.Cleanup(c.CloseIdleConnections)
	auth := func(req *http.Request) { req.SetBasicAuth("ccsfs", "a good password") }
	if status, body := get(t, c, r.place.address+invoice, auth); status != 200 || !strings.HasPrefix(body, "%PDF-") {
		t.Errorf("%d %.80s", status, body)
	}
	if status, _ := get(t, c, "https://127.0.0.1:"+port+"/"+invoice, auth); status != 200 {
		t.Errorf("by its address: %d", status)
	}
	if status, _ := get(t, c, r.place.address, func(req *http.Request) { req.Host = "evil.example"; auth(req) }); status != 421 {
		t.Errorf("by another name: %d", status)
	}
	if status, body := get(t, nil, "http://127.0.0.1:"+port+"/", nil); status != 400 || !strings.Contains(body, "HTTPS") {
		t.Errorf("without TLS: %d %s", status, body)
	}
}

// A certificate is renewed while the server goes on; one that is broken is not taken.
func TestARenewedCertificate(t *testing.T) {
	dir := t.TempDir()
	certify(t, dir, "bills.example.com")
	var log strings.Builder
	c, err := newCertificate(filepath.Join(dir, "cert.pem"), filepath.Join(dir, "key.pem"), slog.New(slog.NewTextHandler(&log, nil)))
	if err != nil {
		t.Fatal(err)
	}
	renewed := certify(t, dir, "new.example.com")
	if err := os.Chtimes(c.cert, time.Now(), time.Now().Add(time.Minute)); err != nil { // the clock of files is coarse
		t.Fatal(err)
	}
	check := func(what string) {
		t.Helper()
		c.looked = time.Time{} // it is time to look
		if got, err := c.get(nil); err != nil || !bytes.Equal(got.Certificate[0], renewed.Raw) {
			t.Errorf("%s: the certificate of before, %v", what, err)
		}
	}
	check("renewed")
	if err := os.WriteFile(c.cert, []byte("half of it"), 0o600); err != nil {
		t.Fatal(err)
	}
	check("broken")
	check("broken, later")
	if n := strings.Count(log.String(), "cannot be used; the one before stays"); n != 1 {
		t.Errorf("told %d times: %s", n, log.String())
	}
	if got := c.names(); !slices.Contains(got, "new.example.com") || slices.Contains(got, "bills.example.com") {
		t.Errorf("its names are %v", got)
	}
}

// The address that is printed is the one that the desktop is given: only the last one lets
// anybody in.
func TestTheDesktopIsGivenThePrintedAddress(t *testing.T) {
	r := serve(t, map[string]string{})
	t.Setenv("PATH", t.TempDir()) // there is no desktop
	r.env.Dirs.Temp = t.TempDir()
	var said bytes.Buffer
	r.env.Stderr = &said
	defer r.announce(Options{Open: true})()
	_, rest, _ := strings.Cut(said.String(), "in a browser, once:")
	printed, _, _ := strings.Cut(strings.TrimSpace(rest), "\n")
	files, err := filepath.Glob(filepath.Join(r.env.Dirs.Temp, "*"))
	if err != nil || len(files) != 1 {
		t.Fatalf("%v, %v: %s", files, err, said.String())
	}
	file, err := os.ReadFile(files[0])
	if err != nil || printed == "" || !strings.Contains(string(file), "url="+printed+`"`) {
		t.Errorf("%v: %s is not in %s", err, printed, file)
	}
}

// By a unix socket a proxy says who asks; the socket of a dead process is replaced, and one
// that answers is not.
func TestUnixSocket(t *testing.T) {
	osfiletest.NeedsSockets(t)
	path := filepath.Join(t.TempDir(), "s")
	l, err := net.ListenUnix("unix", &net.UnixAddr{Name: path, Net: "unix"})
	if err != nil {
		t.Fatal(err)
	}
	l.SetUnlinkOnClose(false)
	l.Close()
	r := serve(t, map[string]string{"listen": "unix:" + path, "trusted-proxy": "unix"})
	info, err := os.Stat(path)
	if err != nil || info.Mode().Perm() != 0o660 {
		t.Errorf("%v, %v", info.Mode(), err)
	}
	c := &http.Client{Transport: &http.Transport{
		DisableKeepAlives: true,
		DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
			return (&net.Dialer{}).DialContext(ctx, "unix", path)
		},
	}}
	if status, _ := get(t, c, "http://localhost/"+invoice, func(req *http.Request) { req.Header.Set("X-Forwarded-User", "anna") }); status != 200 {
		t.Errorf("%d", status)
	}
	if status, _ := get(t, c, "http://localhost/"+invoice, nil); status != 401 {
		t.Errorf("nobody: %d", status)
	}
	log, err := os.ReadFile(r.log)
	if err != nil || !strings.Contains(string(log), "user=anna remote=unix") {
		t.Errorf("%v %s", err, log)
	}
	second := &Server{settings: &settings.Settings{}}
	if _, err := second.listenUnix(t.Context(), path); err == nil || !strings.Contains(err.Error(), "already") {
		t.Errorf("a second server: %v", err)
	}
}

// Names are such that Windows takes them, unless somebody wants them as they are.
func TestNamesOfTheDrive(t *testing.T) {
	odd := func(sim *apisim.Server) {
		if err := sim.AddDocument("OCB0001234", apisim.Document{ID: "odd", Type: "bills", Filename: "a:b?.pdf", Period: "202610", Content: apisim.Bytes([]byte("%PDF-1.4\nodd\n%%EOF\n"))}); err != nil {
			t.Fatal(err)
		}
	}
	password := filepath.Join(t.TempDir(), "password")
	if err := os.WriteFile(password, []byte("a good password\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	for flag, name := range map[string]string{"": "a_b_.pdf", "false": "a:b%3F.pdf"} {
		flags := map[string]string{"password-file": password}
		if flag != "" {
			flags["portable-names"] = flag
		}
		r := serve(t, flags, odd)
		status, body := get(t, nil, r.place.address+"dav/OCB0001234/"+name, func(req *http.Request) { req.SetBasicAuth("ccsfs", "a good password") })
		if status != 200 || !strings.Contains(body, "odd") {
			t.Errorf("%s: %d %s", name, status, body)
		}
	}
}

// What comes with a request is bounded.
func TestBodies(t *testing.T) {
	r := serve(t, map[string]string{})
	c := &http.Client{Transport: &http.Transport{DisableKeepAlives: true}}
	for size, want := range map[int]int{maxBody + 1: 413, 10: 401} {
		resp, err := c.Post(r.place.address, "text/plain", strings.NewReader(strings.Repeat("x", size)))
		if err != nil {
			t.Fatal(err)
		}
		resp.Body.Close()
		if resp.StatusCode != want {
			t.Errorf("%d bytes: %d", size, resp.StatusCode)
		}
	}
}

// Whoever announces a body and does not send it is answered when its time is over, and holds
// no connection after that.
func TestABodyThatNeverComes(t *testing.T) {
	for _, sent := range []string{"", "x", strings.Repeat("x", maxBody+1)} {
		web := httptest.NewServer(newCounts().count(bodies(http.NotFoundHandler(), 20*time.Millisecond)))
		defer web.Close()
		c, err := net.Dial("tcp", web.Listener.Addr().String())
		if err != nil {
			t.Fatal(err)
		}
		defer c.Close()
		if err := c.SetDeadline(time.Now().Add(cmdtest.Patience)); err != nil {
			t.Fatal(err)
		}
		if _, err := fmt.Fprintf(c, "PROPFIND / HTTP/1.1\r\nHost: x\r\nContent-Length: 100000\r\n\r\n%s", sent); err != nil {
			t.Fatal(err)
		}
		answer, err := io.ReadAll(c)
		if want := map[bool]string{false: "HTTP/1.1 400 ", true: "HTTP/1.1 413 "}[len(sent) > maxBody]; !strings.HasPrefix(string(answer), want) {
			t.Errorf("of %d bytes: %q, %v", len(sent), answer, err)
		}
	}
}

// A bug breaks one connection, and is told.
func TestABug(t *testing.T) {
	var log strings.Builder
	s := &Server{logger: slog.New(slog.NewTextHandler(&log, nil))}
	for _, v := range []any{"a bug", http.ErrAbortHandler} {
		func() {
			defer func() {
				if got := recover(); got != any(http.ErrAbortHandler) {
					t.Errorf("%v", got)
				}
			}()
			s.survived(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { panic(v) })).ServeHTTP(nil, httptest.NewRequest(http.MethodGet, "/", nil))
		}()
	}
	if strings.Count(log.String(), "level=ERROR") != 1 || !strings.Contains(log.String(), "panic=\"a bug\"") {
		t.Error(log.String())
	}
}

// The numbers for Prometheus say what was answered, by face.
func TestCounts(t *testing.T) {
	r := serve(t, map[string]string{})
	for range 3 {
		if status, body := get(t, nil, r.place.address+"healthz", nil); status != 200 || body != "ok\n" {
			t.Errorf("%d %q", status, body)
		}
		get(t, nil, r.place.address+invoice, nil)
	}
	for _, tt := range []struct {
		face, status string
		want         float64
	}{{"probe", "200", 3}, {"drive", "401", 3}, {"page", "200", 0}} {
		if got := testutil.ToFloat64(r.counts.requests.WithLabelValues(tt.face, tt.status)); got != tt.want {
			t.Errorf("%s %s: %v", tt.face, tt.status, got)
		}
	}
}
