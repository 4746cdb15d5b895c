package catalog

import (
	"encoding/json"
	"fmt"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

func TestModTime(t *testing.T) {
	at := time.Date(2026, 11, 23, 12, 0, 0, 0, time.UTC)
	for _, tt := range []struct {
		title string
		doc   Document
		want  string // "" is the zero time
	}{
		{"updated", Document{UpdatedAt: "2026-02-03T04:05:06Z", CreatedAt: "2026-01-01T00:00:00Z", Period: "202601"}, "2026-02-03T04:05:06Z"},
		{"created", Document{UpdatedAt: "never", CreatedAt: "2026-01-02T00:00:00+0200", Period: "202601"}, "2026-01-01T22:18:30Z"},
		{"end of the period", Document{Period: "202602"}, "2026-02-28T10:58:28Z"},
		{"end of a leap February", Document{Period: "20240229"}, "2024-02-29T10:58:28Z"},
		{"the current month", Document{Period: "202611"}, "2026-11-01T00:00:00Z"},
		{"nothing", Document{}, ""},
		{"rubbish", Document{Period: "202600", CreatedAt: "12:00"}, ""},
	} {
		tt.doc.ID = "1"
		l := newListing("c", at, []Document{tt.doc}, flat(t), nil)
		got := ""
		if m := l.Documents[0].ModTime(); !m.IsZero() {
			got = m.Format(time.RFC3339)
		}
		if got != tt.want {
			t.Errorf("%s: %q, want %q", tt.title, got, tt.want)
		}
	}
}

// TestNoTwoDocumentsHaveOneTime: what takes the place of another document under its
// name, or of a version of itself whose date nobody can read, is seen by whatever
// compares times; and it stays in the last day of the period, all over the world.
func TestNoTwoDocumentsHaveOneTime(t *testing.T) {
	times := make(map[time.Time]int)
	for i := range 200 {
		for _, d := range []Document{
			{ID: fmt.Sprint(i), Period: "202610"},
			{ID: "1", UpdatedAt: fmt.Sprintf("%d/11/2026", i), Period: "202610"},
		} {
			m := d.ModTime()
			times[m]++
			for _, zone := range []int{-10, 0, 13} {
				if y, month, day := m.In(time.FixedZone("", zone*3600)).Date(); y != 2026 || month != 10 || day != 31 {
					t.Errorf("%+v: %v", d, m)
				}
			}
		}
	}
	if len(times) < 360 {
		t.Errorf("%d times of 400 documents", len(times))
	}
	if a, b := (&Document{ID: "1", Period: "202610"}).ModTime(), (&Document{ID: "2", Period: "202610"}).ModTime(); a.Equal(b) {
		t.Error("one time for both")
	}
}

func TestParseTime(t *testing.T) {
	for _, tt := range []struct{ in, want string }{
		{"2026-01-31T10:20:30Z", "2026-01-31T10:20:30Z"},
		{"2026-01-31T10:20:30.5+02:00", "2026-01-31T08:20:30.5Z"},
		{"2026-01-31T10:20:30.123+0000", "2026-01-31T10:20:30.123Z"},
		{"2026-01-31T10:20:30", "2026-01-31T10:20:30Z"},
		{"2026-01-31 10:20:30", "2026-01-31T10:20:30Z"},
		{"2026-01-31", "2026-01-31T00:00:00Z"},
		{"1769854830", "2026-01-31T10:20:30Z"},
		{"1769854830500", "2026-01-31T10:20:30.5Z"},
		{"", ""},
		{"12", ""},
		{"99999999999999999999999", ""},
		{"9999-01-01T00:00:00Z", ""},
		{"yesterday", ""},
	} {
		got := ""
		if v, ok := parseTime(tt.in); ok {
			got = v.Format(time.RFC3339Nano)
		}
		if got != tt.want {
			t.Errorf("parseTime(%q) = %q, want %q", tt.in, got, tt.want)
		}
	}
}

func TestParsePeriod(t *testing.T) {
	for in, want := range map[string]bool{
		"202601": true, "202612": true, "2026-01": true, "2026/12": true, "2026-13": false, "2026-1": false, "2026-01-31T00:00:00Z": true, "01/2026": false, "20261": false, "": false, "202613": false,
		"202600": false, "000001": false, "20260115": true, "202601 January": true, "２０２６０１": false, "+20261": false,
	} {
		if _, got := parsePeriod(in); got != want {
			t.Errorf("parsePeriod(%q): %v, want %v", in, got, want)
		}
	}
}

func TestVolatile(t *testing.T) {
	n := 0
	for _, typ := range append(Types(), typeOther, "") {
		if (&Document{Type: typ}).Volatile() {
			n++
		}
	}
	if n != 2 || !(&Document{Type: TypePartialBills}).Volatile() || !(&Document{Type: "partialConsumptionRatedReports"}).Volatile() {
		t.Errorf("%d types are volatile, want the two partial ones", n)
	}
}

func TestListingJSON(t *testing.T) {
	docs := []Document{
		{ID: "2", Type: TypeInvoices, Filename: "a<b>&.pdf", Period: "202601", CreatedAt: "c", UpdatedAt: "u", Amount: "1234.50", Currency: "EUR"},
		{ID: "1", Type: TypeBills, Filename: "bad\xff", Amount: "1 234,50"},
		{ID: "3", Type: TypeBills, Amount: "01"},
	}
	layout, err := ParseLayout("type")
	if err != nil {
		t.Fatal(err)
	}
	l := newListing("c", time.Unix(1, 0), docs, layout, nil)
	want := `[
  {
    "path": "bills/bad` + "\ufffd" + `",
    "id": "1",
    "type": "bills",
    "filename": "bad\ufffd",
    "amount": "1 234,50"
  },
  {
    "path": "bills/document",
    "id": "3",
    "type": "bills",
    "amount": "01"
  },
  {
    "path": "invoices/a<b>&.pdf",
    "id": "2",
    "type": "invoices",
    "filename": "a<b>&.pdf",
    "period": "202601",
    "createdAt": "c",
    "updatedAt": "u",
    "amount": 1234.50,
    "currency": "EUR"
  }
]
`
	if diff := cmp.Diff(want, string(l.JSON())); diff != "" {
		t.Errorf("(-want +got)\n%s", diff)
	}
	later := newListing("c", time.Unix(2, 0), []Document{docs[2], docs[0], docs[1]}, layout, nil)
	if diff := cmp.Diff(string(l.JSON()), string(later.JSON())); diff != "" {
		t.Errorf("depends on order or time:\n%s", diff)
	}
	empty := newListing("c", time.Unix(1, 0), nil, layout, nil)
	if got := string(empty.JSON()); got != "[]\n" || !json.Valid([]byte(got)) {
		t.Errorf("no documents: %q", got)
	}
}

func flat(t testing.TB) *Layout {
	t.Helper()
	l, err := ParseLayout("flat")
	if err != nil {
		t.Fatal(err)
	}
	return l
}

func TestFind(t *testing.T) {
	l := newListing("c", time.Unix(1, 0), []Document{{ID: "b"}, {ID: "a"}, {ID: "ç"}}, flat(t), nil)
	for _, id := range []string{"a", "b", "ç"} {
		if d := l.Find(id); d == nil || d.ID != id || d.ContractID != "c" {
			t.Errorf("Find(%q) = %v", id, d)
		}
	}
	if d := l.Find("x"); d != nil {
		t.Errorf("found %v", d)
	}
}

// What a listing says beside updatedAt tells documents of one id apart; a name only
// where there is nothing better.
func TestPrint(t *testing.T) {
	base := Document{ID: "1", Type: TypeBills, Filename: "a.pdf", Period: "202610", CreatedAt: "2026-11-03T10:00:00Z", Amount: "1.00", Currency: "EUR"}
	dated := base
	dated.UpdatedAt = "2026-11-04T10:00:00Z"
	for name, tt := range map[string]struct {
		change      func(d *Document)
		bare, dated bool // the print is another one
	}{
		"nothing":   {func(*Document) {}, false, false},
		"id":        {func(d *Document) { d.ID = "2" }, false, false},  // it is asked by it
		"type":      {func(d *Document) { d.Type = "" }, false, false}, // depends on which types may be seen
		"name":      {func(d *Document) { d.Filename = "b.pdf" }, true, false},
		"period":    {func(d *Document) { d.Period = "202609" }, true, true},
		"created":   {func(d *Document) { d.CreatedAt = "" }, true, true},
		"amount":    {func(d *Document) { d.Amount = "2.00" }, true, true},
		"currency":  {func(d *Document) { d.Currency = "CHF" }, true, true},
		"one field": {func(d *Document) { d.Amount, d.Currency = "1.00E", "UR" }, true, true},
	} {
		for what, d := range map[string]Document{"bare": base, "dated": dated} {
			is := d
			tt.change(&is)
			want := tt.bare
			if what == "dated" {
				want = tt.dated
			}
			if got := is.Print() != d.Print(); got != want {
				t.Errorf("%s, %s: another print: %v", name, what, got)
			}
		}
	}
}
