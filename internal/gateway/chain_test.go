package gateway

import (
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"ccsfs/apiclient/apisim"
	"ccsfs/internal/account"
	"ccsfs/internal/billing"
)

// Gateways that ask gateways.

// over makes a gateway, at some place, of what an account has.
func (r *rig) over(a *account.Account, place string) *Gateway {
	name := Name(r, place)
	a.Client.StandsIn(name)
	return New(Config{Catalog: a.Catalog, Folder: a.Folder, Clients: r, Logger: slog.New(slog.DiscardHandler), Now: r.time, Name: name, Above: a.Client.Gateways})
}

// asking has a machine ask a server.
func asking(url string) func(*account.Config) {
	return func(c *account.Config) { c.Client.APIURL, c.Client.OAuthURL = url+APIPath, url+OAuthPath }
}

// behindTwo is a machine behind a gateway that asks the one of the rig.
func (r *rig) behindTwo() *account.Account {
	r.Helper()
	web := httptest.NewServer(r.over(r.machine("one"), "the second"))
	r.Cleanup(web.Close)
	return r.machine("one", asking(web.URL))
}

// What is certain of a list, and what is only feared, is so behind two gateways, too.
func TestDoubtsBehindTwoGateways(t *testing.T) {
	for name, quirks := range map[string]apisim.Quirks{
		"told": {LimitTold: "count", LimitCap: 20}, "feared": {LimitCap: 20}, "told of nothing": {LimitTold: "next", LimitCap: 20}, "none": {},
	} {
		t.Run(name, func(t *testing.T) {
			r := newRig(t, nil)
			r.sim.Quirks = quirks
			contract, behind := apisim.DefaultAccount().Contracts[0].ID, r.behindTwo()
			here, err := r.account.Catalog.Listing(t.Context(), contract)
			if err != nil {
				t.Fatal(err)
			}
			there, err := behind.Catalog.Listing(t.Context(), contract)
			if err != nil || there.Incomplete != here.Incomplete || (there.Suspect != "") != (here.Suspect != "") || len(there.Documents) != len(here.Documents) {
				t.Errorf("%d documents of %d, doubted %q (%q), %v", len(there.Documents), len(here.Documents), there.Suspect, here.Suspect, err)
			}
		})
	}
}

// What the first of two gateways shows though it is not listed any more is certain behind both.
func TestWhatIsOldBehindTwoGateways(t *testing.T) {
	r := newRig(t, nil)
	all := r.sim.Snapshot().Contracts
	contract := all[0]
	if _, err := r.account.Catalog.Listing(t.Context(), contract.ID); err != nil {
		t.Fatal(err)
	}
	for _, d := range contract.Documents {
		if d.Type == billing.TypeInvoices {
			if err := r.sim.RemoveDocument(contract.ID, d.ID); err != nil {
				t.Fatal(err)
			}
		}
	}
	if err := r.account.Catalog.Refresh(t.Context(), contract.ID); err != nil {
		t.Fatal(err)
	}
	here, err := r.account.Catalog.Listing(t.Context(), contract.ID)
	if err != nil || !here.Old {
		t.Fatalf("it is believed here: %v, %q", err, here.Suspect)
	}
	there, err := r.behindTwo().Catalog.Listing(t.Context(), contract.ID)
	if err != nil || !there.Incomplete || len(there.Documents) != len(here.Documents) {
		t.Errorf("%d documents of %d, incomplete %t, %v", len(there.Documents), len(here.Documents), there.Incomplete, err)
	}
	for _, c := range all {
		if err := r.sim.RemoveContract(c.ID); err != nil {
			t.Fatal(err)
		}
	}
	if err := r.account.Catalog.RefreshContracts(t.Context()); err != nil {
		t.Fatal(err)
	}
	if list, err := r.behindTwo().Catalog.Contracts(t.Context()); err != nil || !list.Incomplete || len(list.Entries) == 0 {
		t.Errorf("%+v, %v", list, err)
	}
}

// Gateways that ask one another say so, whichever of them is asked, in place of waiting for each
// other without end.
func TestGatewaysInACircle(t *testing.T) {
	for _, n := range []int{1, 2} {
		r := newRig(t, nil)
		webs, gateways := make([]*httptest.Server, n), make([]http.Handler, n)
		for i := range n {
			webs[i] = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, q *http.Request) { gateways[i].ServeHTTP(w, q) }))
			t.Cleanup(webs[i].Close)
		}
		for i := range n {
			gateways[i] = r.over(r.machine("one", asking(webs[(i+1)%n].URL)), webs[i].URL)
		}
		for i := range n {
			_, err := r.machine("one", asking(webs[i].URL)).Catalog.Contracts(t.Context())
			if err == nil || !strings.Contains(err.Error(), "asks this one itself") {
				t.Errorf("of %d, number %d: %v", n, i, err)
			}
		}
	}
}
