package gate

import (
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"golang.org/x/crypto/bcrypt"

	"ccsfs/cmd/ccsfs/internal/serve/who"
)

// rig is a gate, and a clock of its own.
type rig struct {
	*testing.T
	*Gate
	now time.Time
	log strings.Builder
}

func newRig(t *testing.T, change func(*Config)) *rig {
	t.Helper()
	r := &rig{T: t, now: time.Date(2026, 11, 20, 12, 0, 0, 0, time.UTC)}
	users, password := Generated("ccsfs")
	cfg := Config{
		Users: users, Loopback: true, Logger: slog.New(slog.NewTextHandler(&r.log, nil)),
		Now: func() time.Time { return r.now },
	}
	if change != nil {
		change(&cfg)
	}
	r.Gate = New(cfg)
	t.Cleanup(func() {
		if strings.Contains(r.log.String(), password) {
			t.Errorf("the password is in the log: %s", r.log.String())
		}
	})
	return r
}

// ask sends a request through the gate, to a handler that names the user.
func (r *rig) ask(req *http.Request) (status int, body string, h http.Header) {
	r.Helper()
	w := httptest.NewRecorder()
	r.Wrap(http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
		u, ok := who.From(req.Context())
		if !ok {
			r.Error("let in without a user")
		}
		_, _ = io.WriteString(w, u.Name+" "+strings.Join(u.Contracts, ","))
	})).ServeHTTP(w, req)
	return w.Code, w.Body.String(), w.Header()
}

func request(target string, change func(*http.Request)) *http.Request {
	req := httptest.NewRequest(http.MethodGet, "http://127.0.0.1:8427"+target, nil)
	req.RemoteAddr = "127.0.0.1:50000"
	if change != nil {
		change(req)
	}
	return req
}

func basic(name, password string) func(*http.Request) {
	return func(r *http.Request) { r.SetBasicAuth(name, password) }
}

func TestWhoIsLetIn(t *testing.T) {
	users, password := Generated("ccsfs")
	r := newRig(t, func(c *Config) { c.Users = users })
	for _, tt := range []struct {
		name   string
		change func(*http.Request)
		status int
	}{
		{"nobody", nil, 401},
		{"the password", basic("ccsfs", password), 200},
		{"the password again", basic("ccsfs", password), 200},
		{"a wrong one", basic("ccsfs", "wrong"), 401},
		{"another user", basic("root", password), 401},
		{"no user", basic("", password), 401},
		{"nothing", basic("", ""), 401},
		{"a header of no proxy", func(r *http.Request) { r.Header.Set("X-Forwarded-User", "ccsfs") }, 401},
		{"a cookie made up", func(r *http.Request) { r.AddCookie(&http.Cookie{Name: "ccsfs", Value: "x"}) }, 401},
		{"no scheme that is known", func(r *http.Request) { r.Header.Set("Authorization", "Bearer x") }, 401},
	} {
		status, body, h := r.ask(request("/", tt.change))
		if status != tt.status || status == 200 && body != "ccsfs " {
			t.Errorf("%s: %d %s", tt.name, status, body)
		}
		if status == 401 && !strings.Contains(h.Get("WWW-Authenticate"), `Basic realm="ccsfs"`) {
			t.Errorf("%s: %v", tt.name, h)
		}
	}
}

// Names and passwords with accents are taken as clients encode them: by UTF-8, as they are
// asked to, or by what Windows and Python's requests had before.
func TestAccents(t *testing.T) {
	path := filepath.Join(t.TempDir(), "users")
	write(t, path, "renée:"+hash(t, "pâté 5 €")+"\n")
	users, err := ReadUsers("", "", path)
	if err != nil {
		t.Fatal(err)
	}
	r := newRig(t, func(c *Config) { c.Users = users })
	for _, tt := range []struct {
		name, password string
		status         int
	}{
		{"renée", "pâté 5 €", 200},
		{"ren\xe9e", "p\xe2t\xe9 5 \x80", 200},
		{"ren\xe9e", "p\xe2t\xe9 5 \x80", 200},
		{"ren\xe9e", "p\xe2t\xe9 5 \x81", 401},
		{"ren\xe8e", "p\xe2t\xe9 5 \x80", 401},
		{"renée", "pate 5 €", 401},
	} {
		if status, body, _ := r.ask(request("/", basic(tt.name, tt.password))); status != tt.status || status == 200 && body != "renée " {
			t.Errorf("%q %q: %d %s", tt.name, tt.password, status, body)
		}
	}
	if !utf8.ValidString(r.log.String()) {
		t.Errorf("the log: %q", r.log.String())
	}
}

