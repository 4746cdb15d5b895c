package gateway

import (
	"net/http"
	"testing"

	"ccsfs/apiclient/apisim"
	"ccsfs/internal/account"
	"ccsfs/internal/billing"
)

// What a gateway does not know for certain, or does not serve, its clients are told as such.

// What is doubted of a list here is doubted there, too: that the API says itself that it left
// some out, also where nothing is left, and that it seems to be cut short.
func TestDoubtsAreHandedOn(t *testing.T) {
	for name, quirks := range map[string]apisim.Quirks{
		"told": {LimitTold: "count", LimitCap: 20}, "feared": {LimitCap: 20}, "told of nothing": {LimitTold: "next", LimitCap: 20},
	} {
		t.Run(name, func(t *testing.T) {
			r := newRig(t, nil)
			r.sim.Quirks = quirks
			contract := apisim.DefaultAccount().Contracts[0].ID
			here, err := r.account.Catalog.Listing(t.Context(), contract)
			if err != nil || here.Suspect == "" {
				t.Fatalf("nothing is doubted here: %v", err)
			}
			there, err := r.machine("one").Catalog.Listing(t.Context(), contract)
			if err != nil || there.Suspect == "" || there.Incomplete != here.Incomplete || len(there.Documents) != len(here.Documents) {
				t.Errorf("%d documents of %d, doubted %q, %v", len(there.Documents), len(here.Documents), there.Suspect, err)
			}
			if name != "told of nothing" {
				return
			}
			token := r.accessToken(r.web.URL, "one", testSecret)
			a := r.ask(r.web.URL, APIPath+"/documents?documentType=unheardOf&limit=5", token, testKey, func(q *http.Request) { q.Header.Set("X-ECCS-Contract-Id", contract) })
			if a.Header.Get("X-Total-Count") != "1" {
				t.Errorf("nothing is left, and nothing said: %s", a.body)
			}
		})
	}
}

// What a gateway shows though it is not listed any more is no mere suspicion behind it: whoever
// copies it is told that it is not all of the truth, as on the gateway.
func TestWhatIsOldIsHandedOn(t *testing.T) {
	r := newRig(t, nil)
	account := r.sim.Snapshot()
	contract := account.Contracts[0]
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
	for _, c := range account.Contracts[1:] {
		if err := r.sim.RemoveContract(c.ID); err != nil {
			t.Fatal(err)
		}
	}
	if err := r.account.Catalog.Refresh(t.Context(), contract.ID); err != nil {
		t.Fatal(err)
	}
	here, err := r.account.Catalog.Listing(t.Context(), contract.ID)
	if err != nil || !here.Old {
		t.Fatalf("it is believed here: %v, %q", err, here.Suspect)
	}
	there, err := r.machine("one").Catalog.Listing(t.Context(), contract.ID)
	if err != nil || !there.Incomplete || len(there.Documents) != len(here.Documents) {
		t.Errorf("%d documents of %d, incomplete %t, %q, %v", len(there.Documents), len(here.Documents), there.Incomplete, there.Suspect, err)
	}
	if err := r.sim.RemoveContract(contract.ID); err != nil { // the last one
		t.Fatal(err)
	}
	_ = r.account.Catalog.Refresh(t.Context(), "") // its documents are refused
	all, err := r.account.Catalog.Contracts(t.Context())
	if err != nil || !all.Old {
		t.Fatalf("none is listed, which is believed here: %v, %+v", err, all)
	}
	if all, err = r.machine("one").Catalog.Contracts(t.Context()); err != nil || !all.Incomplete || len(all.Entries) == 0 {
		t.Errorf("%+v, %v", all, err)
	}
}

// A gateway that serves documents of some types says of others that they are not served, and
// not that there are none.
func TestTypesOfAGateway(t *testing.T) {
	r := newRig(t, nil, func(c *account.Config) { c.Catalog.Types = []string{billing.TypeInvoices} })
	l, err := r.machine("one").Catalog.Listing(t.Context(), apisim.DefaultAccount().Contracts[0].ID)
	if err != nil || len(l.Documents) != 30 || len(l.Refused) != len(billing.Types())-1 {
		t.Errorf("%d documents, refused %q, %v", len(l.Documents), l.Refused, err)
	}
}
