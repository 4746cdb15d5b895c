// Package gate stands before what ccsfs serve shows: whom a request is for (the Host, and
// whether another site's page sent it), who sends it (a cookie, a password, a proxy that is
// trusted), and how much one user may ask for at a time. Behind it a request has a user, see
// package who.
//
// Not here: what is shown, sockets and certificates.
package gate

import (
	"crypto/rand"
	"log/slog"
	"net"
	"net/http"
	"net/netip"
	"slices"
	"strings"
	"time"
	"unicode/utf8"

	"golang.org/x/text/encoding/charmap"

	"ccsfs/cmd/ccsfs/internal/serve/who"
)

// Config of a Gate.
type Config struct {
	Users *Users

	// Hosts are names, without a port, by which this server is called; of Loopback also
	// those of this machine for itself. Any other Host is a page that has its name lead
	// here (DNS rebinding), or a mistake.
	Hosts    []string
	Names    func() []string // more of them, which change while it serves; nil: none
	Loopback bool

	Secure bool // clients come by TLS: cookies go back by nothing else

	// Proxies are addresses of proxies that say in UserHeader who asks; of others the
	// header is not heard. UnixProxy trusts whoever comes by a unix socket.
	Proxies    []netip.Prefix
	UnixProxy  bool
	UserHeader string

	Logger *slog.Logger
	Now    func() time.Time
}

// Gate lets requests in.
type Gate struct {
	cfg      Config
	sessions sessions
	failures failures
	known    verified
	busy     busy
	broken   broken
	once     oneTime
	cross    *http.CrossOriginProtection
}

// New makes a gate.
func New(cfg Config) *Gate {
	if cfg.Now == nil {
		cfg.Now = time.Now
	}
	g := &Gate{cfg: cfg, cross: http.NewCrossOriginProtection()}
	g.known.key = []byte(rand.Text())
	return g
}

// realm is what a browser or a network drive shows when it asks for a password.
const realm = `Basic realm="ccsfs", charset="UTF-8"`

// Wrap is next for those who are let in.
func (g *Gate) Wrap(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		h := w.Header()
		h.Set("Referrer-Policy", "no-referrer")
		h.Set("X-Content-Type-Options", "nosniff")
		h.Set("Cross-Origin-Resource-Policy", "same-origin")
		h.Set("X-Frame-Options", "DENY")
		trusted := g.trusts(r)
		if !trusted {
			for _, name := range [...]string{g.cfg.UserHeader, "X-Forwarded-For", "X-Forwarded-Proto"} {
				r.Header.Del(name)
			}
		}
		if !g.called(r.Host) {
			g.cfg.Logger.Warn("a request for another host", "host", short(r.Host), "remote", Remote(r))
			http.Error(w, "this server is not called "+short(r.Host)+"; whoever runs it can name it with --host", http.StatusMisdirectedRequest)
			return
		}
		if err := g.cross.Check(r); err != nil {
			g.cfg.Logger.Warn("a request that another site's page sent", "origin", short(r.Header.Get("Origin")), "remote", Remote(r))
			http.Error(w, "sent by the page of another site", http.StatusForbidden)
			return
		}
		if g.enter(w, r) {
			return
		}
		u, ok := g.user(w, r, trusted)
		if !ok {
			return
		}
		done, ok := g.busy.begin(u.Name, source(r))
		if !ok {
			w.Header().Set("Retry-After", "1")
			http.Error(w, "too many requests at the same time", http.StatusTooManyRequests)
			return
		}
		defer done()
		next.ServeHTTP(w, r.WithContext(who.With(r.Context(), u)))
	})
}

// short is a text of a request as it may be logged or sent back.
func short(s string) string {
	s = strings.Map(func(c rune) rune {
		if c < ' ' || c == 0x7f {
			return '_'
		}
		return c
	}, strings.ToValidUTF8(s, "_"))
	if len(s) > 100 {
		s = strings.ToValidUTF8(s[:100], "") + "…"
	}
	return s
}

// called reports whether a Host is a name of this server.
func (g *Gate) called(host string) bool {
	name := host
	if h, _, err := net.SplitHostPort(host); err == nil {
		name = h
	}
	name = strings.ToLower(strings.TrimSuffix(strings.Trim(name, "[]"), "."))
	hosts := g.cfg.Hosts
	if g.cfg.Names != nil {
		hosts = slices.Concat(hosts, g.cfg.Names())
	}
	if slices.ContainsFunc(hosts, func(h string) bool { return isCalled(strings.Trim(h, "[]"), name) }) {
		return true
	}
	if !g.cfg.Loopback {
		return false
	}
	if at, err := netip.ParseAddr(name); err == nil {
		return at.IsLoopback()
	}
	return name == "localhost" || strings.HasSuffix(name, ".localhost")
}

// isCalled reports whether a name is that of a host, or one that a wildcard of a certificate
// stands for: one label in its place.
func isCalled(host, name string) bool {
	if domain, wild := strings.CutPrefix(host, "*."); wild {
		_, rest, _ := strings.Cut(name, ".")
		return strings.EqualFold(rest, domain)
	}
	return strings.EqualFold(host, name)
}

// trusts reports whether a request comes from a proxy that is trusted.
func (g *Gate) trusts(r *http.Request) bool {
	at, err := netip.ParseAddrPort(r.RemoteAddr)
	if err != nil { // of a unix socket
		return g.cfg.UnixProxy
	}
	return g.Proxy(at.Addr())
}

// Proxy reports whether an address is that of a proxy that is trusted.
func (g *Gate) Proxy(at netip.Addr) bool {
	return slices.ContainsFunc(g.cfg.Proxies, func(p netip.Prefix) bool { return p.Contains(at.Unmap()) })
}