// A domain that Windows puts in front of a name is no part of it, unless it is.
func TestDomains(t *testing.T) {
	path := filepath.Join(t.TempDir(), "users")
	write(t, path, "anna:"+hash(t, "a good password")+"\nHQ\\bob:"+hash(t, "another password")+"\n")
	users, err := ReadUsers("", "", path)
	if err != nil {
		t.Fatal(err)
	}
	r := newRig(t, func(c *Config) { c.Users = users })
	for _, tt := range []struct{ name, password, user string }{
		{`anna`, "a good password", "anna "},
		{`WORKGROUP\anna`, "a good password", "anna "},
		{`\anna`, "a good password", "anna "},
		{`HQ\bob`, "another password", `HQ\bob `},
		{`bob`, "another password", ""},
		{`X\bob`, "another password", ""},
		{`WORKGROUP\anna`, "another password", ""},
		{`anna\`, "a good password", ""},
	} {
		status, body, _ := r.ask(request("/", basic(tt.name, tt.password)))
		if (status == 200) != (tt.user != "") || status == 200 && body != tt.user {
			t.Errorf("%s: %d %q", tt.name, status, body)
		}
	}
}

// A page of another site, and a name of another site that leads here, get nothing.
func TestWhatOthersSend(t *testing.T) {
	users, password := Generated("ccsfs")
	r := newRig(t, func(c *Config) { c.Users, c.Hosts = users, []string{"bills.example.com", "*.example.org"} })
	for host, want := range map[string]int{
		"127.0.0.1:8427": 200, "localhost:1": 200, "[::1]:8427": 200, "LOCALHOST": 200, "x.localhost": 200, "bills.example.com": 200, "Bills.Example.com.:443": 200,
		"a.example.org": 200, "a.b.example.org": 421, "example.org": 421, "*.example.org": 200,
		"evil.example": 421, "127.0.0.1.evil.example": 421, "": 421, "192.168.1.1": 421, "localhost.evil.example": 421, "evil\x00": 421, "localhost@evil": 421,
	} {
		status, body, _ := r.ask(request("/", func(req *http.Request) { req.Host = host; basic("ccsfs", password)(req) }))
		if status != want {
			t.Errorf("%q: %d %s", host, status, body)
		}
	}
	post := func(name, value string) *http.Request {
		req := httptest.NewRequest(http.MethodPost, "http://127.0.0.1:8427/refresh", nil)
		req.Header.Set(name, value)
		req.SetBasicAuth("ccsfs", password)
		return req
	}
	for _, tt := range []struct {
		name, value string
		status      int
	}{
		{"Sec-Fetch-Site", "cross-site", 403}, {"Sec-Fetch-Site", "same-site", 403}, {"Origin", "http://evil.example", 403}, {"Origin", "null", 403},
		{"Sec-Fetch-Site", "same-origin", 200}, {"Origin", "http://127.0.0.1:8427", 200},
	} {
		if status, _, _ := r.ask(post(tt.name, tt.value)); status != tt.status {
			t.Errorf("%s: %s: %d", tt.name, tt.value, status)
		}
	}
}

// Other machines are not let in by names of this one.
func TestHostsOfOtherMachines(t *testing.T) {
	r := newRig(t, func(c *Config) { c.Loopback, c.Hosts = false, []string{"bills.example.com"} })
	for host, want := range map[string]int{"localhost": 421, "127.0.0.1": 421, "bills.example.com:8443": 401} {
		if status, _, _ := r.ask(request("/", func(req *http.Request) { req.Host = host })); status != want {
			t.Errorf("%s: %d", host, status)
		}
	}
}

func TestOneTimeAddress(t *testing.T) {
	for _, secure := range []bool{false, true} {
		r := newRig(t, func(c *Config) { c.Secure = secure })
		old := strings.TrimPrefix(r.Address("http://127.0.0.1:8427/", "ccsfs"), "http://127.0.0.1:8427")
		at := strings.TrimPrefix(r.Address("http://127.0.0.1:8427/", "ccsfs"), "http://127.0.0.1:8427")
		if status, _, h := r.ask(request(old, nil)); status != 303 || h.Get("Set-Cookie") != "" {
			t.Errorf("an earlier address: %d %v", status, h)
		}
		status, body, h := r.ask(request(at, nil))
		cookie := h.Get("Set-Cookie")
		if status != 200 || !strings.Contains(body, `url=/"`) || strings.Contains(cookie, "Secure") != secure {
			t.Fatalf("%d %s %v", status, body, h)
		}
		for _, want := range []string{"HttpOnly", "SameSite=Strict", "Path=/"} {
			if !strings.Contains(cookie, want) {
				t.Errorf("%s has no %s", cookie, want)
			}
		}
		value, _, _ := strings.Cut(cookie, ";")
		with := func(req *http.Request) { req.Header.Set("Cookie", value) }
		if status, body, _ := r.ask(request("/x", with)); status != 200 || body != "ccsfs " {
			t.Errorf("with the cookie: %d %s", status, body)
		}
		if status, _, h := r.ask(request(at, nil)); status != 303 || h.Get("Set-Cookie") != "" {
			t.Errorf("used again: %d %v", status, h)
		}
		r.now = r.now.Add(sessionLasts)
		if status, _, _ := r.ask(request("/", with)); status != 200 {
			t.Errorf("used an hour ago: %d", status)
		}
		r.now = r.now.Add(sessionLasts + time.Second)
		if status, _, _ := r.ask(request("/", with)); status != 401 {
			t.Errorf("not used for long: %d", status)
		}
		late := strings.TrimPrefix(r.Address("http://127.0.0.1:8427/", "ccsfs"), "http://127.0.0.1:8427")
		r.now = r.now.Add(addressLasts)
		if status, _, h := r.ask(request(late, nil)); status != 303 || h.Get("Set-Cookie") != "" {
			t.Errorf("too late: %d %v", status, h)
		}
		if strings.Contains(r.log.String(), at[3:]) {
			t.Error("the key is in the log")
		}
	}
}

