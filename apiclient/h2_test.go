package apiclient

import (
	"bytes"
	"errors"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
)

// newTLSFake starts a server with TLS and HTTP/2, which counts connections.
func newTLSFake(t *testing.T, h http.Handler) (*Client, *atomic.Int32) {
	t.Helper()
	mux := http.NewServeMux()
	mux.Handle("/", h)
	mux.HandleFunc("/oauth/token", func(w http.ResponseWriter, r *http.Request) {
		io.WriteString(w, `{"access_token":"x"}`)
	})
	var conns atomic.Int32
	srv := httptest.NewUnstartedServer(mux)
	srv.EnableHTTP2 = true
	srv.Config.ErrorLog = silent()
	srv.Config.ConnState = func(_ net.Conn, s http.ConnState) {
		if s == http.StateNew {
			conns.Add(1)
		}
	}
	srv.StartTLS()
	t.Cleanup(srv.Close)
	cfg := (&fake{}).config()
	cfg.APIURL, cfg.OAuthURL = srv.URL+"/api", srv.URL+"/oauth"
	cfg.RootCAs = srv.Client().Transport.(*http.Transport).TLSClientConfig.RootCAs
	cfg.Logger = nil
	c, err := New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(c.Close)
	return c, &conns
}

// Over HTTP/2 one connection carries all, and dropping a large body, which
// over HTTP/1.1 costs the connection, leaves it alone.
func TestHTTP2(t *testing.T) {
	want := content(2 << 20)
	c, conns := newTLSFake(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.ProtoMajor != 2 {
			t.Errorf("over %s", r.Proto)
		}
		switch r.URL.Path {
		case "/api/documents/cut/file":
			w.Write(want[:1<<20])
			panic(http.ErrAbortHandler)
		default:
			w.Header().Set("Content-Length", "2097152")
			w.Write(want)
		}
	}))
	get := func(id string) *File {
		t.Helper()
		f, err := c.File(t.Context(), FileRequest{ContractID: "OCB1", DocumentID: id})
		if err != nil {
			t.Fatal(err)
		}
		return f
	}
	for range 20 {
		get("large").Body.Close()
	}
	f := get("large")
	got, err := io.ReadAll(f.Body)
	f.Body.Close()
	if err != nil || !bytes.Equal(got, want) || f.Size != int64(len(want)) {
		t.Errorf("%d of %d bytes, %v", len(got), f.Size, err)
	}
	f = get("cut")
	defer f.Body.Close()
	if _, err := io.ReadAll(f.Body); !errors.Is(err, ErrUnreachable) {
		t.Error(err)
	}
	if conns.Load() != 1 {
		t.Errorf("%d connections", conns.Load())
	}
}

// A certificate that nobody vouches for is named, and not tried again.
func TestUnknownCertificate(t *testing.T) {
	c, _ := newTLSFake(t, http.NotFoundHandler())
	c.transport.TLSClientConfig.RootCAs = nil
	_, err := c.Contracts(t.Context())
	if !errors.Is(err, ErrUnreachable) || !strings.Contains(err.Error(), "certificate") {
		t.Error(err)
	}
	if n := c.Stats().Calls["token"]["network"]; n != 1 {
		t.Errorf("%d tries", n)
	}
}
