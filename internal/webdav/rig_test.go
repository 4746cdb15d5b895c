package webdav

import (
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"

	"ccsfs/apiclient/apisim"
	"ccsfs/internal/account"
	"ccsfs/internal/catalog/layout"
	"ccsfs/internal/folder"
	"ccsfs/internal/httpfile"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// rig is a simulated account, shown as a drive.
type rig struct {
	*testing.T
	sim     *apisim.Server
	account *account.Account
	web     *httptest.Server

	mu   sync.Mutex
	sent []httpfile.Served
}

func newRig(t *testing.T, of *apisim.Account, change ...func(*account.Config)) *rig {
	t.Helper()
	sim := &apisim.Server{Account: of}
	api := httptest.NewServer(sim)
	t.Cleanup(api.Close)
	cfg := account.DefaultConfig()
	cfg.Dir = filepath.Join(t.TempDir(), "cache", "part")
	cfg.Client.APIURL, cfg.Client.OAuthURL = api.URL+apisim.APIPath, api.URL+apisim.OAuthPath
	cfg.Client.ClientID, cfg.Client.ClientSecret, cfg.Client.APIKey = apisim.ClientID, apisim.ClientSecret, apisim.APIKey
	cfg.Client.Timeout = 5 * time.Second
	shape, err := layout.Parse("flat")
	if err != nil {
		t.Fatal(err)
	}
	cfg.Catalog.Layout = shape.With(layout.Portable)
	for _, c := range change {
		c(&cfg)
	}
	a, err := account.Open(cfg)
	if err != nil {
		t.Fatal(err)
	}
	r := &rig{T: t, sim: sim, account: a}
	r.web = httptest.NewServer(&Handler{Prefix: "/dav", Folder: a.Folder, Ahead: 8, Told: OpenTold("", nil), Sent: func(_ *http.Request, _ folder.Node, s httpfile.Served) {
		r.mu.Lock()
		defer r.mu.Unlock()
		r.sent = append(r.sent, s)
	}})
	t.Cleanup(func() {
		sim.Faults.Clear()
		r.web.Close()
		if err := a.Close(); err != nil {
			t.Error(err)
		}
		http.DefaultClient.CloseIdleConnections()
	})
	return r
}
