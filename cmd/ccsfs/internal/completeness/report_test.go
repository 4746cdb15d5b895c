package completeness

import (
	"encoding/csv"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"ccsfs/apiclient"
	"ccsfs/cmd/ccsfs/internal/month"
	"ccsfs/internal/billing"
	"ccsfs/internal/catalog"
)

func entry(id, name string) catalog.ContractEntry {
	return catalog.ContractEntry{Name: id, Contract: apiclient.Contract{ID: id, Name: name, Offer: "Flexible Engine"}}
}

func bill(period, amount, currency string) billing.Document {
	return billing.Document{Type: billing.TypeBills, Period: period, Amount: amount, Currency: currency}
}

func listing(docs ...billing.Document) *catalog.Listing {
	return &catalog.Listing{FetchedAt: time.Date(2026, 11, 20, 8, 0, 0, 0, time.UTC), Documents: docs}
}

// soon is a moment at which nothing but what lies between other months is due.
func soon() Span { return Span{Now: time.Date(2026, 4, 2, 0, 0, 0, 0, time.UTC)} }

func table(t *testing.T, c Contract) string {
	t.Helper()
	var b strings.Builder
	if err := WriteTable(&b, tableWidth, []Contract{c}, func(s string) string { return s }); err != nil {
		t.Fatal(err)
	}
	return b.String()
}

func TestTable(t *testing.T) {
	l := listing(
		bill("202510", "100.10", "EUR"), bill("202511", "0.2", "EUR"), bill("202602", "-50", "EUR"), bill("202602", "7.005", "CHF"),
		bill("202603", "", ""), bill("202603", "many", "EUR"), bill("", "1", "EUR"),
		billing.Document{Type: "other", Period: "202601"},
	)
	l.Refused = []string{"invoices"}
	l.Suspect = "type bills has exactly 10 documents"
	l.Stale = errors.New("HTTP 503")
	want := `OCB1 Production (Flexible Engine)
  ! the listing is that of 2026-11-20 08:00 UTC: HTTP 503
  ! the listing may be incomplete: type bills has exactly 10 documents
  ! the API refuses documents of type invoices; they are left out: they take the
    Manager profile in the customer space
          Jan  Feb  Mar  Apr  May  Jun  Jul  Aug  Sep  Oct  Nov  Dec
  bills: 7, 2025-10 to 2026-03                             7.005 CHF + 51.30 EUR
    2025                                                 1    1    -
    2026    -    2    2
    missing: 2025-12 to 2026-01
    1 without a month
    1 with an amount that is not a number, not in the sum
    1 without an amount, not in the sum
  other: 1, 2026-01 to 2026-01
    2026    1
`
	if d := cmp.Diff(want, table(t, Build(entry("OCB1", "Production"), l, soon()))); d != "" {
		t.Error(d)
	}
	if got := table(t, Build(entry("OCB2", ""), listing(), soon())); got != "OCB2 (Flexible Engine)\n  no documents\n" {
		t.Errorf("%q", got)
	}
}

// What is said is broken into lines by the width of a terminal alone.
func TestTablesOfAllWidths(t *testing.T) {
	l := listing(bill("202510", "100.10", "EUR"))
	l.Suspect = strings.TrimSpace(strings.Repeat("word ", 30))
	for width, whole := range map[int]bool{60: false, 80: false, 200: true, 0: true} {
		var b strings.Builder
		if err := WriteTable(&b, width, []Contract{Build(entry("OCB1", ""), l, soon())}, func(s string) string { return s }); err != nil {
			t.Fatal(err)
		}
		if got := strings.Contains(b.String(), l.Suspect+"\n"); got != whole {
			t.Errorf("%d columns: whole: %v\n%s", width, got, b.String())
		}
		for line := range strings.Lines(b.String()) {
			most := width
			if strings.Contains(line, "EUR") && width > tableWidth {
				most = tableWidth // sums stand beside the months
			}
			if n := len([]rune(strings.TrimRight(line, "\n"))); most > 0 && n > most && !strings.Contains(line, "Jan") && !strings.HasPrefix(line, "    2025 ") { // months take 68
				t.Errorf("%d columns: %d in %q", width, n, line)
			}
		}
	}
}

