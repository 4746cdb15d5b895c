package apiclient_test

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"net/http/httptest"
	"testing"

	"ccsfs/apiclient"
	"ccsfs/apiclient/apisim"
)

// newSim starts the simulated API and a client of it.
func newSim(t *testing.T, q apisim.Quirks) (*apisim.Server, *apiclient.Client) {
	t.Helper()
	sim := &apisim.Server{Account: smallAccount(), Quirks: q}
	if q.Redirect != "" {
		other := httptest.NewServer(sim.Origin())
		t.Cleanup(other.Close)
		sim.Quirks.Redirect = other.URL
	}
	srv := httptest.NewServer(sim)
	t.Cleanup(srv.Close)
	c, err := apiclient.New(apiclient.Config{
		APIURL: srv.URL + apisim.APIPath, OAuthURL: srv.URL + apisim.OAuthPath,
		ClientID: apisim.ClientID, ClientSecret: apisim.ClientSecret, APIKey: apisim.APIKey,
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(c.Close)
	return sim, c
}

func smallAccount() *apisim.Account {
	doc := func(id, typ string, size int) apisim.Document {
		return apisim.Document{
			ID: id, Type: typ, Filename: id + ".pdf", Period: "202401", Amount: "12.50", Currency: "EUR",
			CreatedAt: "2024-02-01T00:00:00Z", UpdatedAt: "2024-02-02T00:00:00Z",
			Content: apisim.Bytes(bytes.Repeat([]byte{'%'}, size)),
		}
	}
	return &apisim.Account{Contracts: []apisim.Contract{{
		ID: "OCB0000001", Name: "Production", Offer: "Flexible Engine",
		Documents: []apisim.Document{
			doc("1001", "bills", 100_000), doc("1002", "bills", 0), doc("1003", "invoices", 1),
			doc("1004", "comsumptionRatedReports", 3_000_000),
		},
	}}}
}

// Whatever the API turns out to do where it is not known, all of it is read.
func TestEveryQuirk(t *testing.T) {
	for name, q := range map[string]apisim.Quirks{
		"none":       {},
		"files":      {Head: true, Range: true, ETag: true, LastModified: true, Disposition: true, ContentTypes: true},
		"chunked":    {Chunked: true, Gzip: true},
		"redirect":   {Redirect: "on", Range: true},
		"documents":  {DocumentType: true, Dates: true, Amounts: true, NumericIDs: true, Wrap: "documents"},
		"data":       {Wrap: "data", NullWhenEmpty: true, Shuffle: true, EmptyNull: true},
		"token text": {ExpiresString: true},
	} {
		t.Run(name, func(t *testing.T) {
			sim, c := newSim(t, q)
			contracts, err := c.Contracts(t.Context())
			if err != nil || len(contracts) != 1 || contracts[0].Name != "Production" || contracts[0].Offer != "Flexible Engine" {
				t.Fatalf("%v, %v", contracts, err)
			}
			id := contracts[0].ID
			if d, err := c.Contract(t.Context(), id); err != nil || d.Name != "Production" || len(d.Raw) == 0 {
				t.Errorf("%+v, %v", d, err)
			}
			sizes := map[string]int{}
			for _, typ := range []string{"bills", "invoices", "comsumptionRatedReports", "reports", "all"} {
				docs, err := c.Documents(t.Context(), id, apiclient.DocumentsQuery{Type: typ, Limit: 100})
				if err != nil {
					t.Fatal(typ, err)
				}
				for _, d := range docs {
					sizes[d.ID] = readAll(t, c, id, d.ID)
				}
			}
			if got, want := fmt.Sprint(sizes), "map[1001:100000 1002:0 1003:1 1004:3000000]"; got != want {
				t.Errorf("%s, want %s", got, want)
			}
			n := sim.Calls()
			if n.Token != 1 || n.Contracts != 1 || n.Contract != 1 || n.Documents != 5 || n.File != 4 || n.Head != 0 || n.Other != 0 {
				t.Errorf("%+v", n)
			}
		})
	}
}

func readAll(t *testing.T, c *apiclient.Client, contract, document string) int {
	t.Helper()
	f, err := c.File(t.Context(), apiclient.FileRequest{ContractID: contract, DocumentID: document})
	if err != nil {
		t.Fatal(err)
	}
	defer f.Body.Close()
	b, err := io.ReadAll(f.Body)
	if err != nil || f.Size >= 0 && f.Size != int64(len(b)) {
		t.Errorf("%s: %d bytes of %d, %v", document, len(b), f.Size, err)
	}
	return len(b)
}

// Faults of the simulator, each by its name.
func TestFaultsOfTheSimulator(t *testing.T) {
	tests := []struct {
		name  string
		fault apisim.Fault
		want  error
	}{
		{"refused", apisim.Fault{Status: 403, Code: 50}, apiclient.ErrForbidden},
		{"gone", apisim.Fault{Status: 404, Code: 60}, apiclient.ErrNotFound},
		{"bad", apisim.Fault{Status: 400, Code: 22}, apiclient.ErrInvalid},
		{"page", apisim.Fault{Body: apisim.HTMLPage}, apiclient.ErrProtocol},
		{"page of a refusal", apisim.Fault{Status: 403, Body: apisim.HTMLPage}, apiclient.ErrProtocol},
		{"half", apisim.Fault{Body: `[{"id":"1001"},{"id`}, apiclient.ErrProtocol},
		{"ends early", apisim.Fault{After: 20, Truncate: true}, apiclient.ErrProtocol},
		{"error object", apisim.Fault{Body: `{"code":50,"message":"Access denied"}`}, apiclient.ErrProtocol},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			sim, c := newSim(t, apisim.Quirks{})
			sim.Faults.Add(apisim.Match{Op: apisim.OpDocuments}, 0, tt.fault)
			docs, err := c.Documents(t.Context(), "OCB0000001", apiclient.DocumentsQuery{Type: "bills"})
			if !errors.Is(err, tt.want) || docs != nil {
				t.Errorf("%v, %v; want %v", docs, err, tt.want)
			}
			want := 1
			switch tt.name {
			case "page": // something on the way may be out of order for a moment
				want = 4
			case "half", "ends early": // once more: something on the way may have cut it
				want = 2
			}
			if n := sim.Calls(); n.Documents != want || n.Token != 1 {
				t.Errorf("%+v", n)
			}
		})
	}
}