// Whoever guesses is slowed down, and nobody else.
func TestGuessing(t *testing.T) {
	users, password := Generated("ccsfs")
	r := newRig(t, func(c *Config) { c.Users = users })
	from := func(remote, password string) int {
		status, _, h := r.ask(request("/", func(req *http.Request) { req.RemoteAddr = remote; basic("ccsfs", password)(req) }))
		if status == 429 && h.Get("Retry-After") == "" {
			t.Error("does not say when to come again")
		}
		return status
	}
	if status := from("127.0.0.1:1", password); status != 200 {
		t.Fatal(status)
	}
	for i := range failuresAtOnce {
		if status := from("127.0.0.1:1", "wrong"); status != 401 {
			t.Errorf("%d: %d", i, status)
		}
	}
	if status := from("127.0.0.1:2", "wrong"); status != 429 {
		t.Errorf("one more: %d", status)
	}
	if status := from("127.0.0.1:1", password); status != 200 {
		t.Errorf("who has the right one, and used it before: %d", status)
	}
	if status := from("127.0.0.2:1", "wrong"); status != 401 {
		t.Errorf("somebody else: %d", status)
	}
	r.now = r.now.Add(failureEvery)
	if status := from("127.0.0.1:1", "wrong"); status != 401 {
		t.Errorf("a while later: %d", status)
	}
	if status := from("127.0.0.1:1", "wrong"); status != 429 {
		t.Errorf("and again: %d", status)
	}
}

