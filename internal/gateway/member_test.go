package gateway

import (
	"bytes"
	"errors"
	"io"
	"strings"
	"testing"
	"time"

	"ccsfs/apiclient"
	"ccsfs/apiclient/apisim"
	"ccsfs/internal/account"
	"ccsfs/internal/billing"
	"ccsfs/internal/folder"
)

// machine is a whole ccsfs on another machine, with a cache of its own, that asks a gateway.
func (r *rig) machine(id string, change ...func(*account.Config)) *account.Account {
	r.Helper()
	cfg := account.DefaultConfig()
	cfg.Dir = r.TempDir() + "/cache/part"
	cfg.Client.APIURL, cfg.Client.OAuthURL = r.web.URL+APIPath, r.web.URL+OAuthPath
	cfg.Client.ClientID, cfg.Client.ClientSecret, cfg.Client.APIKey = id, testSecret, testKey
	cfg.Now = r.time
	for _, c := range change {
		c(&cfg)
	}
	a, err := account.Open(cfg)
	if err != nil {
		r.Fatal(err)
	}
	r.Cleanup(func() {
		if err := a.Close(); err != nil {
			r.Error(err)
		}
	})
	return a
}

// A document that cannot be had, while others can, is asked for by the gateway as often as is
// worthwhile, and by its client once: else each try of a client is a round of tries of the
// gateway, and the client waits as if all were out of reach.
func TestWhatIsSettledIsAskedForOnce(t *testing.T) {
	for name, fault := range map[string]apisim.Fault{
		"500":     {Status: 500, Code: 1},
		"503":     {Status: 503, Code: 5},
		"cut":     {After: 1000, Cut: true},
		"silence": {Never: true},
		"HTML":    {Body: apisim.HTMLPage},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			hasty := func(c *account.Config) { c.Client.Timeout, c.Client.Patience = 500*time.Millisecond, time.Second }
			r := newRig(t, apisim.Synthetic(1, 8, 2_000, ".pdf"), hasty)
			m := r.machine("one", func(c *account.Config) { c.Client.Timeout, c.Content.PrefetchLimit = 20*time.Second, 0 })
			docs := r.documents(m, r.sim.Snapshot().Contracts[0].ID)
			for _, n := range docs[1:] {
				r.read(m, n)
			}
			r.sim.Faults.Add(apisim.Match{Op: apisim.OpFile, Document: docs[0].Doc.ID}, 0, fault)
			f, err := m.Folder.Open(r.Context(), docs[0])
			if err == nil {
				err = f.WriteTo(r.Context(), io.Discard)
				f.Close()
			}
			if !errors.Is(err, apiclient.ErrServer) || apiclient.Outage(err) {
				t.Errorf("the client says: %v", err)
			}
			r.mu.Lock()
			defer r.mu.Unlock()
			asked := 0
			for _, sent := range r.sent {
				if strings.HasSuffix(sent, " "+docs[0].Doc.ID) {
					asked++
				}
			}
			if asked != 1 {
				t.Errorf("the gateway was asked %d times, and asked the API %d times", asked, r.sim.Calls().Files[docs[0].Doc.ID])
			}
		})
	}
}

// documents are the documents of a contract of an account.
func (r *rig) documents(a *account.Account, contract string) (all []folder.Node) {
	r.Helper()
	n, err := a.Folder.Find(r.Context(), contract)
	if err != nil {
		r.Fatal(err)
	}
	n.Documents(func(d folder.Node) { all = append(all, d) })
	return all
}

func (r *rig) read(a *account.Account, n folder.Node) []byte {
	r.Helper()
	f, err := a.Folder.Open(r.Context(), n)
	if err != nil {
		r.Error(err)
		return nil
	}
	defer f.Close()
	var b bytes.Buffer
	if err := f.WriteTo(r.Context(), &b); err != nil {
		r.Error(err)
		return nil
	}
	return b.Bytes()
}

