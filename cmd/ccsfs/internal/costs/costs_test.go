package costs

import (
	"encoding/csv"
	"encoding/json"
	"fmt"
	"math/big"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"ccsfs/cmd/ccsfs/internal/decimal"
	"ccsfs/cmd/ccsfs/internal/month"
	"ccsfs/cmd/ccsfs/internal/term"
	"ccsfs/internal/billing"
)

// told is a document of which the API tells the amount.
func told(contract, typ, period, amount, currency string) Document {
	return NewDocument("Name of "+contract, contract+"/x", &billing.Document{ContractID: contract, ID: "1", Type: typ, Period: period, Amount: amount, Currency: currency})
}

// read is one of which the amount was read.
func read(contract, typ, period, amount, currency string) Document {
	d := told(contract, typ, period, "", "")
	d.Amount, d.Currency, d.Source, d.Why = amount, currency, Read, ""
	return d
}

func sample() []Document {
	return []Document{
		told("OCB1", "bills", "202610", "100.10", "EUR"),
		read("OCB1", "bills", "202610", "-0.155", "EUR"),
		told("OCB1", "bills", "202610", "", ""),
		told("OCB1", "bills", "202611", "5", "CHF"),
		told("OCB2", "bills", "202511", "1234567.5", "EUR"),
		told("OCB2", "bills", "never", "1", ""),
		told("OCB2", "bills", "202611", "many", "EUR"),
		told("OCB1", "invoices", "202610", "120.12", "EUR"),
	}
}

// width is that of a usual terminal.
const width = 80

func table(t testing.TB, c *Costs, notes ...string) string {
	t.Helper()
	var b strings.Builder
	if err := c.WriteTable(&b, width, notes, term.Plain); err != nil {
		t.Fatal(err)
	}
	return b.String()
}

func TestTable(t *testing.T) {
	missing := []Lack{
		{"OCB2", "Name of OCB2", "bills", []month.Month{month.New(2026, 10)}},
		{"OCB2", "Name of OCB2", "invoices", []month.Month{month.New(2026, 10)}},
		{"OCB1", "", "bills", []month.Month{1, 2, 3, 4, 5, 6, 7}},
		{"OCB3", "", "bills", nil},
	}
	got := table(t, Of(sample(), []string{"bills"}, []Key{ByContract, ByMonth}, missing), "! a note")
	want := `contract           month    documents       amount
OCB1 Name of OCB1  2026-10          1      100.100 EUR
OCB1 Name of OCB1  2026-10          1       -0.155 EUR*
OCB1 Name of OCB1  2026-10          1            ?
OCB1 Name of OCB1  2026-11          1        5.000 CHF
OCB2 Name of OCB2  -                1        1.000
OCB2 Name of OCB2  2025-11          1  1234567.500 EUR
OCB2 Name of OCB2  2026-11          1            ?

total                               1        1.000
total                               1        5.000 CHF
total                               2  1234667.600 EUR
total                               1       -0.155 EUR*
total                               2            ?
* 1 of 5 amounts read from the documents, not told by the API
! 2 of 7 documents in no sum, for no amount is known
! OCB2: bills missing, in no sum: 2026-10
! OCB1: bills missing, in no sum: 0000-02, 0000-03, 0000-04, 0000-05, 0000-06, …
7 in all
! OCB3: bills none at all, where other contracts have some
! a note
`
	if d := cmp.Diff(want, got); d != "" {
		t.Error(d)
	}
	if got := table(t, Of(nil, []string{"bills"}, []Key{ByContract}, nil), "nothing"); got != "nothing\n" {
		t.Errorf("%q", got)
	}
}

// Names are cut where a terminal is too narrow for them, and nowhere else.
func TestTablesOfAllWidths(t *testing.T) {
	name := strings.TrimSpace(strings.Repeat("a name that is long ", 5))
	d := NewDocument(name, "OCB1/x", &billing.Document{ContractID: "OCB1", ID: "1", Type: "bills", Period: "202610", Amount: "1", Currency: "EUR"})
	note := "! " + strings.Repeat("word ", 40) + strings.Repeat("x", 90)
	for width, whole := range map[int]bool{60: false, 80: false, 200: true, 0: true} {
		var b strings.Builder
		if err := Of([]Document{d}, []string{"bills"}, []Key{ByContract, ByMonth}, nil).WriteTable(&b, width, []string{note}, term.Plain); err != nil {
			t.Fatal(err)
		}
		if got := strings.Contains(b.String(), "OCB1 "+name+"  2026-10"); got != whole {
			t.Errorf("%d columns: whole: %v\n%s", width, got, b.String())
		}
		if got := strings.Contains(b.String(), note+"\n"); got != (width == 0) {
			t.Errorf("%d columns: the note is in one line: %v", width, got)
		}
		for line := range strings.Lines(b.String()) {
			if n := len([]rune(strings.TrimRight(line, "\n"))); width > 0 && n > width {
				t.Errorf("%d columns: %d in %q", width, n, line)
			}
		}
	}
}

