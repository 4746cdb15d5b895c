package choice

import (
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"ccsfs/cmd/ccsfs/internal/exitcode"
	"ccsfs/internal/billing"
)

func testNow() time.Time { return time.Date(2026, time.November, 29, 12, 0, 0, 0, time.UTC) }

func TestHolds(t *testing.T) {
	invoice := billing.Document{Period: "202610", CreatedAt: "2026-11-05T10:00:00Z", Amount: "99.90", Currency: "EUR"}
	tests := []struct {
		flags Flags
		doc   billing.Document
		want  bool
	}{
		{Flags{}, invoice, true},
		{Flags{Since: "2026-10"}, invoice, true},
		{Flags{Since: "last-month"}, invoice, true},
		{Flags{Since: "this-month"}, invoice, false},
		{Flags{Since: "2026-11-05"}, invoice, true}, // a day is about its date
		{Flags{Since: "2026-11-06"}, invoice, false},
		{Flags{Until: "2026-09"}, invoice, false},
		{Flags{Until: "2026"}, invoice, true},
		{Flags{Until: "05/11/2026"}, invoice, true},
		{Flags{Until: "2026-11-04"}, invoice, false},
		{Flags{Since: "2026-10", Until: "2026-10"}, invoice, true},
		{Flags{Since: "2030"}, billing.Document{}, true}, // nothing is known of it
		{Flags{Until: "2000"}, billing.Document{Period: "October"}, true},
		{Flags{MinAmount: "99.90"}, invoice, true},
		{Flags{MinAmount: "99,91"}, invoice, false},
		{Flags{MinAmount: "0"}, billing.Document{Amount: "-5"}, false},
		{Flags{MinAmount: "0"}, billing.Document{}, true},
		{Flags{MinAmount: "1"}, billing.Document{Amount: "free"}, true},
		{Flags{Names: []string{"invoice_*"}}, invoice, true},
		{Flags{Names: []string{"*.csv"}}, invoice, false},
		{Flags{Names: []string{"*.csv", "OCE_OCB"}}, invoice, true},
		{Flags{Names: []string{"INVOICE"}}, invoice, true},
		{Flags{Names: []string{`back\slash`}}, invoice, false},
		{Flags{Names: []string{"OCB1"}}, invoice, true}, // a part of the name, not of the directory
		{Flags{Names: []string{"contract"}}, invoice, false},
		{Flags{Types: []string{"bills", "invoices"}}, billing.Document{Type: "invoices"}, true},
		{Flags{Types: []string{"bills"}}, billing.Document{Type: "invoices"}, false},
	}
	for _, tt := range tests {
		c, err := tt.flags.Parse(testNow())
		if err != nil {
			t.Fatalf("%v: %v", tt.flags, err)
		}
		if got := c.Sieve().Holds("contract/2026/Invoice_OCE_OCB1.pdf", &tt.doc); got != tt.want {
			t.Errorf("%v of %+v: %v", tt.flags, tt.doc, got)
		}
	}
}

func TestNote(t *testing.T) {
	docs := []billing.Document{{Period: "202609", Amount: "5"}, {Period: "202610"}, {Period: "202611", Amount: "7"}}
	for _, tt := range []struct {
		flags Flags
		docs  []billing.Document
		want  string
	}{
		{Flags{}, docs, ""},
		{Flags{Since: "2026-10"}, docs, ""},
		{Flags{Since: "2027"}, nil, ""}, // of nothing there is nothing to say
		{Flags{Since: "2027", Names: []string{"x"}}, docs, "nothing matches --since=2027 --name=x: the documents are of 2026-09 to 2026-11"},
		{Flags{Names: []string{"x"}}, []billing.Document{{}}, "nothing matches --name=x"},
		{Flags{MinAmount: "6"}, docs, "the amount of 1 document is not known; --min-amount leaves them in"},
		{Flags{MinAmount: "6", Until: "2026-09"}, docs, "nothing matches --until=2026-09 --min-amount=6: the documents are of 2026-09 to 2026-11"},
	} {
		c, err := tt.flags.Parse(testNow())
		if err != nil {
			t.Fatal(err)
		}
		s := c.Sieve()
		for i := range tt.docs {
			s.Holds("a", &tt.docs[i])
		}
		if got := s.Note(); got != tt.want {
			t.Errorf("%v: %q, want %q", tt.flags, got, tt.want)
		}
	}
}

func TestBadFlags(t *testing.T) {
	for want, f := range map[string]Flags{
		`--since "soon" is no month`: {Since: "soon"}, `--until "2026-13" is no month`: {Until: "2026-13"},
		"--until 2026-09 lies before --since 2026-10": {Since: "2026-10", Until: "2026-09"},
		`--min-amount "much" is not an amount`:        {MinAmount: "much"}, `--min-amount "1e9" is`: {MinAmount: "1e9"},
		`--name "[" is not a pattern`: {Names: []string{"["}}, `--name "" is`: {Names: []string{""}},
		`--types: "consumption" is no type of documents; they are bills, `: {Types: []string{"bills", "consumption"}},
		`--name "a/b" is not a pattern of file names`:                      {Names: []string{"a/b"}},
	} {
		c, err := f.Parse(testNow())
		if err == nil || !strings.Contains(err.Error(), want) || exitcode.Of(err) != exitcode.Usage || !c.All() {
			t.Errorf("%+v: %v, want %s", f, err, want)
		}
	}
}

// What is sent to another process is what it reads.
func TestForm(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		f := Flags{Since: rapid.String().Draw(t, "since"), Until: rapid.String().Draw(t, "until"), MinAmount: rapid.String().Draw(t, "amount")}
		for range rapid.IntRange(0, 3).Draw(t, "names") {
			f.Names = append(f.Names, rapid.String().Draw(t, "name"))
			f.Types = append(f.Types, rapid.String().Draw(t, "type"))
		}
		if d := cmp.Diff(f, FromForm(f.Form())); d != "" {
			t.Fatal(d)
		}
	})
}
