package page

import (
	"context"
	"io"
	"log/slog"
	"net/http"
	"net/http/cookiejar"
	"net/http/httptest"
	"net/url"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"go.uber.org/goleak"

	"ccsfs/apiclient/apisim"
	"ccsfs/cmd/ccsfs/internal/cmdtest"
	"ccsfs/cmd/ccsfs/internal/redacted"
	"ccsfs/cmd/ccsfs/internal/serve/who"
	"ccsfs/cmd/ccsfs/internal/session"
	"ccsfs/cmd/ccsfs/internal/settings"
	"ccsfs/internal/folder"
	"ccsfs/internal/httpfile"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// demoNow is when the simulated account is looked at: its running month is November.
func demoNow() time.Time { return time.Date(2026, 11, 20, 9, 30, 0, 0, time.UTC) }

// rig is a simulated account, and the page of it.
type rig struct {
	testing.TB
	sim     *apisim.Server
	account *session.Account
	page    *Page
	web     *httptest.Server
	now     atomic.Int64 // Unix seconds

	mu   sync.Mutex
	user who.User
	sent []httpfile.Served
}

func newRig(t testing.TB, of *apisim.Account, change ...func(*settings.Settings)) *rig {
	t.Helper()
	r := &rig{TB: t, sim: &apisim.Server{Account: of}, user: who.User{Name: "claire"}}
	r.sim.Quirks.Dates, r.sim.Quirks.Amounts = true, true
	r.now.Store(demoNow().Unix())
	api := httptest.NewServer(r.sim)
	t.Cleanup(api.Close)
	s, err := settings.Load(settings.Isolated(nil, t.TempDir(), t.TempDir()))
	if err != nil {
		t.Fatal(err)
	}
	s.API.URL, s.API.OAuthURL = api.URL+apisim.APIPath, api.URL+apisim.OAuthPath
	s.API.ClientID, s.API.ClientSecret, s.API.APIKey = redacted.New(apisim.ClientID), redacted.New(apisim.ClientSecret), redacted.New(apisim.APIKey)
	s.API.RateLimit, s.API.Timeout = 0, 5*time.Second
	for _, c := range change {
		c(s)
	}
	env, _, _ := cmdtest.Environment(t)
	env.Now = r.clock
	if r.account, err = session.WireAccount(env, s, slog.New(slog.DiscardHandler), session.Lasting); err != nil {
		t.Fatal(err)
	}
	r.page = New(Config{Account: r.account, Settings: s, Drive: "https://bills.example:8443/dav/", Version: "test", Now: r.clock, Sent: r.hear})
	r.web = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, q *http.Request) {
		r.mu.Lock()
		user := r.user
		r.mu.Unlock()
		r.page.ServeHTTP(w, q.WithContext(who.With(q.Context(), user)))
	}))
	t.Cleanup(func() {
		r.sim.Faults.Clear()
		r.web.Close()
		r.page.Close()
		if err := r.account.Close(); err != nil {
			t.Error(err)
		}
		http.DefaultClient.CloseIdleConnections()
	})
	return r
}

func (r *rig) clock() time.Time { return time.Unix(r.now.Load(), 0).UTC() }

func (r *rig) after(d time.Duration) { r.now.Add(int64(d / time.Second)) }

func (r *rig) hear(_ *http.Request, _ folder.Node, s httpfile.Served) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.sent = append(r.sent, s)
}

// as makes somebody else ask, who may see the contracts of some ids.
func (r *rig) as(name string, contracts ...string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.user = who.User{Name: name, Contracts: contracts}
}

// browser keeps cookies, and asks in a language.
type browser struct {
	*rig
	client http.Client
	lang   string
}

func (r *rig) browser(lang string) *browser {
	jar, _ := cookiejar.New(nil) // never fails
	return &browser{rig: r, lang: lang, client: http.Client{Jar: jar, CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}}
}

// answer is what came.
type answer struct {
	*http.Response
	body string
}

func (b *browser) get(at string) answer {
	b.Helper()
	q, err := http.NewRequestWithContext(context.Background(), http.MethodGet, b.web.URL+at, nil)
	if err != nil {
		b.Fatal(err)
	}
	return b.do(q)
}

func (b *browser) do(q *http.Request) answer {
	b.Helper()
	q.Header.Set("Accept-Language", b.lang)
	res, err := b.client.Do(q)
	if err != nil {
		b.Fatal(err)
	}
	defer res.Body.Close()
	body, err := io.ReadAll(res.Body)
	if err != nil {
		b.Fatal(err)
	}
	return answer{res, string(body)}
}

// listed waits until all is listed that the page shows.
func (b *browser) listed(at string) answer {
	b.Helper()
	for end := time.Now().Add(cmdtest.Patience); ; {
		a := b.get(at)
		if a.StatusCode != http.StatusOK {
			b.Fatalf("%s: %s\n%s", at, a.Status, a.body)
		}
		if !strings.Contains(a.body, `http-equiv="refresh"`) {
			return a
		}
		if time.Now().After(end) {
			b.Fatalf("%s is never whole:\n%s", at, a.body)
		}
		time.Sleep(20 * time.Millisecond)
	}
}

// text is a page as it is read: without tags, spaces in a row as one.
func (a answer) text() string {
	var out strings.Builder
	in := false
	for _, r := range a.body {
		switch {
		case r == '<':
			in = true
			out.WriteByte(' ')
		case r == '>':
			in = false
		case !in:
			out.WriteRune(r)
		}
	}
	return strings.Join(strings.Fields(strings.NewReplacer("&#39;", "'", "&#34;", `"`, "&amp;", "&", "&lt;", "<", "&gt;", ">", "&#43;", "+").Replace(out.String())), " ")
}

// wants fails if a text is not there.
func (a answer) wants(t testing.TB, texts ...string) {
	t.Helper()
	all := a.text()
	for _, text := range texts {
		if !strings.Contains(all, strings.Join(strings.Fields(text), " ")) {
			t.Errorf("no %q in\n%s", text, all)
		}
	}
}

func query(pairs ...string) string {
	v := url.Values{}
	for i := 0; i+1 < len(pairs); i += 2 {
		v.Add(pairs[i], pairs[i+1])
	}
	return "/?" + v.Encode()
}
