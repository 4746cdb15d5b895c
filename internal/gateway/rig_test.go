package gateway

import (
	"context"
	"crypto/sha256"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/url"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"

	"ccsfs/apiclient"
	"ccsfs/apiclient/apisim"
	"ccsfs/internal/account"
	"ccsfs/internal/folder"
	"ccsfs/internal/httpfile"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// rig is a simulated account with a gateway before it.
type rig struct {
	*testing.T
	sim     *apisim.Server
	api     *httptest.Server // the real one
	account *account.Account
	web     *httptest.Server // the gateway

	mu      sync.Mutex
	clients map[string]Client
	now     time.Time
	sent    []string
}

const (
	testSecret = "fake-secret-of-a-client"
	testKey    = "fake+api/key=="
)

// Client implements Clients.
func (r *rig) Client(id string) (Client, bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	c, ok := r.clients[id]
	return c, ok
}

// Key implements Clients.
func (r *rig) Key() []byte { return []byte("fake key of tests") }

func (r *rig) time() time.Time {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.now
}

func (r *rig) after(d time.Duration) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.now = r.now.Add(d)
}

// admit lets a client in, with contracts, or all.
func (r *rig) admit(id string, contracts ...string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.clients[id] = Client{Name: "name of " + id, ID: id, Secret: sha256.Sum256([]byte(testSecret)), APIKey: sha256.Sum256([]byte(testKey)), Contracts: contracts}
}

func newRig(t *testing.T, of *apisim.Account, change ...func(*account.Config)) *rig {
	t.Helper()
	r := &rig{T: t, sim: &apisim.Server{Account: of}, clients: map[string]Client{}, now: time.Now()}
	r.api = httptest.NewServer(r.sim)
	t.Cleanup(r.api.Close)
	cfg := account.DefaultConfig()
	cfg.Dir = filepath.Join(t.TempDir(), "cache", "part")
	cfg.Client.APIURL, cfg.Client.OAuthURL = r.api.URL+apisim.APIPath, r.api.URL+apisim.OAuthPath
	cfg.Client.ClientID, cfg.Client.ClientSecret, cfg.Client.APIKey = apisim.ClientID, apisim.ClientSecret, apisim.APIKey
	cfg.Client.Timeout = 5 * time.Second
	cfg.Client.RateLimit = 0
	cfg.Now = r.time
	for _, c := range change {
		c(&cfg)
	}
	a, err := account.Open(cfg)
	if err != nil {
		t.Fatal(err)
	}
	r.account = a
	r.admit("one")
	r.web = httptest.NewServer(New(Config{
		Catalog: a.Catalog, Types: cfg.Catalog.Types, Folder: a.Folder, Clients: r, Logger: slog.New(slog.DiscardHandler), Now: r.time,
		Sent: func(_ *http.Request, client string, n folder.Node, what httpfile.Served) {
			r.mu.Lock()
			defer r.mu.Unlock()
			r.sent = append(r.sent, client+" "+n.Doc.ID)
		},
	}))
	t.Cleanup(func() {
		r.sim.Faults.Clear()
		r.web.Close()
		if err := a.Close(); err != nil {
			t.Error(err)
		}
		http.DefaultClient.CloseIdleConnections()
	})
	return r
}

// client is a client of the gateway, as the one of the API.
func (r *rig) client(id string, change ...func(*apiclient.Config)) *apiclient.Client {
	r.Helper()
	cfg := apiclient.DefaultConfig()
	cfg.APIURL, cfg.OAuthURL = r.web.URL+APIPath, r.web.URL+OAuthPath
	cfg.ClientID, cfg.ClientSecret, cfg.APIKey = id, testSecret, testKey
	cfg.RateLimit = 0
	for _, c := range change {
		c(&cfg)
	}
	c, err := apiclient.New(cfg)
	if err != nil {
		r.Fatal(err)
	}
	r.Cleanup(c.Close)
	return c
}

// direct is a client of the API itself.
func (r *rig) direct() *apiclient.Client {
	return r.client(apisim.ClientID, func(c *apiclient.Config) {
		c.APIURL, c.OAuthURL = r.api.URL+apisim.APIPath, r.api.URL+apisim.OAuthPath
		c.ClientSecret, c.APIKey = apisim.ClientSecret, apisim.APIKey
	})
}

// answer is what came of a request.
type answer struct {
	*http.Response
	body string
}

// ask sends a request of the first client to a server, signed as change leaves it.
func (r *rig) ask(server, at, token, key string, change func(q *http.Request)) answer {
	r.Helper()
	q, err := http.NewRequestWithContext(context.Background(), http.MethodGet, server+at, nil)
	if err != nil {
		r.Fatal(err)
	}
	q.Header.Set("Authorization", "Bearer "+token)
	q.Header.Set("X-API-Key", key)
	q.Header.Set("Accept", "application/json")
	if change != nil {
		change(q)
	}
	return r.do(q)
}

func (r *rig) do(q *http.Request) answer {
	r.Helper()
	res, err := http.DefaultClient.Do(q)
	if err != nil {
		r.Fatal(err)
	}
	defer res.Body.Close()
	body, err := io.ReadAll(res.Body)
	if err != nil {
		r.Fatal(err)
	}
	return answer{res, string(body)}
}

// token asks for one, by the form of OAuth.
func (r *rig) token(server, id, secret string, form url.Values) answer {
	r.Helper()
	q, err := http.NewRequestWithContext(context.Background(), http.MethodPost, server+OAuthPath+"/token", strings.NewReader(form.Encode()))
	if err != nil {
		r.Fatal(err)
	}
	q.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	q.SetBasicAuth(id, secret)
	return r.do(q)
}

func grant() url.Values { return url.Values{"grant_type": {"client_credentials"}} }
