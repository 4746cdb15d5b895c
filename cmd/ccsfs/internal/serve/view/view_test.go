package view

import (
	"log/slog"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"testing"
	"time"

	"go.uber.org/goleak"

	"ccsfs/apiclient/apisim"
	"ccsfs/cmd/ccsfs/internal/cmdtest"
	"ccsfs/cmd/ccsfs/internal/costs"
	"ccsfs/cmd/ccsfs/internal/redacted"
	"ccsfs/cmd/ccsfs/internal/session"
	"ccsfs/cmd/ccsfs/internal/settings"
	"ccsfs/internal/billing"
	"ccsfs/internal/catalog"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// rig is a simulated account that is looked at, now and after a restart.
type rig struct {
	*testing.T
	sim      *apisim.Server
	settings *settings.Settings
	now      time.Time
	view     *View
}

func newRig(t *testing.T, of *apisim.Account) *rig {
	t.Helper()
	r := &rig{T: t, sim: &apisim.Server{Account: of}, now: time.Date(2026, 11, 20, 9, 30, 0, 0, time.UTC)}
	r.sim.Quirks.Dates = true
	api, cache, dir := httptest.NewServer(r.sim), t.TempDir(), t.TempDir()
	t.Cleanup(func() {
		r.stop()
		api.Close()
		http.DefaultClient.CloseIdleConnections()
	})
	s, err := settings.Load(settings.Isolated(nil, cache, dir))
	if err != nil {
		t.Fatal(err)
	}
	s.API.URL, s.API.OAuthURL = api.URL+apisim.APIPath, api.URL+apisim.OAuthPath
	s.API.ClientID, s.API.ClientSecret, s.API.APIKey = redacted.New(apisim.ClientID), redacted.New(apisim.ClientSecret), redacted.New(apisim.APIKey)
	s.API.RateLimit = 0
	r.settings = s
	r.start()
	return r
}

func (r *rig) start() {
	r.Helper()
	env, _, _ := cmdtest.Environment(r.T)
	env.Now = func() time.Time { return r.now }
	a, err := session.WireAccount(env, r.settings, slog.New(slog.DiscardHandler), session.Lasting)
	if err != nil {
		r.Fatal(err)
	}
	r.view = New(Config{Account: a, Settings: r.settings, Now: env.Now})
}

func (r *rig) stop() {
	r.sim.Faults.Clear()
	r.view.Close()
	if err := r.view.Account.Close(); err != nil {
		r.Error(err)
	}
}

// known looks until all is known.
func (r *rig) known(only []string) *Look {
	r.Helper()
	for end := time.Now().Add(cmdtest.Patience); time.Now().Before(end); time.Sleep(5 * time.Millisecond) {
		l := r.view.Look(r.Context(), only)
		r.view.Need(l.Contracts)
		if !l.Pending() && !l.Refreshing {
			return l
		}
	}
	r.Fatal("it is never known")
	return nil
}

func newOnes(l *Look, since time.Time) (n int) {
	for _, c := range l.Contracts {
		for i := range c.Documents {
			if c.Documents[i].NewSince(since) {
				n++
			}
		}
	}
	return n
}

// What was listed first after a time is new since then, also where the API told of it with
// an older date, and also after a restart.
func TestFirstListedSurvivesARestart(t *testing.T) {
	r := newRig(t, nil)
	r.known(nil)
	seen := r.now
	r.stop()
	r.now = r.now.Add(time.Hour)
	late := apisim.Document{ID: "late", Type: "reports", Filename: "late.csv", Period: "202609", CreatedAt: "2026-10-01T00:00:00Z", Content: apisim.Bytes([]byte("a;b\r\n"))}
	if err := r.sim.AddDocument("OCB0001871", late); err != nil {
		t.Fatal(err)
	}
	r.start()
	r.view.Refresh(nil)
	if n := newOnes(r.known(nil), seen); n != 1 {
		t.Errorf("%d are new", n)
	}
	r.stop()
	r.now = r.now.Add(time.Hour)
	r.start()
	l := r.known(nil)
	if n := newOnes(l, seen); n != 1 {
		t.Errorf("after a restart %d are new", n)
	}
	if n := newOnes(l, r.now.Add(-time.Minute)); n != 0 {
		t.Errorf("%d are new to who was here after it", n)
	}
	if n := newOnes(l, time.Time{}); n != 0 {
		t.Errorf("%d are new to who comes first", n)
	}
}

// Amounts that the API does not tell are those of documents that lie in the cache; none is
// fetched for that.
func TestAmountsOfCachedDocuments(t *testing.T) {
	r := newRig(t, nil)
	l := r.known([]string{"OCB0001234"})
	var bill *Document
	for i := range l.Contracts[0].Documents {
		if d := &l.Contracts[0].Documents[i]; d.Doc.Filename == "Bill_OCB0001234_202610.xlsx" {
			bill = d
		}
	}
	if bill == nil || bill.Source != costs.Unknown {
		t.Fatalf("%+v", bill)
	}
	if _, err := r.view.Account.Content.Fetch(t.Context(), bill.Node.Ref()); err != nil {
		t.Fatal(err)
	}
	r.now = r.now.Add(readAgain)
	for end := time.Now().Add(cmdtest.Patience); ; time.Sleep(5 * time.Millisecond) {
		var got []string
		for _, d := range r.known(nil).Contracts[0].Documents {
			if d.Source == costs.Read {
				got = append(got, d.Doc.Filename+" "+d.Amount+" "+d.Currency)
			}
		}
		if len(got) == 1 {
			if got[0] != "Bill_OCB0001234_202610.xlsx 4039.46 EUR" {
				t.Error(got)
			}
			break
		}
		if time.Now().After(end) {
			t.Fatalf("read: %v", got)
		}
	}
	if c := r.sim.Calls(); len(c.Files) != 1 {
		t.Errorf("documents were fetched: %v", c.Files)
	}
}

// Contracts are listed in the order in which they are needed, the last need first.
func TestOrderOfNeed(t *testing.T) {
	r := newRig(t, apisim.Synthetic(12, 4, 10, ".pdf"))
	l := r.view.Look(t.Context(), nil)
	b := r.view.behind
	b.mu.Lock()
	b.running = workers // none of ours begins
	b.mu.Unlock()
	r.view.Need(l.Contracts)
	r.view.Need(l.Contracts[8:10])
	b.mu.Lock()
	got := append([]string{}, b.lists...)
	b.running = 0
	b.mu.Unlock()
	if len(got) != 12 || got[0] != l.Contracts[8].Entry.ID || got[1] != l.Contracts[9].Entry.ID || got[2] != l.Contracts[0].Entry.ID {
		t.Errorf("%v", got)
	}
	r.known(nil)
}

// A listing that was asked for before somebody's visit ended, and is shown only after it, is
// new to that one.
func TestNewIsWhatWasNotShown(t *testing.T) {
	s := openSightings(filepath.Join(t.TempDir(), "seen"), nil, slog.New(slog.DiscardHandler))
	at := time.Date(2026, 11, 20, 9, 0, 0, 0, time.UTC)
	listing := func(ids ...string) *catalog.Listing {
		l := &catalog.Listing{ContractID: "C", FetchedAt: at}
		for _, id := range ids {
			l.Documents = append(l.Documents, billing.Document{ID: id})
		}
		return l
	}
	s.see(listing("a"), at)
	visit, shown := at.Add(time.Minute), at.Add(time.Hour)
	first := s.see(listing("a", "b"), shown)
	if !first("a").IsZero() || !first("b").Equal(shown) || !first("b").After(visit) {
		t.Errorf("a %v, b %v", first("a"), first("b"))
	}
	s.close()
}
