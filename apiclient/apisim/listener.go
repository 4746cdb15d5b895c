package apisim

import (
	"context"
	"net"
	"sync"
	"time"
)

// Listener is a TCP listener whose port an outage can close.
type Listener struct {
	addr net.Addr

	mu      sync.Mutex
	inner   net.Listener // nil while connections are refused
	changed chan struct{}
	closed  bool
	conns   map[*tracked]bool
}

// Listen opens the listener of a server, before its first request: with it
// OutageRefused refuses connections, and outages break those that are open.
func (s *Server) Listen(ctx context.Context, addr string) (*Listener, error) {
	var config net.ListenConfig
	inner, err := config.Listen(ctx, "tcp", addr)
	if err != nil {
		return nil, err
	}
	s.listener = &Listener{
		addr: inner.Addr(), inner: inner, changed: make(chan struct{}), conns: make(map[*tracked]bool),
	}
	return s.listener, nil
}

// tracked is a connection that an outage can break.
type tracked struct {
	*net.TCPConn
	of *Listener
}

// Close implements net.Conn.
func (c *tracked) Close() error {
	c.of.mu.Lock()
	delete(c.of.conns, c)
	c.of.mu.Unlock()
	return c.TCPConn.Close()
}

// Addr implements net.Listener; it stays the same.
func (l *Listener) Addr() net.Addr { return l.addr }

// Accept implements net.Listener. While connections are refused it waits.
func (l *Listener) Accept() (net.Conn, error) {
	for {
		l.mu.Lock()
		inner, changed, closed := l.inner, l.changed, l.closed
		l.mu.Unlock()
		switch {
		case closed:
			return nil, net.ErrClosed
		case inner == nil:
			<-changed
			continue
		}
		c, err := inner.Accept()
		if err != nil {
			if !l.isOpen(inner) {
				continue
			}
			return nil, err
		}
		if t, ok := l.track(inner, c); ok {
			return t, nil
		}
	}
}

func (l *Listener) isOpen(inner net.Listener) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.inner == inner
}

// track takes a connection in, unless it came while the port was closed.
func (l *Listener) track(inner net.Listener, c net.Conn) (net.Conn, bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	tcp, ok := c.(*net.TCPConn)
	if !ok || l.inner != inner {
		_ = c.Close()
		return nil, false
	}
	t := &tracked{tcp, l}
	l.conns[t] = true
	return t, true
}

// Close implements net.Listener.
func (l *Listener) Close() error {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.closed {
		return net.ErrClosed
	}
	l.closed = true
	return l.shut()
}

// refuse closes the port and breaks what is open.
func (l *Listener) refuse() {
	l.mu.Lock()
	_ = l.shut()
	l.mu.Unlock()
	l.breakAll()
}

// shut closes the port. The lock is held.
func (l *Listener) shut() error {
	var err error
	if l.inner != nil {
		err = l.inner.Close()
	}
	l.inner = nil
	l.wake()
	return err
}

func (l *Listener) wake() {
	close(l.changed)
	l.changed = make(chan struct{})
}

// breakAll resets what is open.
func (l *Listener) breakAll() {
	l.mu.Lock()
	conns := make([]*tracked, 0, len(l.conns))
	for c := range l.conns {
		conns = append(conns, c)
	}
	l.mu.Unlock()
	for _, c := range conns {
		_ = c.SetLinger(0)
		_ = c.Close()
	}
}

// accept opens the port again. Another program may have taken it for an
// outgoing connection: then it is tried until that one has ended.
func (l *Listener) accept() {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.closed || l.inner != nil {
		return
	}
	var config net.ListenConfig
	inner, err := config.Listen(context.Background(), "tcp", l.addr.String())
	if err != nil {
		time.AfterFunc(10*time.Millisecond, l.accept)
		return
	}
	l.inner = inner
	l.wake()
}