// A proxy says who asks, and nobody else does.
func TestProxies(t *testing.T) {
	file := filepath.Join(t.TempDir(), "users")
	write(t, file, "anna:"+hash(t, "password of anna")+":OCB1\n")
	users, err := ReadUsers("", "", file)
	if err != nil {
		t.Fatal(err)
	}
	for _, tt := range []struct {
		name   string
		users  *Users
		remote string
		user   string
		status int
		body   string
	}{
		{"the proxy", nil, "10.0.0.5:1", "anna@example.com", 200, "anna@example.com "},
		{"the proxy, by a mapped address", nil, "[::ffff:10.0.0.5]:1", "anna", 200, "anna "},
		{"another machine", nil, "10.0.1.5:1", "anna", 401, ""},
		{"the proxy without a user", nil, "10.0.0.5:1", "", 401, ""},
		{"a unix socket", nil, "@", "anna", 401, ""},
		{"of the file", users, "10.0.0.5:1", "anna", 200, "anna OCB1"},
		{"not of the file", users, "10.0.0.5:1", "bob", 403, ""},
	} {
		r := newRig(t, func(c *Config) {
			c.Proxies, c.UserHeader = []netip.Prefix{netip.MustParsePrefix("10.0.0.0/24")}, "X-Forwarded-User"
			if tt.users != nil {
				c.Users = tt.users
			}
		})
		status, body, _ := r.ask(request("/", func(req *http.Request) {
			req.RemoteAddr = tt.remote
			req.Header.Set("X-Forwarded-User", tt.user)
		}))
		if status != tt.status || status == 200 && body != tt.body {
			t.Errorf("%s: %d %s", tt.name, status, body)
		}
	}
	r := newRig(t, func(c *Config) { c.UnixProxy, c.UserHeader = true, "X-Forwarded-User" })
	if status, body, _ := r.ask(request("/", func(req *http.Request) { req.RemoteAddr = "@"; req.Header.Set("X-Forwarded-User", "anna") })); status != 200 || body != "anna " {
		t.Errorf("by a unix socket: %d %s", status, body)
	}
}

// Where a request comes from is said by a trusted proxy, and by nobody else.
func TestRemote(t *testing.T) {
	for _, trusted := range []bool{false, true} {
		r := newRig(t, func(c *Config) {
			if trusted {
				c.Proxies = []netip.Prefix{netip.MustParsePrefix("127.0.0.1/32")}
			}
		})
		seen := ""
		req := request("/", func(req *http.Request) { req.Header.Set("X-Forwarded-For", "6.6.6.6, 10.1.1.1") })
		address := strings.TrimPrefix(r.Address("", "ccsfs"), "")
		_, _, h := r.ask(request("/"+address, nil))
		value, _, _ := strings.Cut(h.Get("Set-Cookie"), ";")
		req.Header.Set("Cookie", value)
		r.Wrap(http.HandlerFunc(func(_ http.ResponseWriter, req *http.Request) { seen = Remote(req) })).ServeHTTP(httptest.NewRecorder(), req)
		if want := map[bool]string{false: "127.0.0.1", true: "10.1.1.1"}[trusted]; seen != want {
			t.Errorf("trusted %v: %q", trusted, seen)
		}
	}
}

// One address, or one user, does not take all that there is.
func TestTooMuchAtOnce(t *testing.T) {
	users, password := Generated("ccsfs")
	r := newRig(t, func(c *Config) { c.Users = users })
	hold, begun := make(chan struct{}), make(chan struct{})
	h := r.Wrap(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { begun <- struct{}{}; <-hold }))
	ended := make(chan struct{})
	for range mostOfRemote {
		go func() {
			h.ServeHTTP(httptest.NewRecorder(), request("/", basic("ccsfs", password)))
			ended <- struct{}{}
		}()
		<-begun
	}
	if status, _, h := r.ask(request("/", basic("ccsfs", password))); status != 429 || h.Get("Retry-After") == "" {
		t.Errorf("%d", status)
	}
	if status, _, _ := r.ask(request("/", func(req *http.Request) { req.RemoteAddr = "127.0.0.9:1"; basic("ccsfs", password)(req) })); status != 200 {
		t.Errorf("another address: %d", status)
	}
	close(hold)
	for range mostOfRemote {
		<-ended
	}
	if status, _, _ := r.ask(request("/", basic("ccsfs", password))); status != 200 {
		t.Errorf("afterwards: %d", status)
	}
}

func hash(t *testing.T, password string) string {
	t.Helper()
	h, err := bcrypt.GenerateFromPassword([]byte(password), bcrypt.MinCost)
	if err != nil {
		t.Fatal(err)
	}
	return string(h)
}

func write(t *testing.T, path, text string) {
	t.Helper()
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
}

