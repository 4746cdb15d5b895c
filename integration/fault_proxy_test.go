//go:build linux

package integration

import (
	"io"
	"net"
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"

	"ccsfs/apiclient"
)

// weather is what a network does to connections.
type weather struct {
	down  bool          // connections are refused
	mute  bool          // connections are taken, and nothing comes through
	cut   int           // bytes of answers after which a connection breaks; 0: never
	chunk int           // bytes that come through between pauses; 0: no pauses
	pause time.Duration // between chunks
}

// proxy is a network in front of the API that can be made to fail.
type proxy struct {
	t      testing.TB
	target string
	addr   string
	wg     sync.WaitGroup

	mu       sync.Mutex
	weather  weather
	changed  chan struct{} // closed when the weather changes
	listener net.Listener
	conns    map[net.Conn]bool
	accepted int
}

// through is a change of a rig's client that sends all its calls through p,
// which starts with the first mount.
func (p *proxy) through(t testing.TB, more ...func(*apiclient.Config)) func(*apiclient.Config) {
	return func(c *apiclient.Config) {
		u, err := url.Parse(c.APIURL)
		if err != nil {
			t.Fatal(err)
		}
		if p.target == "" {
			p.start(t, u.Host)
		}
		c.APIURL = strings.Replace(c.APIURL, u.Host, p.addr, 1)
		c.OAuthURL = strings.Replace(c.OAuthURL, u.Host, p.addr, 1)
		for _, f := range more {
			f(c)
		}
	}
}

func (p *proxy) start(t testing.TB, target string) {
	p.t, p.target, p.conns, p.changed = t, target, make(map[net.Conn]bool), make(chan struct{})
	p.listen("127.0.0.1:0")
	t.Cleanup(func() {
		p.set(weather{down: true})
		p.wg.Wait()
	})
}

func (p *proxy) listen(addr string) {
	l, err := net.Listen("tcp", addr)
	if err != nil {
		p.t.Fatal(err)
	}
	p.listener, p.addr = l, l.Addr().String()
	p.wg.Go(func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			p.mu.Lock()
			p.accepted++
			p.conns[c] = true
			p.mu.Unlock()
			p.wg.Go(func() { p.serve(c) })
		}
	})
}

// set changes the weather. Connections that are there break when it goes down,
// and after nothing came through: what was sent then is lost.
func (p *proxy) set(w weather) {
	p.mu.Lock()
	defer p.mu.Unlock()
	close(p.changed)
	p.changed = make(chan struct{})
	was := p.weather
	p.weather = w
	if w.down && !was.down || was.mute && !w.mute {
		for c := range p.conns {
			c.Close()
		}
	}
	switch {
	case w.down && !was.down:
		p.listener.Close()
	case !w.down && was.down:
		p.listen(p.addr)
	}
}

func (p *proxy) now() (weather, <-chan struct{}) {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.weather, p.changed
}

func (p *proxy) connections() int {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.accepted
}

func (p *proxy) serve(client net.Conn) {
	server, err := net.Dial("tcp", p.target)
	if err != nil {
		client.Close()
		return
	}
	p.mu.Lock()
	p.conns[server] = true
	if p.weather.down { // came in while it went down
		client.Close()
		server.Close()
	}
	p.mu.Unlock()
	p.wg.Go(func() {
		defer server.Close()
		defer client.Close()
		p.pass(server, client, false)
	})
	p.pass(client, server, true)
	client.Close()
	server.Close()
	p.mu.Lock()
	defer p.mu.Unlock()
	delete(p.conns, client)
	delete(p.conns, server)
}

// pass copies one direction of a connection, as the weather allows.
func (p *proxy) pass(to io.Writer, from io.Reader, answers bool) {
	buf := make([]byte, 16<<10)
	for total := 0; ; {
		n, err := from.Read(buf)
		for data := buf[:n]; len(data) > 0; {
			w, changed := p.now()
			switch {
			case w.down:
				return
			case w.mute:
				<-changed
				return
			}
			k := len(data)
			if answers && w.chunk > 0 {
				k = min(k, w.chunk)
				time.Sleep(w.pause)
			}
			if answers && w.cut > 0 {
				k = min(k, w.cut-total)
			}
			if k > 0 {
				if _, err := to.Write(data[:k]); err != nil {
					return
				}
			}
			data = data[max(k, 0):]
			total += k
			if answers && w.cut > 0 && total >= w.cut {
				return
			}
		}
		if err != nil {
			return
		}
	}
}
