package apisim

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"go.uber.org/goleak"
)

func TestFaultAnswers(t *testing.T) {
	for _, c := range []struct {
		name   string
		fault  Fault
		status int
		code   int
		body   string // "" with a code: not looked at
		header [2]string
	}{
		{"internal", Fault{Status: 500, Code: 1}, 500, 1, "", [2]string{"Content-Type", "application/json"}},
		{"over capacity", Fault{Status: 503, Code: 6}, 503, 6, "", [2]string{"Retry-After", ""}},
		{"too many", Fault{Status: 403, Code: 53}, 403, 53, "", [2]string{"Retry-After", ""}},
		{"too many, come back", Fault{Status: 429, Code: 53, RetryAfter: "7"}, 429, 53, "", [2]string{"Retry-After", "7"}},
		{"error object with 200", Fault{Status: 200, Code: 50}, 200, 50, "", [2]string{"Content-Type", "application/json"}},
		{"proxy's page", Fault{Status: 502, Body: HTMLPage}, 502, 0, HTMLPage, [2]string{"Content-Type", "text/html; charset=utf-8"}},
		{"captive portal", Fault{Body: HTMLPage}, 200, 0, HTMLPage, [2]string{"Content-Type", "text/html; charset=utf-8"}},
		{"null", Fault{Body: "null"}, 200, 0, "null", [2]string{"Content-Type", "application/json"}},
		{"own type", Fault{Body: "x", ContentType: "text/x"}, 200, 0, "x", [2]string{"Content-Type", "text/x"}},
		{"empty", Fault{Status: 200}, 200, 0, "", [2]string{"Content-Length", "0"}},
		{"padded", Fault{Body: "[", Pad: 100_000}, 200, 0, "[" + strings.Repeat(" ", 100_000), [2]string{"Content-Length", "100001"}},
		{"truncated", Fault{Truncate: true, After: 5}, 200, 0, text[:5], [2]string{"Content-Length", "5"}},
		{"truncated behind the end", Fault{Truncate: true, After: 99}, 200, 0, text, [2]string{"Content-Length", "36"}},
		{"truncated to nothing", Fault{Truncate: true}, 200, 0, "", [2]string{"Content-Length", "0"}},
		{"dripping", Fault{Drip: time.Millisecond, Chunk: 9}, 200, 0, text, [2]string{"Content-Length", "36"}},
		{"late", Fault{Delay: time.Millisecond}, 200, 0, text, [2]string{"Content-Length", "36"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			r := newRig(t, &Server{Account: oneDocument(textDocument("b.pdf"))})
			r.sim.Faults.Add(Match{Op: OpFile}, 1, c.fault)
			a := r.get(filePath("1"), "A")
			if a.status != c.status || a.code() != c.code || a.err != nil || c.code == 0 && a.body != c.body {
				t.Errorf("%d/%d %.100q %v", a.status, a.code(), a.body, a.err)
			}
			if got := a.header.Get(c.header[0]); got != c.header[1] || a.header.Get("X-OAPI-Request-Id") == "" {
				t.Errorf("%s: %q; request id %q", c.header[0], got, a.header.Get("X-OAPI-Request-Id"))
			}
			if again := r.get(filePath("1"), "A"); again.body != text || r.sim.Faults.Pending() != 0 {
				t.Errorf("the call after: %d %q, %d pending", again.status, again.body, r.sim.Faults.Pending())
			}
		})
	}
}

func TestCutAnnouncesAll(t *testing.T) {
	for _, q := range []Quirks{{}, {Chunked: true}, {Range: true}} {
		for _, after := range []int64{0, 10} {
			r := newRig(t, &Server{Account: oneDocument(textDocument("b.pdf")), Quirks: q})
			r.sim.Faults.Add(Match{}, 1, Fault{Cut: true, After: after})
			a := r.get(filePath("1"), "A")
			want := int64(len(text))
			if q.Chunked {
				want = -1
			}
			if !errors.Is(a.err, io.ErrUnexpectedEOF) || a.body != text[:after] || a.length != want {
				t.Errorf("%+v after %d: %q, length %d, %v", q, after, a.body, a.length, a.err)
			}
		}
	}
}

// TestCutOverHTTP2: there a stream is reset, and no connection hijacked.
func TestCutOverHTTP2(t *testing.T) {
	sim := &Server{Account: oneDocument(textDocument("b.pdf"))}
	web := httptest.NewUnstartedServer(sim)
	web.EnableHTTP2 = true
	web.StartTLS()
	defer web.Close()
	r := &rig{t: t, sim: sim, web: web, token: sim.tokenFor(t)}
	sim.Faults.Add(Match{}, 1, Fault{Cut: true, After: 10})
	sim.Faults.Add(Match{}, 1, Fault{Reset: true})
	if a := r.get(filePath("1"), "A"); a.err == nil || a.body != text[:10] || a.length != 36 {
		t.Errorf("cut: %q, length %d, %v", a.body, a.length, a.err)
	}
	if a := r.get(filePath("1"), "A"); a.err == nil {
		t.Errorf("reset: %d %q", a.status, a.body)
	}
	if a := r.get(filePath("1"), "A"); a.body != text {
		t.Errorf("after both: %q, %v", a.body, a.err)
	}
}

