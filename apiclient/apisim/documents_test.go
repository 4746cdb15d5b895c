package apisim

import (
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// smallAccount has one contract: 15 reports, 3 bills, 1 invoice, and one
// document of a type that api.md does not know.
func smallAccount() *Account {
	c := Contract{ID: "A", Name: "Small \"one\"", Offer: "Flexible Engine"}
	for i := range 15 {
		c.Documents = append(c.Documents, Document{
			ID: fmt.Sprintf("r%02d", i), Type: typeReports, Filename: fmt.Sprintf("r%02d.csv", i),
			Period: fmt.Sprintf("2025%02d", i%12+1), CreatedAt: fmt.Sprintf("2025-%02d-%02dT00:00:00Z", i%12+1, i+1),
		})
	}
	for i := range 3 {
		c.Documents = append(c.Documents, Document{
			ID: fmt.Sprint(700 + i), Type: typeBills, Filename: "bill.xlsx", Period: fmt.Sprintf("20250%d", i+1),
			CreatedAt: "2025-05-01T00:00:00Z", UpdatedAt: "2025-06-01T00:00:00Z", Amount: "12.50", Currency: "EUR",
			Content: Bytes(fmt.Appendf(nil, "bill %d", i)),
		})
	}
	c.Documents = append(c.Documents,
		Document{ID: "i1", Type: typeInvoices, Filename: "i.pdf", Period: "202501"},
		Document{ID: "n1", Type: "creditNotes", Filename: "n.pdf", Period: "202502"})
	return &Account{Contracts: []Contract{c}}
}

func ids(docs []listed) string {
	var out []string
	for _, d := range docs {
		out = append(out, d.ID)
	}
	return strings.Join(out, " ")
}

func TestListings(t *testing.T) {
	const all = "r11 r10 r09 r08 r07 r06 r05 r04 r03 702 r14 r02 701 r13 r01 n1 700 r12 r00 i1"
	none := Quirks{}
	for _, c := range []struct {
		name   string
		quirks Quirks
		query  string
		want   string // ids, a status, or null
	}{
		{"without parameters the ten latest reports", none, "", "r11 r10 r09 r08 r07 r06 r05 r04 r03 r14"},
		{"limit alone", none, "?limit=2", "r11 r10"},
		{"type alone", none, "?documentType=bills", "702 701 700"},
		{"newest first", none, "?documentType=bills&limit=2", "702 701"},
		{"more than there are", none, "?documentType=bills&limit=1000000", "702 701 700"},
		{"wrong type", none, "?documentType=all&limit=10", "null"},
		{"rated, rightly spelled", none, "?documentType=consumptionRatedReports&limit=10", "null"},
		{"rated, as it is spelled", none, "?documentType=comsumptionRatedReports&limit=10", ""},
		{"a known type that is empty", Quirks{NullWhenEmpty: true}, "?documentType=partialBills&limit=10", "null"},
		{"empty type", none, "?documentType=", "null"},
		{"empty type with a limit", none, "?documentType=&limit=100", all},
		{"empty type, known ones only", Quirks{EmptyOnly: true}, "?documentType=&limit=100", strings.Replace(all, " n1", "", 1)},
		{"empty type is null", Quirks{EmptyNull: true}, "?documentType=&limit=100", "null"},
		{"a type unknown to api.md", none, "?documentType=creditNotes&limit=10", "n1"},
		{"silent cap", Quirks{LimitCap: 5}, "?documentType=reports&limit=100", "r11 r10 r09 r08 r07"},
		{"limit at the maximum", Quirks{LimitMax: 2}, "?documentType=reports&limit=2", "r11 r10"},
		{"limit above the maximum", Quirks{LimitMax: 2}, "?documentType=reports&limit=3", "400"},
		{"limit 0", none, "?limit=0", "400"},
		{"limit below 0", none, "?limit=-1", "400"},
		{"limit a word", none, "?limit=all", "400"},
		{"limit empty", none, "?limit=", "400"},
		{"limit too large", none, "?limit=99999999999999999999", "400"},
		{"type refused", Quirks{RefusedTypes: []string{typeInvoices}}, "?documentType=invoices&limit=10", "403"},
		{"others not", Quirks{RefusedTypes: []string{typeInvoices}}, "?documentType=bills&limit=1", "702"},
		{"refused among all", Quirks{RefusedTypes: []string{typeInvoices}}, "?documentType=&limit=100", strings.TrimSuffix(all, " i1")},
	} {
		t.Run(c.name, func(t *testing.T) {
			r := newRig(t, &Server{Account: smallAccount(), Quirks: c.quirks})
			a := r.get("/documents"+c.query, "A")
			got := fmt.Sprint(a.status)
			switch {
			case a.body == `{"documents": null}`:
				got = "null"
			case a.status == http.StatusOK:
				got = ids(r.list("A", c.query))
			}
			if got != c.want {
				t.Errorf("got %s, want %s", got, c.want)
			}
		})
	}
}

func TestListingForms(t *testing.T) {
	const plain = `{"id":"702","filename":"bill.xlsx","period":"202503"}`
	for _, c := range []struct {
		quirks Quirks
		want   string
	}{
		{Quirks{}, "[" + plain + "]"},
		{Quirks{Wrap: "documents"}, `{"documents":[` + plain + `]}`},
		{Quirks{Wrap: "data"}, `{"data":[` + plain + `]}`},
		{Quirks{NumericIDs: true}, `[{"id":702,"filename":"bill.xlsx","period":"202503"}]`},
		{
			Quirks{DocumentType: true, Dates: true, Amounts: true},
			`[{"id":"702","filename":"bill.xlsx","period":"202503","documentType":"bills","createdAt":"2025-05-01T00:00:00Z",` +
				`"updatedAt":"2025-06-01T00:00:00Z","amount":12.50,"currency":"EUR"}]`,
		},
	} {
		r := newRig(t, &Server{Account: smallAccount(), Quirks: c.quirks})
		a := r.get("/documents?documentType=bills&limit=1", "A")
		if diff := cmp.Diff(c.want, a.body); diff != "" {
			t.Errorf("%+v: %s", c.quirks, diff)
		}
		if strings.Contains(a.body, "size") {
			t.Errorf("%+v: a listing with sizes: %s", c.quirks, a.body)
		}
	}
}

// TestListingsThatSayTheyAreCut: in every way that other APIs have.
func TestListingsThatSayTheyAreCut(t *testing.T) {
	for _, c := range []struct {
		how, body, link, count string
		status                 int
	}{
		{how: "", body: "[", status: 200},
		{how: "next", body: `{"next":"b2Zmc2V0","documents":[`, status: 200},
		{how: "total", body: `{"total":15,"documents":[`, status: 200},
		{how: "link", body: "[", link: `</cloud/b2b/v1/documents?offset=5>; rel="next"`, status: 200},
		{how: "count", body: "[", count: "15", status: 200},
		{how: "206", body: "[", status: 206},
	} {
		r := newRig(t, &Server{Account: smallAccount(), Quirks: Quirks{LimitCap: 5, LimitTold: c.how}})
		a := r.get("/documents?documentType=reports&limit=100", "A")
		if a.status != c.status || !strings.HasPrefix(a.body, c.body) || a.header.Get("Link") != c.link || a.header.Get("X-Total-Count") != c.count {
			t.Errorf("%q: status %d, %q, %v", c.how, a.status, a.body, a.header)
		}
		r = newRig(t, &Server{Account: smallAccount(), Quirks: Quirks{LimitTold: c.how}})
		a = r.get("/documents?documentType=reports&limit=100", "A")
		if a.status != 200 || strings.Contains(a.body, "next") || a.header.Get("Link") != "" {
			t.Errorf("%q, all there are: status %d, %q, %v", c.how, a.status, a.body, a.header)
		}
	}
}

func TestShuffleKeepsTheNewest(t *testing.T) {
	r := newRig(t, &Server{Account: smallAccount(), Quirks: Quirks{Shuffle: true}})
	orders := map[string]bool{}
	for range 20 {
		docs := r.list("A", "?documentType=reports&limit=12")
		orders[ids(docs)] = true
		slices.SortFunc(docs, func(a, b listed) int { return strings.Compare(a.ID, b.ID) })
		if got := ids(docs); got != "r02 r03 r04 r05 r06 r07 r08 r09 r10 r11 r13 r14" {
			t.Fatalf("listed %s", got)
		}
	}
	if len(orders) < 2 {
		t.Error("20 listings in the same order")
	}
}

func TestContractForms(t *testing.T) {
	r := newRig(t, &Server{Account: &Account{Contracts: []Contract{
		{
			ID: "A", Name: "Small \"one\"", Type: "Production", CreatedAt: "2024-01-01T00:00:00Z", UpdatedAt: "2025-01-01T00:00:00Z",
			Offer: "Cloud Avenue", CustomerID: "C1", CustomerName: "Lumière", FirstName: "A", LastName: "B", Email: "a@b.example", PlatformID: "p",
		},
		{ID: "B", Raw: `{"id":"B","name":null}`},
	}}})
	want := `[{"id":"A","name":"Small \"one\"","createdAt":"2024-01-01T00:00:00Z","offer":{"name":"Cloud Avenue"}},{"id":"B","name":null}]`
	if got := r.get("/contracts", "").body; got != want {
		t.Errorf("contracts %s", got)
	}
	var detail map[string]any
	if err := json.Unmarshal([]byte(r.get("/contract", "A").body), &detail); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(map[string]any{
		"id": "A", "name": "Small \"one\"", "contractType": "Production", "platformId": "p",
		"createdAt": "2024-01-01T00:00:00Z", "updatedAt": "2025-01-01T00:00:00Z",
		"offer": map[string]any{"name": "Cloud Avenue"}, "customer": map[string]any{"id": "C1", "name": "Lumière"},
		"contact": map[string]any{"firstName": "A", "lastName": "B", "email": "a@b.example"},
	}, detail); diff != "" {
		t.Error(diff)
	}
	if got := r.get("/contract", "B").body; strings.Contains(got, "platformId") {
		t.Errorf("detail of B has a platformId: %s", got)
	}
}