// Who is taken out of the file between the look at the password and at the rights is told
// so: an answer without a word would be an empty document.
func TestSomebodyWhoIsNobodyNow(t *testing.T) {
	r := newRig(t, nil)
	w := httptest.NewRecorder()
	if _, ok := r.named(w, "bob"); ok || w.Code != http.StatusUnauthorized {
		t.Errorf("%d, %v", w.Code, ok)
	}
}

// Many wrong passwords at once are no more guesses than one after the other, and whoever is
// right at once many times, as a drive is, is let in each time.
func TestGuessingAtOnce(t *testing.T) {
	file := filepath.Join(t.TempDir(), "users")
	write(t, file, "anna:"+hash(t, "password of anna")+"\n")
	users, err := ReadUsers("", "", file)
	if err != nil {
		t.Fatal(err)
	}
	r := newRig(t, func(c *Config) { c.Users, c.Logger = users, slog.New(slog.DiscardHandler) })
	const many = 4 * failuresAtOnce
	atOnce := func(remote, name, password string) map[int]int {
		begin, statuses := make(chan struct{}), make(chan int)
		for range many {
			go func() {
				<-begin
				status, _, _ := r.ask(request("/", func(req *http.Request) { req.RemoteAddr = remote; basic(name, password)(req) }))
				statuses <- status
			}()
		}
		close(begin)
		all := map[int]int{}
		for range many {
			all[<-statuses]++
		}
		return all
	}
	if got := atOnce("127.0.0.1:1", "nobody", "wrong"); got[401] != failuresAtOnce || got[429] != many-failuresAtOnce {
		t.Errorf("wrong ones: %v", got)
	}
	if got := atOnce("127.0.0.2:1", "anna", "password of anna"); got[200] != many {
		t.Errorf("right ones: %v", got)
	}
	if n := len(r.failures.turns); n != 0 {
		t.Errorf("%d turns are left", n)
	}
}

// Of several lines of a header, the last one is what the proxy itself has seen.
func TestRemoteOfSeveralLines(t *testing.T) {
	req := request("/", func(req *http.Request) { req.Header["X-Forwarded-For"] = []string{"6.6.6.6", "7.7.7.7, 10.1.1.1"} })
	if got := Remote(req); got != "10.1.1.1" {
		t.Error(got)
	}
}

// Whoever has a network of addresses has no more guesses than with one, and a port that a
// proxy tells is no address of its own.
func TestGuessingFromManyAddresses(t *testing.T) {
	r := newRig(t, func(c *Config) { c.Proxies = []netip.Prefix{netip.MustParsePrefix("127.0.0.1/32")} })
	guess := func(remote, forwarded string) int {
		status, _, _ := r.ask(request("/", func(req *http.Request) {
			if req.RemoteAddr = remote; forwarded != "" {
				req.Header.Set("X-Forwarded-For", forwarded)
			}
			basic("ccsfs", "wrong")(req)
		}))
		return status
	}
	for _, tt := range []struct {
		name   string
		guess  func(i int) int
		status int
	}{
		{"of one IPv6 network", func(i int) int { return guess(fmt.Sprintf("[2001:db8:0:1::%x]:1", i+1), "") }, 429},
		{"of others", func(i int) int { return guess(fmt.Sprintf("[2001:db8:0:%x::1]:1", i+2), "") }, 401},
		{"of one network, behind a proxy", func(i int) int { return guess("127.0.0.1:1", fmt.Sprintf("2001:db8:1:1::%x", i+1)) }, 429},
		{"of one address, with ports", func(i int) int { return guess("127.0.0.1:1", fmt.Sprintf("192.0.2.1:%d", 1000+i)) }, 429},
		{"of one IPv6 address, with ports", func(i int) int { return guess("127.0.0.1:1", fmt.Sprintf("[2001:db8:2::1]:%d", 1000+i)) }, 429},
		{"of IPv4 addresses", func(i int) int { return guess("127.0.0.1:1", fmt.Sprintf("198.51.100.%d", i+1)) }, 401},
		{"of one mapped address", func(i int) int {
			return guess("127.0.0.1:1", fmt.Sprintf("::ffff:203.0.113.1, [::ffff:203.0.113.1]:%d", i+1))
		}, 429},
	} {
		status := 0
		for i := range failuresAtOnce + 1 {
			status = tt.guess(i)
		}
		if status != tt.status {
			t.Errorf("%s: the last guess is answered %d, not %d", tt.name, status, tt.status)
		}
	}
}

