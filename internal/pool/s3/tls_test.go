package s3_test

import (
	"crypto/tls"
	"encoding/pem"
	"errors"
	"io"
	"log"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/johannesboyne/gofakes3"
	"github.com/johannesboyne/gofakes3/backend/s3mem"

	"ccsfs/internal/pool"
	"ccsfs/internal/pool/s3"
)

// service serves the bucket pool by TLS, and returns the server and a file of who signed its
// certificate.
func service(t *testing.T, change func(*tls.Config)) (server *httptest.Server, caFile string) {
	t.Helper()
	backend := s3mem.New()
	if err := backend.CreateBucket("pool"); err != nil {
		t.Fatal(err)
	}
	server = httptest.NewUnstartedServer(gofakes3.New(backend).Server())
	server.TLS, server.Config.ErrorLog = &tls.Config{}, log.New(io.Discard, "", 0)
	change(server.TLS)
	server.StartTLS()
	t.Cleanup(server.Close)
	caFile = filepath.Join(t.TempDir(), "ca.pem")
	block := &pem.Block{Type: "CERTIFICATE", Bytes: server.Certificate().Raw}
	if err := os.WriteFile(caFile, pem.EncodeToMemory(block), 0o600); err != nil {
		t.Fatal(err)
	}
	return server, caFile
}

// A service whose certificate somebody signed whom the system does not trust can be trusted all
// the same, by either of two files.
func TestAuthorities(t *testing.T) {
	server, caFile := service(t, func(*tls.Config) {})
	for name, test := range map[string]struct{ bundle, caFile string }{
		"AWS_CA_BUNDLE": {caFile, ""}, "ca-file": {"", caFile}, "both": {caFile, caFile},
	} {
		t.Run(name, func(t *testing.T) {
			setenv(t)
			t.Setenv("AWS_CA_BUNDLE", test.bundle)
			for what, err := range each(t, openAt(t, "s3://pool/p?endpoint="+server.URL, s3.Options{CAFile: test.caFile})) {
				if err != nil && what != "get" { // nothing is there
					t.Errorf("%s: %v", what, err)
				}
			}
		})
	}
	setenv(t)
	a, err := s3.ParseAddress("s3://pool/p?endpoint=" + server.URL)
	if err != nil {
		t.Fatal(err)
	}
	for _, path := range []string{os.DevNull, caFile + ".missing"} {
		if _, err := s3.Open(a, s3.Options{CAFile: path}); !errors.Is(err, pool.ErrRefused) || !strings.Contains(err.Error(), "ca-file") {
			t.Errorf("%s: %v", path, err)
		}
	}
}

// What is wrong with TLS does not pass, and it is told what to do.
func TestWrongTLS(t *testing.T) {
	server, caFile := service(t, func(*tls.Config) {})
	asks, asksCA := service(t, func(c *tls.Config) { c.ClientAuth, c.MaxVersion = tls.RequireAnyClientCert, tls.VersionTLS12 })
	old, oldCA := service(t, func(c *tls.Config) { c.MinVersion, c.MaxVersion = tls.VersionTLS10, tls.VersionTLS11 })
	plain := httptest.NewServer(http.NotFoundHandler())
	t.Cleanup(plain.Close)
	for name, test := range map[string]struct{ url, caFile, word string }{
		"nobody trusted signed it": {server.URL, "", "AWS_CA_BUNDLE"},
		"another name":             {strings.Replace(server.URL, "127.0.0.1", "localhost", 1), caFile, "another name"},
		"asks for one of ours":     {asks.URL, asksCA, "without a certificate of ours"},
		"too old":                  {old.URL, oldCA, "refuses TLS as we speak it"},
		"it speaks none":           {strings.Replace(plain.URL, "http:", "https:", 1), "", "does not speak TLS"},
	} {
		t.Run(name, func(t *testing.T) {
			setenv(t)
			s := openAt(t, "s3://pool/p?endpoint="+test.url, s3.Options{CAFile: test.caFile})
			for what, err := range each(t, s) {
				if !errors.Is(err, pool.ErrRefused) || errors.Is(err, pool.ErrAway) || !strings.Contains(err.Error(), test.word) {
					t.Errorf("%s: %v, want %q", what, err, test.word)
				}
			}
		})
	}
}

// What a service answers to a question that it does not know is not taken for its being away.
func TestCheckOfAServiceThatKnowsLess(t *testing.T) {
	backend := s3mem.New()
	if err := backend.CreateBucket("pool"); err != nil {
		t.Fatal(err)
	}
	less := gofakes3.New(backend).Server()
	s := lyingTo(t, s3.Options{}, func(w http.ResponseWriter, r *http.Request) {
		if q := r.URL.Query(); q.Has("versioning") || q.Has("lifecycle") || q.Has("object-lock") || q.Has("encryption") {
			r.URL.RawQuery = "list-type=2"
		}
		less.ServeHTTP(w, r)
	})
	for _, f := range s.Check(t.Context()) {
		if f.Err != nil || strings.Contains(f.Says, "away") {
			t.Errorf("%s: %s (%v)", f.About, f.Says, f.Err)
		}
	}
}
