package server

import (
	"bufio"
	"bytes"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/netip"
	"testing"
	"time"
)

// door is a listener to which connections come from any address.
type door struct {
	conns chan net.Conn
	ended chan struct{}
}

func (d *door) Accept() (net.Conn, error) {
	select {
	case c := <-d.conns:
		return c, nil
	case <-d.ended:
		return nil, net.ErrClosed
	}
}
func (d *door) Close() error   { close(d.ended); return nil }
func (d *door) Addr() net.Addr { return &net.TCPAddr{} }

// from is a connection from an address.
type from struct {
	net.Conn
	at netip.AddrPort
}

func (f from) RemoteAddr() net.Addr { return net.TCPAddrFromAddrPort(f.at) }

// crowded is a server behind a crowd of a few.
type crowded struct {
	*testing.T
	*crowd
	door *door
	hold chan struct{} // what is answered at /hold ends
	log  bytes.Buffer
}

func newCrowded(t *testing.T, most, mostOf int) *crowded {
	t.Helper()
	r := &crowded{T: t, door: &door{conns: make(chan net.Conn), ended: make(chan struct{})}, hold: make(chan struct{})}
	proxy := netip.MustParseAddr("10.0.0.9")
	r.crowd = newCrowd(r.door, func(at netip.Addr) bool { return at == proxy }, slog.New(slog.NewTextHandler(&r.log, nil)))
	r.most, r.mostOf = most, mostOf
	server := &http.Server{ConnState: r.state, ReadHeaderTimeout: time.Minute, Handler: http.HandlerFunc(func(_ http.ResponseWriter, req *http.Request) {
		if req.URL.Path == "/hold" {
			<-r.hold
		}
	})}
	ended := make(chan error, 1)
	go func() { ended <- server.Serve(r.crowd) }()
	t.Cleanup(func() {
		_ = server.Close() // it tells below
		<-ended
		r.mu.Lock()
		defer r.mu.Unlock()
		if n := len(r.all); n != 0 || len(r.of) != 0 {
			t.Errorf("%d connections are left, of %v", n, r.of)
		}
	})
	return r
}

// come connects from an address.
func (r *crowded) come(at string) net.Conn {
	r.Helper()
	mine, its := net.Pipe()
	r.Cleanup(func() { mine.Close() })
	r.door.conns <- from{its, netip.MustParseAddrPort(at)}
	return mine
}

// served reports whether a request of a connection is answered.
func (r *crowded) served(c net.Conn) bool {
	r.Helper()
	if _, err := io.WriteString(c, "GET / HTTP/1.1\r\nHost: x\r\n\r\n"); err != nil {
		return false
	}
	resp, err := http.ReadResponse(bufio.NewReader(c), nil)
	if err != nil {
		return false
	}
	resp.Body.Close()
	return resp.StatusCode == http.StatusOK
}

// busy has a connection ask for what lasts, and returns once it is being answered.
func (r *crowded) busy(c net.Conn) {
	r.Helper()
	before := r.answering()
	if _, err := io.WriteString(c, "GET /hold HTTP/1.1\r\nHost: x\r\n\r\n"); err != nil {
		r.Fatal(err)
	}
	for r.answering() == before {
		time.Sleep(time.Millisecond)
	}
}

func (r *crowded) answering() (n int) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for g := range r.all {
		if g.since.IsZero() {
			n++
		}
	}
	return n
}

// Whoever connects as often as it goes, and asks for nothing, keeps nobody out.
func TestOneAddressKeepsNobodyOut(t *testing.T) {
	r := newCrowded(t, 12, 4)
	for i := range 50 {
		r.come(fmt.Sprintf("10.0.0.1:%d", i+1))
	}
	for i := range 50 { // an address of its own for each
		r.come(fmt.Sprintf("[2001:db8::%x]:1", i+1))
	}
	if !r.served(r.come("10.0.0.2:1")) {
		t.Error("somebody else is kept out")
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.of["10.0.0.1"] != 4 || r.of["2001:db8::/64"] != 4 {
		t.Errorf("they have %v", r.of)
	}
}

// Where all places are taken, by however many, who waits longest goes, and nobody whom an
// answer is sent to.
func TestACrowd(t *testing.T) {
	r := newCrowded(t, 8, 4)
	busy := r.come("10.0.0.1:1")
	r.busy(busy)
	for i := range 20 {
		r.come(fmt.Sprintf("10.0.1.%d:1", i+1))
	}
	for i := range 20 { // these have most
		r.come(fmt.Sprintf("10.0.0.3:%d", i+1))
	}
	last := r.come("10.0.0.2:1")
	if !r.served(last) {
		t.Error("somebody is kept out by those who wait")
	}
	r.mu.Lock()
	n := len(r.all)
	r.mu.Unlock()
	if n != 8 {
		t.Errorf("%d are in", n)
	}
	close(r.hold)
	resp, err := http.ReadResponse(bufio.NewReader(busy), nil)
	if err != nil {
		t.Fatalf("who was busy: %v", err)
	}
	resp.Body.Close()
	if !r.served(last) {
		t.Error("it is kept out later")
	}
}

// Where all are busy, who comes is told at once.
func TestACrowdThatIsBusy(t *testing.T) {
	r := newCrowded(t, 4, 2)
	defer close(r.hold)
	for i := range 2 {
		r.busy(r.come(fmt.Sprintf("10.0.0.1:%d", i+1)))
	}
	if r.served(r.come("10.0.0.1:3")) {
		t.Error("a third one of the address is let in")
	}
	for i := range 2 { // a proxy has no bound of its own
		r.busy(r.come(fmt.Sprintf("10.0.0.9:%d", i+1)))
	}
	if r.served(r.come("10.0.0.9:3")) || r.served(r.come("10.0.0.2:1")) {
		t.Error("a fifth one is let in")
	}
	r.mu.Lock() // it is held while the log is told
	defer r.mu.Unlock()
	if n := bytes.Count(r.log.Bytes(), []byte("too many connections")); n != 1 {
		t.Errorf("told %d times: %s", n, r.log.String())
	}
}