// What one machine has read, another one knows the sizes of at once, and reads without a call
// to the API; and neither waits for a rate of its own.
func TestAnotherMachine(t *testing.T) {
	r := newRig(t, nil)
	contract := apisim.DefaultAccount().Contracts[0].ID
	first := r.machine("one")
	bodies := map[string][]byte{}
	began := time.Now()
	final := 0
	for _, n := range r.documents(first, contract) {
		bodies[n.Path] = r.read(first, n)
		if !n.Doc.Volatile() {
			final++
		}
	}
	if per := float64(len(bodies)) / time.Since(began).Seconds(); len(bodies) < 100 || first.Client.Stats().Rate <= 25 {
		t.Errorf("%d documents, %.0f a second, a rate of %v", len(bodies), per, first.Client.Stats().Rate)
	}
	r.sim.ResetCalls()
	second := r.machine("one")
	known := 0
	for _, n := range r.documents(second, contract) {
		if info, ok := second.Folder.Peek(n); ok {
			known++
			if info.Size != int64(len(bodies[n.Path])) {
				t.Errorf("%s has %d bytes, told are %d", n.Path, len(bodies[n.Path]), info.Size)
			}
		}
	}
	if known != final {
		t.Errorf("%d sizes known, want %d", known, final)
	}
	for _, n := range r.documents(second, contract) {
		if got := r.read(second, n); !bytes.Equal(got, bodies[n.Path]) {
			t.Errorf("%s differs", n.Path)
		}
	}
	if calls := r.sim.Calls(); calls.Token+calls.Contracts+calls.Documents+calls.File != 0 {
		t.Errorf("the API was asked: %+v", calls)
	}
}

// A list is as old on another machine as it is in the gateway, and what is asked for afresh
// is asked of the API.
func TestAgesAddUp(t *testing.T) {
	r := newRig(t, nil)
	contract := apisim.DefaultAccount().Contracts[0].ID
	listed := func(a *account.Account) time.Duration {
		l, err := a.Catalog.Listing(t.Context(), contract)
		if err != nil {
			t.Fatal(err)
		}
		return r.time().Sub(l.FetchedAt).Round(time.Second)
	}
	listed(r.machine("one"))
	r.after(9 * time.Minute)
	a := r.machine("one")
	if age := listed(a); age != 9*time.Minute {
		t.Errorf("it is %v old", age)
	}
	r.sim.ResetCalls()
	if err := a.Catalog.Refresh(t.Context(), contract); err != nil {
		t.Fatal(err)
	}
	if age, n := listed(a), r.sim.Calls().Documents; age != 0 || n != len(billing.Types())+1 {
		t.Errorf("refreshed it is %v old, after %d calls", age, n)
	}
	r.after(time.Minute)
	r.sim.ResetCalls()
	afresh := r.machine("one", func(c *account.Config) { c.Afresh = true })
	for range 3 {
		if age := listed(afresh); age != 0 {
			t.Errorf("afresh it is %v old", age)
		}
	}
	if n := r.sim.Calls().Documents; n != len(billing.Types())+1 {
		t.Errorf("afresh, %d calls for documents", n)
	}
}

// Without a word with the token it is the API: it is paced, and what it may say besides means
// nothing.
func TestTheAPIIsNoGateway(t *testing.T) {
	of := &apisim.Account{Contracts: []apisim.Contract{{ID: "OCB0000001", Documents: []apisim.Document{{
		ID: "1", Type: billing.TypeInvoices, Period: "202610", Content: apisim.Bytes([]byte("%PDF-1.7 of bytes\n%%EOF\n")),
		Raw: `{"id":"1","filename":"A.pdf","period":"202610","ccsfs":{"size":5,"sha256":""}}`,
	}}}}}
	r := newRig(t, of, func(c *account.Config) { c.Client.RateLimit = 20 })
	all := r.documents(r.account, "OCB0000001")
	if _, known := r.account.Folder.Peek(all[0]); known || len(all) != 1 {
		t.Errorf("%d documents, a size known: %v", len(all), known)
	}
	if n := len(r.read(r.account, all[0])); n != 24 {
		t.Errorf("%d bytes", n)
	}
	if rate := r.account.Client.Stats().Rate; rate != 20 {
		t.Errorf("the API is asked %v times a second", rate)
	}
}