func TestReset(t *testing.T) {
	for _, start := range []func(*httptest.Server){(*httptest.Server).Start, (*httptest.Server).StartTLS} {
		sim := &Server{}
		sim.Faults.Add(Match{}, 1, Fault{Reset: true})
		web := httptest.NewUnstartedServer(sim)
		start(web)
		resp, err := web.Client().Get(web.URL)
		if err == nil {
			resp.Body.Close()
			t.Errorf("%s: %s instead of a reset", web.URL, resp.Status)
		}
		web.Client().CloseIdleConnections()
		web.Close()
	}
}

// TestHangsEnd: a call without an answer, or with a part of one, ends when
// the client leaves and when the faults are cleared, and leaves no goroutine.
func TestHangsEnd(t *testing.T) {
	defer goleak.VerifyNone(t, goleak.IgnoreCurrent())
	for _, fault := range []Fault{{Never: true}, {Stall: true, After: 3}, {Delay: time.Hour}, {Drip: time.Hour}} {
		for _, leave := range []bool{true, false} {
			sim := &Server{Account: oneDocument(textDocument("b.pdf"))}
			web := httptest.NewServer(sim)
			sim.Faults.Add(Match{}, 0, fault)
			ctx, cancel := context.WithCancel(t.Context())
			req, err := http.NewRequestWithContext(ctx, http.MethodGet, web.URL+APIPath+filePath("1"), nil)
			if err != nil {
				t.Fatal(err)
			}
			req.Header.Set("Authorization", "Bearer "+sim.tokenFor(t))
			req.Header.Set("X-API-Key", APIKey)
			req.Header.Set("X-ECCS-Contract-Id", "A")
			req.Header.Set("Accept", "application/json")
			var wg sync.WaitGroup
			var got answer
			wg.Go(func() { got = roundTrip(web.Client(), req) })
			for !sim.hanging() {
				time.Sleep(time.Millisecond)
			}
			if leave {
				cancel()
			} else {
				sim.Faults.Clear()
			}
			wg.Wait()
			cancel()
			if got.err == nil || leave != errors.Is(got.err, context.Canceled) {
				t.Errorf("%+v, client left: %v: %v after %q", fault, leave, got.err, got.body)
			}
			web.Client().CloseIdleConnections()
			web.Close()
		}
	}
}

// hanging reports whether a call has met a fault since the last Clear.
func (s *Server) hanging() bool {
	s.Faults.mu.Lock()
	defer s.Faults.mu.Unlock()
	return s.Faults.freed != nil
}

// TestStallSendsWhatItHas reads what comes before a stall.
func TestStallSendsWhatItHas(t *testing.T) {
	r := newRig(t, &Server{Account: oneDocument(textDocument("b.pdf"))})
	r.sim.Faults.Add(Match{Op: OpFile}, 1, Fault{Stall: true, After: 7})
	resp, err := r.web.Client().Do(r.request(filePath("1"), "A"))
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	first := make([]byte, 7)
	if _, err := io.ReadFull(resp.Body, first); err != nil || string(first) != text[:7] || resp.ContentLength != 36 {
		t.Errorf("%q, length %d, %v", first, resp.ContentLength, err)
	}
}

// TestDripTakesItsTime measures a drip by a clock of its own.
func TestDripTakesItsTime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		sim := &Server{Account: oneDocument(textDocument("b.pdf"))}
		server, client := net.Pipe()
		conns := &oneConn{conn: server, done: make(chan struct{})}
		web := &http.Server{Handler: sim}
		go func() { _ = web.Serve(conns) }()
		defer web.Close()
		sim.Faults.Add(Match{}, 1, Fault{Drip: time.Second, Chunk: 12})
		start := time.Now()
		req := (&rig{t: t, web: &httptest.Server{URL: "http://sim"}, token: sim.tokenFor(t)}).request(filePath("1"), "A")
		go func() { _ = req.Write(client) }()
		resp, err := http.ReadResponse(bufio.NewReader(client), req)
		if err != nil {
			t.Fatal(err)
		}
		defer resp.Body.Close()
		b, err := io.ReadAll(resp.Body)
		if d := time.Since(start); d != 3*time.Second || string(b) != text || err != nil {
			t.Errorf("%q after %v, %v", b, d, err)
		}
	})
}

// oneConn is a listener of a single connection.
type oneConn struct {
	conn net.Conn
	done chan struct{}
	once sync.Once
	used bool
}

func (l *oneConn) Accept() (net.Conn, error) {
	if l.used {
		<-l.done
		return nil, net.ErrClosed
	}
	l.used = true
	return l.conn, nil
}

func (l *oneConn) Close() error   { l.once.Do(func() { close(l.done) }); return nil }
func (l *oneConn) Addr() net.Addr { return &net.UnixAddr{Name: "pipe"} }

