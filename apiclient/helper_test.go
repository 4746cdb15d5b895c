package apiclient

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"hash/crc32"
	"io"
	"log"
	"log/slog"
	"net"
	"net/http"
	"os"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"

	"go.uber.org/goleak"
)

func TestMain(m *testing.M) {
	if path := os.Getenv(sharedChild); path != "" {
		takeTurns(path)
		os.Exit(0)
	}
	goleak.VerifyTestMain(m)
}

// What the tests look for in everything that is written: nothing of it may
// ever show.
const (
	testID     = "client-id-of-the-tests-0123456789"
	testSecret = "S3cretOfTheTests"
	testKey    = "K3yOfTheTests+with/base64=characters=="
	testToken  = "t0kenOfTheTests" // followed by a number
)

// memNet is a network in memory, so that tests run within synctest, where a
// read from a socket would stop the clock for ever.
type memNet struct {
	conns chan net.Conn
	done  chan struct{}
	once  sync.Once
	dials atomic.Int32
	fail  atomic.Pointer[error] // of the next dials
}

func newMemNet() *memNet { return &memNet{conns: make(chan net.Conn), done: make(chan struct{})} }

func (m *memNet) dial(ctx context.Context, _, _ string) (net.Conn, error) {
	m.dials.Add(1)
	if err := m.fail.Load(); err != nil {
		return nil, *err
	}
	ours, theirs := net.Pipe()
	select {
	case m.conns <- theirs:
		return ours, nil
	case <-m.done:
		return nil, net.ErrClosed
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

func (m *memNet) Accept() (net.Conn, error) {
	select {
	case c := <-m.conns:
		return c, nil
	case <-m.done:
		return nil, net.ErrClosed
	}
}

func (m *memNet) Close() error   { m.once.Do(func() { close(m.done) }); return nil }
func (m *memNet) Addr() net.Addr { return &net.TCPAddr{IP: net.IPv4(127, 0, 0, 1), Port: 80} }

// fake is a server for one test: a mux for the API under /api, and a token
// endpoint at /oauth/token that gives a new token each time.
type fake struct {
	*http.ServeMux
	t     *testing.T
	net   *memNet
	log   bytes.Buffer
	lock  sync.Mutex
	token atomic.Pointer[http.HandlerFunc] // in place of the token endpoint's own
	calls map[string]int                   // by path
}

// tokens returns the number of token calls.
func (f *fake) tokens() int { return f.count("/oauth/token") }

func (f *fake) count(path string) int {
	f.lock.Lock()
	defer f.lock.Unlock()
	return f.calls[path]
}

func (f *fake) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	f.lock.Lock()
	f.calls[r.URL.EscapedPath()]++
	n := f.calls[r.URL.EscapedPath()]
	f.lock.Unlock()
	if r.URL.Path != "/oauth/token" {
		f.ServeMux.ServeHTTP(w, r)
		return
	}
	if h := f.token.Load(); h != nil {
		(*h)(w, r)
		return
	}
	writeJSON(w, 200, map[string]any{"token_type": "Bearer", "access_token": fmt.Sprint(testToken, n), "expires_in": 3600})
}

// Write makes fake the writer of the log; handlers of slog write whole lines.
func (f *fake) Write(p []byte) (int, error) {
	f.lock.Lock()
	defer f.lock.Unlock()
	return f.log.Write(p)
}

func (f *fake) logged() string {
	f.lock.Lock()
	defer f.lock.Unlock()
	return f.log.String()
}

// api answers a path of the API.
func (f *fake) api(path string, h http.HandlerFunc) { f.HandleFunc("/api"+path, h) }

// answer answers a path of the API with a fixed text.
func (f *fake) answer(path string, status int, body string) {
	f.api(path, func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		w.Header().Set(headerRequestID, "req-42")
		w.WriteHeader(status)
		io.WriteString(w, body)
	})
}

// newFake starts a server and a client of it, both in memory, without a rate
// limit. Change the settings with the functions.
func newFake(t *testing.T, change ...func(*Config)) (*fake, *Client) {
	t.Helper()
	f := &fake{ServeMux: http.NewServeMux(), t: t, net: newMemNet(), calls: map[string]int{}}
	srv := &http.Server{Handler: f, ErrorLog: silent()}
	served := make(chan struct{})
	go func() { defer close(served); srv.Serve(f.net) }()
	cfg := f.config()
	for _, ch := range change {
		ch(&cfg)
	}
	c, err := newClient(cfg, f.net.dial)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		c.Close()
		srv.Close()
		<-served
	})
	return f, c
}

func (f *fake) config() Config {
	return Config{
		APIURL: "http://localhost/api", OAuthURL: "http://localhost/oauth",
		ClientID: testID, ClientSecret: testSecret, APIKey: testKey,
		Logger: slog.New(slog.NewJSONHandler(f, &slog.HandlerOptions{Level: slog.LevelDebug})),
	}
}

// silent is where the servers of the tests complain.
func silent() *log.Logger { return slog.NewLogLogger(slog.DiscardHandler, slog.LevelError) }

func writeJSON(w http.ResponseWriter, status int, v any) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	json.NewEncoder(w).Encode(v)
}

// apiError is an error body of the API.
func apiError(code int, message string) map[string]any {
	return map[string]any{"code": code, "message": message, "description": message + " indeed"}
}

// sample skips, with -short, all but a quarter of many combinations of the same.
func sample(t *testing.T) {
	t.Helper()
	if testing.Short() && crc32.ChecksumIEEE([]byte(t.Name()))%4 != 0 {
		t.Skip("one in four with -short")
	}
}

// inBubble runs a test with a clock of its own, which stands still while
// anything happens.
func inBubble(t *testing.T, f func(t *testing.T)) { synctest.Test(t, f) }
