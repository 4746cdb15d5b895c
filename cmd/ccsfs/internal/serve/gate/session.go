package gate

import (
	"crypto/rand"
	"crypto/sha256"
	"crypto/subtle"
	"io"
	"maps"
	"net/http"
	"sync"
	"time"

	"ccsfs/cmd/ccsfs/internal/serve/who"
)

// Browsers are let in by an address that is good once, and then by a cookie.

// The bounds of sessions.
const (
	sessionLasts = 12 * time.Hour // since it was used last
	mostSessions = 10_000
	addressLasts = 10 * time.Minute // of a one-time address that nobody uses
)

// cookieName is that of the cookie. One without TLS has no __Host- in front: browsers refuse
// that.
func (g *Gate) cookieName() string {
	if g.cfg.Secure {
		return "__Host-ccsfs"
	}
	return "ccsfs"
}

// oneTime is the key of an address that lets a browser in.
type oneTime struct {
	mu    sync.Mutex
	key   string
	user  string
	until time.Time
}

// enterKey is the parameter of a one-time address.
const enterKey = "enter"

// Address is an address below base ("http://127.0.0.1:8427/") by which the first browser
// within ten minutes is let in as a user. Only the last one is good.
func (g *Gate) Address(base, user string) string {
	g.once.mu.Lock()
	defer g.once.mu.Unlock()
	g.once.key, g.once.user, g.once.until = rand.Text()+rand.Text(), user, g.cfg.Now().Add(addressLasts)
	return base + "?" + enterKey + "=" + g.once.key
}

// take uses a key up.
func (o *oneTime) take(key string, now time.Time) (user string, ok bool) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.key == "" || !now.Before(o.until) || subtle.ConstantTimeCompare([]byte(key), []byte(o.key)) != 1 {
		return "", false
	}
	o.key = ""
	return o.user, true
}

// enter answers a request for a one-time address: with a cookie, and the address without
// its key. One that was used already leads to the password.
func (g *Gate) enter(w http.ResponseWriter, r *http.Request) bool {
	if r.Method != http.MethodGet || r.URL.Path != "/" || !r.URL.Query().Has(enterKey) {
		return false
	}
	w.Header().Set("Cache-Control", "no-store")
	user, ok := g.once.take(r.URL.Query().Get(enterKey), g.cfg.Now())
	if !ok {
		g.cfg.Logger.Warn("an address that is good once was used again, or too late", "remote", Remote(r))
		http.Redirect(w, r, "/", http.StatusSeeOther)
		return true
	}
	http.SetCookie(w, &http.Cookie{
		Name: g.cookieName(), Value: g.sessions.begin(user, g.cfg.Users, g.cfg.Now()), Path: "/",
		HttpOnly: true, Secure: g.cfg.Secure, SameSite: http.SameSiteStrictMode,
	})
	// A page of our own goes on, and no redirect: where a file or another program led here,
	// browsers would not send a strict cookie along.
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	w.Header().Set("Content-Security-Policy", "default-src 'none'; frame-ancestors 'none'; base-uri 'none'")
	_, _ = io.WriteString(w, `<!DOCTYPE html><html lang="en"><head><meta charset="utf-8"><title>ccsfs</title>`+
		`<meta http-equiv="refresh" content="0;url=/"></head><body><a href="/">ccsfs</a></body></html>`+"\n") // the client has left
	return true
}

// sessions are browsers that were let in, by the hash of what their cookie holds.
type sessions struct {
	mu  sync.Mutex
	all map[[sha256.Size]byte]session
}

type session struct {
	user string
	as   string // see Users.mark
	used time.Time
}

func (s *sessions) begin(user string, users *Users, now time.Time) (value string) {
	value = rand.Text() + rand.Text()
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.all == nil {
		s.all = map[[sha256.Size]byte]session{}
	}
	if len(s.all) >= mostSessions {
		maps.DeleteFunc(s.all, func(_ [sha256.Size]byte, one session) bool { return now.Sub(one.used) > sessionLasts })
	}
	for key := range s.all {
		if len(s.all) < mostSessions {
			break
		}
		delete(s.all, key) // any
	}
	s.all[sha256.Sum256([]byte(value))] = session{user: user, as: users.mark(user), used: now}
	return value
}

// user is whose cookie a request has.
func (s *sessions) user(r *http.Request, users *Users, now time.Time) (u who.User, ok bool) {
	for _, name := range [...]string{"__Host-ccsfs", "ccsfs"} {
		for _, c := range r.CookiesNamed(name) {
			if u, ok = s.of(c.Value, users, now); ok {
				return u, true
			}
		}
	}
	return who.User{}, false
}

func (s *sessions) of(value string, users *Users, now time.Time) (u who.User, ok bool) {
	key := sha256.Sum256([]byte(value))
	s.mu.Lock()
	defer s.mu.Unlock()
	one, ok := s.all[key]
	if !ok {
		return who.User{}, false
	}
	if now.Sub(one.used) > sessionLasts || users.mark(one.user) != one.as {
		delete(s.all, key)
		return who.User{}, false
	}
	one.used = now
	s.all[key] = one
	return users.user(one.user)
}