func TestMatching(t *testing.T) {
	r := newRig(t, &Server{Account: smallAccount()})
	r.sim.AddContract(Contract{ID: "B", Documents: []Document{{ID: "x", Type: typeBills}}})
	calls := []struct{ name, path, contract string }{
		{"contracts", "/contracts", ""},
		{"contract A", "/contract", "A"},
		{"contract B", "/contract", "B"},
		{"bills A", "/documents?documentType=bills&limit=1", "A"},
		{"bills B", "/documents?documentType=bills&limit=1", "B"},
		{"empty A", "/documents?documentType=&limit=1", "A"},
		{"plain A", "/documents", "A"},
		{"file 700", filePath("700"), "A"},
		{"file 701", filePath("701"), "A"},
	}
	for _, c := range []struct {
		match Match
		want  string
	}{
		{Match{}, "contracts,contract A,contract B,bills A,bills B,empty A,plain A,file 700,file 701"},
		{Match{Op: OpContracts}, "contracts"},
		{Match{Op: OpContract}, "contract A,contract B"},
		{Match{Contract: "B"}, "contract B,bills B"},
		{Match{Op: OpDocuments}, "bills A,bills B,empty A,plain A"},
		{Match{Op: OpDocuments, Type: "bills"}, "bills A,bills B"},
		{Match{Op: OpDocuments, Type: "bills", Contract: "A"}, "bills A"},
		{Match{Type: EmptyType}, "empty A"},
		{Match{Type: NoType}, "plain A"},
		{Match{Op: OpFile}, "file 700,file 701"},
		{Match{Document: "701"}, "file 701"},
		{Match{Op: OpToken}, ""},
	} {
		remove := r.sim.Faults.Add(c.match, 0, Fault{Status: 418, Body: "hit"})
		var hit []string
		for _, k := range calls {
			if a := r.get(k.path, k.contract); a.status == 418 {
				hit = append(hit, k.name)
			}
		}
		remove()
		if got := strings.Join(hit, ","); got != c.want {
			t.Errorf("%+v hit %s, want %s", c.match, got, c.want)
		}
	}
	r.sim.Faults.Add(Match{Op: OpToken}, 2, Fault{Status: 503, Code: 5})
	for i, good := range []bool{false, false, true} {
		if got := r.newToken() != ""; got != good {
			t.Errorf("token call %d: good %v, want %v", i, got, good)
		}
	}
}

// TestOrderOfFaults: a call meets one fault, the oldest; each is used up.
func TestOrderOfFaults(t *testing.T) {
	r := newRig(t, &Server{})
	r.sim.Faults.Add(Match{}, 2, Fault{Status: 500, Code: 1})
	r.sim.Faults.Add(Match{}, 1, Fault{Status: 503, Code: 5})
	r.sim.Faults.Add(Match{}, 2, Fault{})
	r.sim.Faults.Add(Match{}, 1, Fault{Status: 504, Code: 6})
	for i, want := range []int{500, 500, 503, 200, 200, 504, 200} {
		if a := r.get("/contracts", ""); a.status != want {
			t.Errorf("call %d: %d, want %d", i, a.status, want)
		}
	}
}

func TestDuplicates(t *testing.T) {
	r := newRig(t, &Server{Account: smallAccount()})
	r.sim.Faults.Add(Match{Op: OpDocuments}, 1, Fault{Duplicates: true})
	if got := ids(r.list("A", "?documentType=bills&limit=9")); got != "702 701 700 702" {
		t.Errorf("listed %s", got)
	}
}

// TestFaultsWhileRunning is for the race detector.
func TestFaultsWhileRunning(t *testing.T) {
	r := newRig(t, &Server{Account: smallAccount()})
	var wg sync.WaitGroup
	for range 4 {
		wg.Go(func() {
			for range 25 {
				remove := r.sim.Faults.Add(Match{Op: OpFile}, 1, Fault{Status: 500, Code: 1})
				if a := r.get(filePath("700"), "A"); a.status != 500 && a.status != 200 {
					t.Errorf("%d %s", a.status, a.body)
				}
				remove()
				if err := r.sim.Bump("A", "701", ""); err != nil {
					t.Error(err)
				}
				r.sim.Calls()
				r.sim.Requests()
			}
		})
	}
	wg.Wait()
	if c := r.sim.Calls(); c.File != 100 || c.MaxInFlight < 1 || c.MaxInFlight > 4 {
		t.Errorf("%+v", c)
	}
}

func TestAppendString(t *testing.T) {
	for _, s := range []string{"", "a\"b\\c", "\x00\x1f\x7f", "é\u202e", "😀", "/"} {
		var back string
		if err := json.Unmarshal(appendString(nil, s), &back); err != nil || back != s {
			t.Errorf("%q comes back as %q, %v", s, back, err)
		}
	}
	if got := appendString(nil, "\xff\xfe"); !bytes.Equal(got, []byte("\"\xff\xfe\"")) {
		t.Errorf("bytes that are not UTF-8 become %q", got)
	}
}