// Types are never added together: whoever names several gets them apart.
func TestTypesStayApart(t *testing.T) {
	c := Of(sample(), []string{"bills", "invoices"}, []Key{ByYear}, nil)
	if !slices.Equal(c.By, []Key{ByYear, ByType}) {
		t.Errorf("%q", c.By)
	}
	got := table(t, c)
	for _, want := range []string{"2026  bills             1      100.100 EUR\n", "2026  bills             1       -0.155 EUR*\n", "2026  invoices          1      120.120 EUR\n", "total  invoices          1      120.120 EUR\n"} {
		if !strings.Contains(strings.ReplaceAll(got, "2026   ", "2026  "), want) {
			t.Errorf("%q is not in\n%s", want, got)
		}
	}
	if got := table(t, Of(sample(), []string{"bills", "invoices"}, []Key{ByType}, nil)); !strings.Contains(got, "\ntotal invoices          1      120.120 EUR\n") {
		t.Errorf("%s", got)
	}
}

// What is no number is never counted as if it were in the sum.
func TestNoNumberIsUnknown(t *testing.T) {
	c := Of([]Document{read("OCB1", "bills", "202610", strings.Repeat("9", 40), "EUR"), read("OCB1", "bills", "202610", "", "EUR")}, []string{"bills"}, []Key{ByYear}, nil)
	if c.Count(Unknown) != 2 || len(c.Totals) != 1 || c.Totals[0].Sum != nil {
		t.Errorf("%+v", c.Totals)
	}
}

// One document in two formats may be counted twice: that is told.
func TestTwinsAreTold(t *testing.T) {
	at := func(path, period string) Document {
		d := told("OCB1", "bills", period, "1", "EUR")
		d.Path = path
		return d
	}
	got := table(t, Of([]Document{at("OCB1/a.xlsx", "202610"), at("OCB1/a.pdf", "202610"), at("OCB1/a.csv", "202610"), at("OCB1/b.pdf", "202610"), at("OCB1/b.xlsx", "202609")}, []string{"bills"}, []Key{ByYear}, nil))
	if !strings.HasSuffix(got, "\n! is there in several formats, and each counts: OCB1/a\n") || strings.Count(got, "!") != 1 {
		t.Errorf("%s", got)
	}
}

func TestCSV(t *testing.T) {
	docs := append(sample(), told("=1+1", "@x", "202610", "-5", "+EUR"))
	docs[len(docs)-1].Contract = `=HYPERLINK("http://evil")`
	c := Of(docs, []string{"bills", "@x"}, []Key{ByYear, ByMonth, ByContract}, []Lack{{"OCB2", "n", "bills", []month.Month{month.New(2026, 10)}}, {"OCB3", "m", "bills", nil}})
	var b strings.Builder
	if err := c.WriteCSV(&b); err != nil {
		t.Fatal(err)
	}
	rows, err := csv.NewReader(strings.NewReader(b.String())).ReadAll()
	if err != nil {
		t.Fatal(err)
	}
	want := [][]string{
		{"contract", "name", "type", "year", "month", "documents", "amount", "currency", "amountSource"},
		{"OCB2", "Name of OCB2", "bills", "", "", "1", "1", "", "told"},
		{"OCB2", "Name of OCB2", "bills", "2025", "2025-11", "1", "1234567.5", "EUR", "told"},
		{"'=1+1", `'=HYPERLINK("http://evil")`, "'@x", "2026", "2026-10", "1", "-5", "'+EUR", "told"},
		{"OCB1", "Name of OCB1", "bills", "2026", "2026-10", "1", "100.10", "EUR", "told"},
		{"OCB1", "Name of OCB1", "bills", "2026", "2026-10", "1", "-0.155", "EUR", "read"},
		{"OCB1", "Name of OCB1", "bills", "2026", "2026-10", "1", "", "", "unknown"},
		{"OCB1", "Name of OCB1", "bills", "2026", "2026-11", "1", "5", "CHF", "told"},
		{"OCB2", "Name of OCB2", "bills", "2026", "2026-11", "1", "", "", "unknown"},
		{"OCB2", "n", "bills", "2026", "2026-10", "0", "", "", "missing"},
		{"OCB3", "m", "bills", "", "", "0", "", "", "missing"},
	}
	if d := cmp.Diff(want, rows); d != "" {
		t.Error(d)
	}
	if strings.Count(b.String(), "\n") != strings.Count(b.String(), "\r\n") {
		t.Error("lines do not end as RFC 4180 wants")
	}
}