// Remote is where a request comes from, for the log: by what a trusted proxy says, whose
// header is the only one left behind the gate.
func Remote(r *http.Request) string {
	// Some proxies append to the line of the client, others add a line of their own.
	if list := strings.Join(r.Header.Values("X-Forwarded-For"), ","); list != "" {
		last := strings.TrimSpace(list[strings.LastIndexByte(list, ',')+1:]) // what the proxy itself has seen
		if at, ok := address(last); ok {
			return at.Unmap().String()
		}
		return short(last)
	}
	if at, err := netip.ParseAddrPort(r.RemoteAddr); err == nil {
		return at.Addr().Unmap().String()
	}
	return "unix"
}

// address reads an address, with or without brackets and a port: some proxies tell the port,
// and each connection would be somebody else.
func address(text string) (netip.Addr, bool) {
	if at, err := netip.ParseAddrPort(text); err == nil {
		return at.Addr(), true
	}
	at, err := netip.ParseAddr(strings.TrimSuffix(strings.TrimPrefix(text, "["), "]"))
	return at, err == nil
}

// Network is whom an address counts for, where somebody may do only so much: of IPv6 all that
// one subscriber has, who could take another for each request.
func Network(at netip.Addr) string {
	at = at.Unmap()
	if at.Is4() {
		return at.String()
	}
	net, _ := at.WithZone("").Prefix(ofSubscriber) // it is as long
	return net.String()
}

// ofSubscriber is how long the prefix is that nobody shares, in bits, RFC 6177.
const ofSubscriber = 64

// source is whom a request counts for.
func source(r *http.Request) string {
	remote := Remote(r)
	if at, err := netip.ParseAddr(remote); err == nil {
		return Network(at)
	}
	return remote
}

// user finds out who asks. If it is nobody, it has answered.
func (g *Gate) user(w http.ResponseWriter, r *http.Request, trusted bool) (u who.User, ok bool) {
	if trusted && g.cfg.UserHeader != "" && len(r.Header.Values(g.cfg.UserHeader)) > 1 {
		g.cfg.Logger.Warn("the proxy names several users; it has to remove from requests what clients send of the header", "header", g.cfg.UserHeader, "remote", Remote(r))
		http.Error(w, "the proxy before this server names several users", http.StatusForbidden)
		return who.User{}, false
	}
	g.broken.look(g.cfg.Users, g.cfg.Logger)
	if name := r.Header.Get(g.cfg.UserHeader); trusted && g.cfg.UserHeader != "" && name != "" {
		if u, ok = g.cfg.Users.proxied(name); !ok {
			g.cfg.Logger.Warn("a user of the proxy who is not in the file of users", "user", short(name), "remote", Remote(r))
			http.Error(w, "you are not among the users of this server", http.StatusForbidden)
		}
		return u, ok
	}
	if u, ok = g.sessions.user(r, g.cfg.Users, g.cfg.Now()); ok {
		return u, true
	}
	name, password, given := g.credentials(r)
	if !given {
		g.unknown(w, http.StatusUnauthorized, "user and password, please; ccsfs printed them when it was started, unless it was told others")
		return who.User{}, false
	}
	from := source(r)
	if g.holds(name, password, from) {
		return g.named(w, name)
	}
	defer g.failures.turn(from)()
	if g.holds(name, password, from) { // another request was right meanwhile
		return g.named(w, name)
	}
	if wait := g.failures.wait(from, g.cfg.Now()); wait > 0 {
		g.failures.guessed(from, g.known.hash(name, password, from), g.cfg.Now())
		w.Header().Set("Retry-After", seconds(wait))
		http.Error(w, "too many wrong passwords; wait a moment", http.StatusTooManyRequests)
		return who.User{}, false
	}
	as, ok := g.cfg.Users.check(name, password)
	if !ok {
		g.failures.add(from, g.cfg.Now())
		g.cfg.Logger.Warn("wrong password", "user", short(name), "remote", Remote(r))
		g.unknown(w, http.StatusUnauthorized, "wrong user or password")
		return who.User{}, false
	}
	g.known.add(name, password, from, as)
	return g.named(w, name)
}

// credentials are the name and the password that a request has. The 401 asks for UTF-8; what
// is none is by Windows-1252, of which Latin-1 is a part: Python's requests sends that, and
// other clients that do not heed it. Windows may put its domain in front of a name.
func (g *Gate) credentials(r *http.Request) (name, password string, given bool) {
	name, password, given = r.BasicAuth()
	if !utf8.ValidString(name) || !utf8.ValidString(password) {
		of := charmap.Windows1252.NewDecoder()
		n, errName := of.String(name)
		p, errPassword := of.String(password)
		if errName == nil && errPassword == nil { // it has a place for each byte
			name, password = n, p
		}
	}
	if _, bare, of := strings.Cut(name, `\`); of {
		if _, is := g.cfg.Users.user(name); !is {
			name = bare
		}
	}
	return name, password, given
}

// holds reports whether a password was right before, from there, and nobody guesses there.
func (g *Gate) holds(name, password, from string) bool {
	return g.known.holds(g.cfg.Users, name, password, from) && !g.failures.guessing(from, g.cfg.Now())
}

// named is a user whose password was right a moment ago; if it is nobody now, it has answered.
func (g *Gate) named(w http.ResponseWriter, name string) (u who.User, ok bool) {
	if u, ok = g.cfg.Users.user(name); !ok {
		g.unknown(w, http.StatusUnauthorized, "wrong user or password")
	}
	return u, ok
}

func (g *Gate) unknown(w http.ResponseWriter, status int, text string) {
	w.Header().Set("WWW-Authenticate", realm)
	w.Header().Set("Cache-Control", "no-store")
	http.Error(w, text, status)
}