// Where a proxy has left in what a client sent of the header of users, nobody can say which of
// them is its own.
func TestSeveralUsersOfAProxy(t *testing.T) {
	r := newRig(t, func(c *Config) {
		c.Proxies, c.UserHeader = []netip.Prefix{netip.MustParsePrefix("127.0.0.1/32")}, "X-Forwarded-User"
	})
	status, body, _ := r.ask(request("/", func(req *http.Request) { req.Header["X-Forwarded-User"] = []string{"mallory", "anna"} }))
	if status != http.StatusForbidden || !strings.Contains(r.log.String(), "X-Forwarded-User") {
		t.Errorf("%d %s %s", status, body, r.log.String())
	}
}

// A file that lets nobody in any more is told, once, and that it is mended.
func TestAFileThatBreaksIsTold(t *testing.T) {
	file := filepath.Join(t.TempDir(), "password")
	write(t, file, "a good password\n")
	users, err := ReadUsers("ccsfs", file, "")
	if err != nil {
		t.Fatal(err)
	}
	r := newRig(t, func(c *Config) { c.Users = users })
	for _, tt := range []struct {
		password      string
		broken, again int // how often that is told until now
	}{{"a good password", 0, 0}, {"", 1, 0}, {"", 1, 0}, {"another good one", 1, 1}, {"", 2, 1}} {
		write(t, file, tt.password+"\n")
		users.mu.Lock()
		users.looked = time.Time{} // it is time to look
		users.mu.Unlock()
		r.ask(request("/", basic("ccsfs", tt.password)))
		if log := r.log.String(); strings.Count(log, "cannot be let in") != tt.broken || strings.Count(log, "can be let in again") != tt.again {
			t.Errorf("%+v: %s", tt, log)
		}
	}
}

// The names of a certificate that is renewed are those of the server from then on.
func TestNamesThatChange(t *testing.T) {
	names := []string{"old.example.com"}
	r := newRig(t, func(c *Config) { c.Names = func() []string { return names } })
	ask := func(host string) int {
		status, _, _ := r.ask(request("/", func(req *http.Request) { req.Host = host }))
		return status
	}
	if a, b := ask("old.example.com"), ask("new.example.com"); a != 401 || b != 421 {
		t.Errorf("before: %d, %d", a, b)
	}
	names = []string{"new.example.com"}
	if a, b := ask("old.example.com"), ask("new.example.com"); a != 421 || b != 401 {
		t.Errorf("after: %d, %d", a, b)
	}
}

// Who is made to wait is not let in by a password that somebody else has used before: else
// nobody who guesses would be slowed down.
func TestGuessingWhatOthersUse(t *testing.T) {
	users, password := Generated("ccsfs")
	r := newRig(t, func(c *Config) { c.Users = users })
	from := func(remote, password string) int {
		status, _, _ := r.ask(request("/", func(req *http.Request) { req.RemoteAddr = remote; basic("ccsfs", password)(req) }))
		return status
	}
	if status := from("192.0.2.1:1", password); status != 200 {
		t.Fatal(status)
	}
	for i := range failuresAtOnce {
		from("192.0.2.2:1", fmt.Sprint("guess ", i))
	}
	if status := from("192.0.2.2:1", password); status != 429 {
		t.Errorf("the right one of another address: %d", status)
	}
	// At the address of somebody who is in: a drive that has the old password is no guesser.
	for range 5 * guessesWhileWaiting {
		from("192.0.2.1:1", "the password of last year")
	}
	if status := from("192.0.2.1:1", password); status != 200 {
		t.Errorf("beside a drive that has the old one: %d", status)
	}
	for i := range guessesWhileWaiting {
		if status := from("192.0.2.1:1", fmt.Sprint("guess ", i)); status != 429 {
			t.Fatalf("guess %d: %d", i, status)
		}
	}
	if status := from("192.0.2.1:1", password); status != 429 {
		t.Errorf("beside somebody who goes on guessing: %d", status)
	}
	r.now = r.now.Add(2 * failureEvery)
	if status := from("192.0.2.1:1", password); status != 200 {
		t.Errorf("when that is over: %d", status)
	}
}