// The table keeps to 80 columns, whatever the types are called.
func TestTableIsNarrow(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		var docs []billing.Document
		for range rapid.IntRange(0, 30).Draw(t, "documents") {
			docs = append(docs, billing.Document{
				Type:     rapid.SampledFrom(append(billing.Types(), "other")).Draw(t, "type"),
				Period:   fmt.Sprintf("%d%02d", rapid.IntRange(2020, 2026).Draw(t, "year"), rapid.IntRange(1, 12).Draw(t, "month")),
				Amount:   fmt.Sprintf("%d.%02d", rapid.IntRange(-9999, 1e12).Draw(t, "amount"), rapid.IntRange(0, 99).Draw(t, "cents")),
				Currency: rapid.SampledFrom([]string{"EUR", "USD", "CHF", "GBP"}).Draw(t, "currency"),
			})
		}
		var b strings.Builder
		c := Build(entry("OCB1", strings.Repeat("word ", rapid.IntRange(0, 50).Draw(t, "words"))), listing(docs...), Span{Now: time.Date(2026, 11, rapid.IntRange(1, 30).Draw(t, "day"), 0, 0, 0, 0, time.UTC)})
		if err := WriteTable(&b, tableWidth, []Contract{c}, func(s string) string { return s }); err != nil {
			t.Fatal(err)
		}
		for line := range strings.Lines(b.String()) {
			if n := len([]rune(strings.TrimRight(line, "\n"))); n > tableWidth {
				t.Fatalf("%d columns: %q", n, line)
			}
		}
		n := 0
		for _, typ := range c.Types {
			for i, m := range typ.Months {
				n += m.Documents
				if i > 0 && typ.Months[i-1].Month >= m.Month {
					t.Fatal("months are not in order")
				}
			}
		}
		if n != len(docs) {
			t.Fatalf("%d of %d documents reported", n, len(docs))
		}
	})
}

func TestCSVIsSafe(t *testing.T) {
	e := entry("OCB1", `=HYPERLINK("http://evil","x")`)
	docs := []billing.Document{
		{Type: "+cmd", Period: "202601", Amount: "-12.50", Currency: "@EUR"},
		{Type: "+cmd", Period: "202603", Amount: "1,5", Currency: "EUR"},
		{Type: "bills", Period: "202512", Amount: "2"},
		{Type: "bills", Period: "202602", Amount: "3"},
		{Type: "a \"quote\", and\r\na line", Period: "never"},
	}
	l := listing(docs...)
	l.Refused = []string{"\ttab"}
	var b strings.Builder
	if err := WriteCSV(&b, []Contract{Build(e, l, Span{Now: time.Date(2026, 4, 8, 0, 0, 0, 0, time.UTC)})}); err != nil {
		t.Fatal(err)
	}
	if !strings.HasSuffix(b.String(), "\r\n") || strings.Count(b.String(), "\n") != strings.Count(b.String(), "\r\n") {
		t.Error("lines do not end as RFC 4180 wants")
	}
	rows, err := csv.NewReader(strings.NewReader(b.String())).ReadAll()
	if err != nil {
		t.Fatal(err)
	}
	name, note := "'"+e.Contract.Name, Refusal([]string{"\ttab"})
	want := [][]string{
		{"contract", "name", "type", "month", "state", "documents", "amount", "currency", "note"},
		{"OCB1", name, "bills", "2025-12", "present", "1", "2", "", note},
		{"OCB1", name, "bills", "2026-01", "missing", "0", "", "", note},
		{"OCB1", name, "bills", "2026-02", "present", "1", "3", "", note},
		{"OCB1", name, "bills", "2026-03", "missing", "0", "", "", note},
		{"OCB1", name, "'+cmd", "2026-01", "present", "1", "-12.50", "'@EUR", note},
		{"OCB1", name, "'+cmd", "2026-03", "present", "1", "1.5", "EUR", note},
		{"OCB1", name, "a \"quote\", and\na line", "", "undated", "1", "", "", note}, // encoding/csv reads \r\n as \n
		{"OCB1", name, "'\ttab", "", "refused", "0", "", "", note},
	}
	if d := cmp.Diff(want, rows); d != "" {
		t.Error(d)
	}
}

