package metrics

import (
	"errors"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"
)

// served is a server that nobody can reach but by its handler.
func served(t *testing.T) *Server {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	s := Serve(l, slog.New(slog.DiscardHandler))
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
	return s
}

func wantAnswer(t *testing.T, s *Server, method, path string, status int, body string) {
	t.Helper()
	w := httptest.NewRecorder()
	s.http.Handler.ServeHTTP(w, httptest.NewRequest(method, path, nil))
	if w.Code != status || w.Body.String() != body {
		t.Errorf("%s %s: %d %q, want %d %q", method, path, w.Code, w.Body, status, body)
	}
	if kind := w.Header().Get("Content-Type"); body != "" && kind != "text/plain; charset=utf-8" {
		t.Errorf("%s: %s", path, kind)
	}
}

// From the start to the end of a mount.
func TestProbes(t *testing.T) {
	s := served(t)
	wantAnswer(t, s, "GET", "/healthz", 200, "ok\n")
	wantAnswer(t, s, "GET", "/readyz", 503, "not ready: not mounted yet\n")
	wantAnswer(t, s, "GET", "/metrics", 503, "no metrics: not mounted yet\n")

	alive, note, err := true, "", error(nil)
	metrics := http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { answer(w, 200, "metrics") })
	s.Mounted(metrics, Probes{Alive: func() bool { return alive }, Ready: func() (string, error) { return note, err }})
	wantAnswer(t, s, "GET", "/healthz", 200, "ok\n")
	wantAnswer(t, s, "GET", "/readyz", 200, "ready\n")
	wantAnswer(t, s, "GET", "/metrics", 200, "metrics\n")
	wantAnswer(t, s, "POST", "/readyz", 405, "Method Not Allowed\n")
	note = "the API is out of reach"
	wantAnswer(t, s, "GET", "/readyz", 200, "ready: the API is out of reach\n")
	err = errors.New("the API refuses the credentials")
	wantAnswer(t, s, "GET", "/readyz", 503, "not ready: the API refuses the credentials\n")
	wantAnswer(t, s, "GET", "/healthz", 200, "ok\n") // a restart would not mend it
	alive = false
	wantAnswer(t, s, "GET", "/healthz", 503, "the mount does not answer\n")
	wantAnswer(t, s, "GET", "/readyz", 503, "not ready: the mount does not answer\n")

	s.Stopping()
	wantAnswer(t, s, "GET", "/readyz", 503, "not ready: unmounting\n")
	wantAnswer(t, s, "GET", "/healthz", 200, "ok\n") // who ends it by a signal wants no restart
	wantAnswer(t, s, "GET", "/metrics", 200, "metrics\n")
}

func TestStoppingBeforeThereIsAMount(t *testing.T) {
	s := served(t)
	s.Stopping()
	wantAnswer(t, s, "GET", "/readyz", 503, "not ready: unmounting\n")
	wantAnswer(t, s, "GET", "/metrics", 503, "no metrics: unmounting\n")
}

// A mount that hangs is told in time, and asked once, however often somebody probes.
func TestAMountThatHangs(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var asked atomic.Int32
		goOn := make(chan struct{})
		b := &bounded{check: func() bool {
			asked.Add(1)
			<-goOn
			return true
		}}
		begin := time.Now()
		for range 100 {
			if b.ask(time.Second) {
				t.Fatal("it answers")
			}
		}
		if took := time.Since(begin); took != 100*time.Second || asked.Load() != 1 { // of the test's own clock
			t.Errorf("%v, asked %d times", took, asked.Load())
		}
		close(goOn)
		synctest.Wait()
		if !b.ask(time.Second) || asked.Load() != 2 {
			t.Errorf("still does not answer; asked %d times", asked.Load())
		}
	})
}

// Whoever announces a body and does not send it holds no connection for long: net/http waits
// for the rest of it before it answers.
func TestBodiesHaveTheirTime(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	s := Serve(l, slog.New(slog.DiscardHandler))
	if s.http.ReadTimeout == 0 {
		t.Error("there is no bound")
	}
	if err := s.Close(); err != nil {
		t.Error(err)
	}
}
