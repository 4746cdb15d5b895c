package server

import (
	"crypto/tls"
	"log/slog"
	"net"
	"net/http"
	"net/netip"
	"sync"
	"time"

	"ccsfs/cmd/ccsfs/internal/serve/gate"
)

// The bounds of connections. Whoever asks has a bound of their own: they need no password to
// hold what keeps all others out.
const (
	mostConnections = 1024
	mostOfAddress   = 256 // but for proxies, who ask for many people
)

// crowd is a listener with a bound of its connections, of all and of one address. Where there
// are as many, the one goes that has waited longest for a request; where none waits, the new
// one: it is told at once, and does not hang until it has its turn.
type crowd struct {
	net.Listener
	most, mostOf int
	exempt       func(netip.Addr) bool // from the bound of one address
	logger       *slog.Logger

	mu   sync.Mutex
	all  map[*guest]struct{}
	of   map[string]int // by address
	told time.Time      // when the log was last told of one that was refused
}

func newCrowd(l net.Listener, exempt func(netip.Addr) bool, logger *slog.Logger) *crowd {
	return &crowd{Listener: l, most: mostConnections, mostOf: mostOfAddress, exempt: exempt, logger: logger, all: map[*guest]struct{}{}, of: map[string]int{}}
}

// guest is a connection of a crowd.
type guest struct {
	net.Conn
	crowd *crowd
	from  string    // its address, "" of one that is exempt
	since time.Time // it waits for a request; zero while one is answered. crowd.mu is held.
}

// Accept implements net.Listener.
func (c *crowd) Accept() (net.Conn, error) {
	for {
		conn, err := c.Listener.Accept()
		if err != nil {
			return nil, err
		}
		g := &guest{Conn: conn, crowd: c, from: c.source(conn), since: time.Now()}
		out, ok := c.admit(g)
		if out != nil {
			_ = out.Conn.Close() // it is forgotten already
		}
		if ok {
			return g, nil
		}
		_ = conn.Close() // refused
	}
}

// source is whose bound a connection counts for.
func (c *crowd) source(conn net.Conn) string {
	at, err := netip.ParseAddrPort(conn.RemoteAddr().String())
	if err != nil || c.exempt(at.Addr()) { // of a unix socket, whom its mode lets in
		return ""
	}
	return gate.Network(at.Addr())
}

// admit takes a connection in, in the place of another if need be, and reports whether it
// could.
func (c *crowd) admit(g *guest) (out *guest, ok bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	switch {
	case g.from != "" && c.of[g.from] >= c.mostOf:
		out = c.longest(func(o *guest) bool { return o.from == g.from })
	case len(c.all) >= c.most:
		most := 0
		for o := range c.all {
			if !o.since.IsZero() && o.from != "" {
				most = max(most, c.of[o.from])
			}
		}
		// Who has most of them has most to spare.
		out = c.longest(func(o *guest) bool { return most == 0 || o.from != "" && c.of[o.from] == most })
	default:
		c.all[g] = struct{}{}
		c.of[g.from]++
		return nil, true
	}
	if out == nil {
		c.tell(g)
		return nil, false
	}
	c.remove(out)
	c.all[g] = struct{}{}
	c.of[g.from]++
	return out, true
}

// longest is the one that has waited longest for a request. c.mu is held.
func (c *crowd) longest(may func(*guest) bool) (out *guest) {
	for o := range c.all {
		if !o.since.IsZero() && may(o) && (out == nil || o.since.Before(out.since)) {
			out = o
		}
	}
	return out
}

// tell has it in the log, once a minute, that a connection is refused. c.mu is held.
func (c *crowd) tell(g *guest) {
	if now := time.Now(); now.Sub(c.told) > time.Minute {
		c.told = now
		c.logger.Warn("too many connections, and all are busy; one is refused", "remote", g.from, "connections", len(c.all), "of_this_address", c.of[g.from])
	}
}

// remove forgets a connection. c.mu is held.
func (c *crowd) remove(g *guest) {
	if _, ok := c.all[g]; !ok {
		return
	}
	delete(c.all, g)
	if c.of[g.from]--; c.of[g.from] == 0 {
		delete(c.of, g.from)
	}
}

// Close implements net.Conn.
func (g *guest) Close() error {
	g.crowd.mu.Lock()
	g.crowd.remove(g)
	g.crowd.mu.Unlock()
	return g.Conn.Close()
}

// state is http.Server.ConnState: it tells who waits for a request.
func (c *crowd) state(conn net.Conn, s http.ConnState) {
	if t, ok := conn.(*tls.Conn); ok {
		conn = t.NetConn()
	}
	g, ok := conn.(*guest)
	if !ok {
		return
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	switch s {
	case http.StateActive:
		g.since = time.Time{}
	case http.StateIdle:
		g.since = time.Now()
	case http.StateNew, http.StateHijacked, http.StateClosed: // as it was made; not used; see Close
	}
}
