package control

import (
	"context"
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"

	"ccsfs/apiclient"
	"ccsfs/apiclient/apisim"
	"ccsfs/cmd/ccsfs/internal/choice"
	"ccsfs/internal/catalog"
	"ccsfs/internal/content"
	"ccsfs/internal/osfile/osfiletest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// documents is how many documents each of the three contracts of a rig has.
const documents = 12

// rig is a mount, but for the mounting, over a simulated API.
type rig struct {
	api    *apisim.Server
	mount  *Mount
	server *Server
	places Places
	client *Client
	log    *strings.Builder // read after close alone
}

func newRig(t *testing.T, change func(*content.Config)) *rig {
	t.Helper()
	r := &rig{api: &apisim.Server{Account: apisim.Synthetic(3, documents, 1000, ".pdf")}, log: &strings.Builder{}}
	upstream := httptest.NewServer(r.api)
	t.Cleanup(upstream.Close)
	t.Cleanup(r.api.Faults.Clear)
	logger := slog.New(slog.NewTextHandler(r.log, &slog.HandlerOptions{Level: slog.LevelDebug}))

	cfg := apiclient.DefaultConfig()
	cfg.APIURL, cfg.OAuthURL = upstream.URL+apisim.APIPath, upstream.URL+apisim.OAuthPath
	cfg.ClientID, cfg.ClientSecret, cfg.APIKey = apisim.ClientID, apisim.ClientSecret, apisim.APIKey
	cfg.RateLimit = 0
	client, err := apiclient.New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(client.Close)
	list, err := catalog.New(catalog.Config{}, client)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(list.Close)
	files := content.DefaultConfig()
	files.Dir = filepath.Join(t.TempDir(), "content")
	if change != nil {
		change(&files)
	}
	store, err := content.Open(files, client)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = store.Close() })

	r.places = Places{filepath.Join(shortDir(t), "s")}
	r.mount = &Mount{
		Point: "/srv/bills", Version: "1.2.3", APIURL: cfg.APIURL, Started: time.Now(),
		Client: client, Catalog: list, Content: store, Workers: 4,
		Metrics: http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { fmt.Fprint(w, "metrics\n") }),
		Logger:  logger,
	}
	if r.server, err = Serve(r.places, r.mount); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = r.server.Close() })
	if r.client, err = Connect(t.Context(), r.places, "/srv/bills"); err != nil {
		t.Fatal(err)
	}
	return r
}

// shortDir is a temporary directory whose path leaves room for a socket's.
func shortDir(t *testing.T) string {
	t.Helper()
	osfiletest.NeedsSockets(t)
	dir, err := os.MkdirTemp("", "ccsfs")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	return dir
}

// warm collects the events of a warming.
func (r *rig) warm(ctx context.Context, paths ...string) (map[string][]Event, error) {
	events := map[string][]Event{}
	err := r.client.Warm(ctx, paths, choice.Flags{}, func(e Event) { events[e.Event] = append(events[e.Event], e) })
	return events, err
}

// contract returns the id of the i-th contract.
func (r *rig) contract(i int) string { return r.api.Snapshot().Contracts[i].ID }
