package gateway

import (
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"slices"
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
	g := New(Config{Catalog: a.Catalog, Folder: a.Folder, Clients: r, Logger: slog.New(slog.DiscardHandler), Now: r.time, Name: name, Above: a.Client.Gateways})
	a.Client.AsksFor(g.Askers)
	return g
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
	for _, n := range []int{1, 2, 3, 5} {
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
			if text := fmt.Sprint(err); err == nil || n < 4 && !strings.Contains(text, "asks this one itself") && !strings.Contains(text, "This gateway asks itself") { // of more, each puts it into words of its own
				t.Errorf("of %d, number %d: %v", n, i, err)
			}
		}
	}
}

// Gateways that ask one another, and the API at the end, are no circle: neither when others asked
// by them before, nor when somebody says the name of one that tokens tell.
func TestAChainIsNoCircle(t *testing.T) {
	r := newRig(t, nil)
	first := r.over(r.account, "the first")
	web := httptest.NewServer(first)
	t.Cleanup(web.Close)
	second := r.over(r.machine("one", asking(web.URL)), "the second")
	web = httptest.NewServer(second)
	t.Cleanup(web.Close)
	third := r.over(r.machine("one", asking(web.URL)), "the third")
	web = httptest.NewServer(third)
	t.Cleanup(web.Close)
	last := r.machine("one", asking(web.URL))
	last.Client.AsksFor(func() []string { return []string{first.Name, second.Name, third.Name, "", strings.Repeat("x", 1000)} })
	if list, err := last.Catalog.Contracts(t.Context()); err != nil || len(list.Entries) == 0 {
		t.Fatalf("%+v, %v", list, err)
	}
	if got := first.Askers(); !slices.Contains(got, second.asking()) || !slices.Contains(got, third.asking()) {
		t.Errorf("the first does not know by whom it is asked: %q", got)
	}
	if r.after(2 * askerFor); len(first.Askers()) != 1 {
		t.Errorf("it still says so of who asked long ago: %q", first.Askers())
	}
}