// Keys of the JSON are a promise.
func TestJSON(t *testing.T) {
	got, err := json.Marshal(Of(sample()[:3], []string{"bills"}, []Key{ByContract, ByMonth}, []Lack{{"OCB2", "n", "bills", []month.Month{month.New(2026, 10)}}}))
	if err != nil {
		t.Fatal(err)
	}
	row := `"type":"bills",`
	head := `{"contract":"OCB1","name":"Name of OCB1",` + row + `"month":"2026-10",`
	doc := `{"path":"OCB1/x","contract":"OCB1","id":"1",` + row + `"month":"2026-10",`
	want := `{"by":["contract","month"],"types":["bills"],"sums":[` +
		head + `"documents":1,"amount":"100.10","currency":"EUR","amountSource":"told"},` +
		head + `"documents":1,"amount":"-0.155","currency":"EUR","amountSource":"read"},` +
		head + `"documents":1,"amount":null,"currency":"","amountSource":"unknown"}],"totals":[` +
		`{` + row + `"documents":1,"amount":"100.10","currency":"EUR","amountSource":"told"},` +
		`{` + row + `"documents":1,"amount":"-0.155","currency":"EUR","amountSource":"read"},` +
		`{` + row + `"documents":1,"amount":null,"currency":"","amountSource":"unknown"}],` +
		`"missing":[{"contract":"OCB2","name":"n","type":"bills","months":["2026-10"]}],"documents":[` +
		doc + `"amount":"100.10","currency":"EUR","amountSource":"told"},` +
		doc + `"amount":"-0.155","currency":"EUR","amountSource":"read"},` +
		doc + `"amount":null,"currency":"","amountSource":"unknown","why":"the API tells none"}]}`
	if string(got) != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
	if got, err := json.Marshal(Of(nil, []string{"bills"}, Keys(), nil)); err != nil || strings.Contains(string(got), "null") {
		t.Errorf("%s, %v", got, err)
	}
}

func TestParseKeys(t *testing.T) {
	if got, err := ParseKeys([]string{" Month", "contract", "month"}); err != nil || !slices.Equal(got, []Key{ByMonth, ByContract}) {
		t.Errorf("%q, %v", got, err)
	}
	for _, bad := range []string{"", "colour", "months"} {
		if _, err := ParseKeys([]string{"year", bad}); err == nil {
			t.Errorf("%q is taken for a key", bad)
		}
	}
}

// By whatever sums are, those of a type and currency add up to the total, exactly, no
// document is lost or counted twice, and the table fits a terminal, unless the
// names of types make it wider.
func TestSumsAddUp(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		var docs []Document
		want := map[string]*big.Int{}
		for range rapid.IntRange(0, 60).Draw(rt, "documents") {
			typ := rapid.SampledFrom(billing.Types()).Draw(rt, "type")
			contract := rapid.SampledFrom([]string{"OCB0001234", "OCB0001871", "\x1b[31m\n\u202e"}).Draw(rt, "contract")
			period := rapid.SampledFrom([]string{"202610", "202609", "202501", ""}).Draw(rt, "period")
			currency := rapid.SampledFrom([]string{"EUR", "CHF", "a currency that is no code"}).Draw(rt, "currency")
			cents := rapid.Int64Range(-1e9, 1e9).Draw(rt, "cents")
			sign, abs := "", cents
			if abs < 0 {
				sign, abs = "-", -abs
			}
			amount := fmt.Sprintf("%s%d.%02d", sign, abs/100, abs%100)
			switch rapid.SampledFrom([]Source{Told, Read, Unknown}).Draw(rt, "source") {
			case Told:
				docs = append(docs, told(contract, typ, period, amount, currency))
			case Read:
				docs = append(docs, read(contract, typ, period, amount, currency))
			default:
				docs = append(docs, told(contract, typ, period, "", ""))
				continue
			}
			key := typ + " " + currency
			if want[key] == nil {
				want[key] = new(big.Int)
			}
			want[key].Add(want[key], big.NewInt(cents))
		}
		by := rapid.SliceOfNDistinct(rapid.SampledFrom(Keys()), 1, 4, rapid.ID).Draw(rt, "by")
		c := Of(docs, billing.Types(), by, nil)
		for name, rows := range map[string][]Row{"sums": c.Sums, "totals": c.Totals} {
			n, got := 0, map[string]*decimal.Sum{}
			for _, r := range rows {
				if n += r.Documents; r.Sum != nil {
					key := r.Type + " " + r.Currency
					if got[key] == nil {
						got[key] = &decimal.Sum{}
					}
					got[key].Merge(r.Sum)
				}
			}
			if n != len(docs) {
				rt.Fatalf("%s: %d documents of %d", name, n, len(docs))
			}
			for key, sum := range got {
				if cents, ok := new(big.Int).SetString(strings.Replace(sum.Fixed(2), ".", "", 1), 10); !ok || cents.Cmp(want[key]) != 0 {
					rt.Fatalf("%s of %s: %s, want %s cents", name, key, sum, want[key])
				}
			}
			if len(got) != len(want) {
				rt.Fatalf("%s: %d currencies, want %d", name, len(got), len(want))
			}
		}
		for line := range strings.Lines(table(t, c)) {
			if n := len([]rune(strings.TrimRight(line, "\n"))); n > width+24 || n > width && !slices.Contains(c.By, ByType) {
				rt.Fatalf("%d columns: %q", n, line)
			}
			if strings.ContainsAny(line, "\x1b\u202e") {
				rt.Fatalf("%q", line)
			}
		}
	})
}