// Keys of the JSON are a promise.
func TestJSON(t *testing.T) {
	got, err := json.Marshal(Build(entry("OCB1", "n"), listing(bill("202610", "1.10", "EUR")), Span{Now: time.Date(2026, 11, 24, 0, 0, 0, 0, time.UTC)}))
	if err != nil {
		t.Fatal(err)
	}
	want := `{"contract":"OCB1","name":"n","offer":"Flexible Engine","fetchedAt":"2026-11-20T08:00:00Z","refused":[],` +
		`"types":[{"type":"bills","documents":1,"first":"2026-10","last":"2026-10","missing":[],` +
		`"months":[{"month":"2026-10","documents":1,"sums":{"EUR":"1.10"}}],"undated":0,"noAmount":0,"badAmount":0,"sums":{"EUR":"1.10"}}]}`
	if string(got) != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
}

// Of a type that was named, and of which others have documents, a contract without any
// is told, unless nothing is due of it yet, or the API refuses the type.
func TestNoneAtAll(t *testing.T) {
	contract := func(id, created string, docs ...billing.Document) Contract {
		e := entry(id, "n")
		e.CreatedAt = created
		return Build(e, listing(docs...), Span{Now: time.Date(2026, 11, 24, 0, 0, 0, 0, time.UTC)})
	}
	refused := contract("OCB4", "", bill("202610", "", ""))
	refused.Refused = []string{"invoices"}
	all := []Contract{
		contract("OCB1", "2020-01-01", of("invoices", "202610")...),
		contract("OCB2", "2020-01-01", of("bills", "202610")...),
		contract("OCB3", "2026-11-02", of("bills", "202611")...),
		refused,
		contract("OCB5", ""),
	}
	named := []string{"bills", "invoices", "partialBills", "reports", "invoices"}
	Compare(all, named)
	want := map[string]string{
		"OCB1": "bills none at all", "OCB2": "invoices none at all", "OCB3": "", "OCB4": "",
		"OCB5": "bills none at all; invoices none at all",
	}
	for _, c := range all {
		if got := c.Lacks(); got != want[c.ID] {
			t.Errorf("%s: %q, want %q", c.ID, got, want[c.ID])
		}
	}
	if got := table(t, all[1]); !strings.HasSuffix(got, "\n  invoices: none at all, where other contracts have some\n") {
		t.Errorf("%s", got)
	}
	if got := table(t, all[4]); !strings.Contains(got, "\n  no documents\n  bills: none at all, where other contracts have some\n") {
		t.Errorf("%s", got)
	}
	var b strings.Builder
	if err := WriteCSV(&b, all[1:2]); err != nil || !strings.Contains(b.String(), "\r\nOCB2,n,invoices,,none,0,,,\r\n") {
		t.Errorf("%s, %v", b.String(), err)
	}
	if got, err := json.Marshal(all[1]); err != nil || !strings.Contains(string(got), `"none":["invoices"]`) {
		t.Errorf("%s, %v", got, err)
	}

	// Months that nobody asks about, and types that nobody named.
	later := Build(entry("OCB2", "n"), listing(of("bills", "202610")...), Span{Now: time.Date(2026, 11, 24, 0, 0, 0, 0, time.UTC), Since: month.New(2026, 11)})
	unnamed := []Contract{all[0], later}
	Compare(unnamed, named)
	if got := unnamed[1].None; got != nil {
		t.Errorf("%q", got)
	}
	all = []Contract{contract("OCB1", "", of("invoices", "202610")...), contract("OCB2", "", of("bills", "202610")...)}
	if Compare(all, nil); all[0].None != nil || all[1].None != nil {
		t.Errorf("%q, %q", all[0].None, all[1].None)
	}
}

// What is gone of a contract stands with it.
func TestGoneIsShown(t *testing.T) {
	l := listing(of("bills", "202610")...)
	l.Gone = []catalog.GoneDocuments{{Type: "invoices", Documents: 1, Since: l.FetchedAt}}
	c := Build(entry("OCB1", "n"), l, soon())
	if got := table(t, c); !strings.Contains(got, "  ! 1 document of type invoices is not listed any more since 2026-11-20\n") {
		t.Errorf("%s", got)
	}
}
