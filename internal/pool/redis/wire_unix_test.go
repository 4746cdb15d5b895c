//go:build unix

package redis

import (
	"crypto/tls"
	"io"
	"net"
	"net/http/httptest"
	"testing"
	"time"
)

// What is seen of a connection before it is used again.
func TestConnectionsThatAreQuiet(t *testing.T) {
	for name, test := range map[string]struct {
		then  func(net.Conn)
		quiet bool
	}{
		"open":           {func(net.Conn) {}, true},
		"closed":         {func(c net.Conn) { c.Close() }, false},
		"unasked answer": {func(c net.Conn) { _, _ = io.WriteString(c, "+OK\r\n") }, false},
	} {
		for _, encrypted := range []bool{false, true} {
			t.Run(name, func(t *testing.T) {
				w, server := connected(t, encrypted)
				// The time-out of an answer that came, which is over by now.
				check(t, w.SetReadDeadline(time.Now().Add(-time.Second)))
				check(t, w.quiet())
				test.then(server)
				if test.quiet {
					check(t, w.quiet())
					return
				}
				for w.quiet() == nil {
					time.Sleep(time.Millisecond)
				}
			})
		}
	}
}

func check(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// connected returns both ends of a connection on which something was answered.
func connected(t *testing.T, encrypted bool) (*wire, net.Conn) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	check(t, err)
	defer l.Close()
	if encrypted {
		web := httptest.NewUnstartedServer(nil) // for its certificate
		web.StartTLS()
		defer web.Close()
		l = tls.NewListener(l, &tls.Config{Certificates: web.TLS.Certificates})
	}
	conn, err := net.Dial("tcp", l.Addr().String())
	check(t, err)
	t.Cleanup(func() { conn.Close() })
	server, err := l.Accept()
	check(t, err)
	t.Cleanup(func() { server.Close() })
	if encrypted {
		conn = tls.Client(conn, &tls.Config{InsecureSkipVerify: true})
	}
	go func() { _, _ = io.WriteString(server, "+OK\r\n") }()
	w := &wire{Conn: conn}
	_, err = io.ReadFull(w, make([]byte, len("+OK\r\n")))
	check(t, err)
	return w, server
}
