package change

import (
	"bytes"
	"encoding/json"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"ccsfs/internal/billing"
)

// The keys are what programs read: none is renamed, and what is not known is left out.
func TestKeys(t *testing.T) {
	d := &billing.Document{ContractID: "C", ID: "1", Type: "bills", Filename: "f", Period: "202610",
		CreatedAt: "2026-11-01T00:00:00Z", UpdatedAt: "2026-11-02T00:00:00+01:00", Amount: "12.50", Currency: "EUR"}
	for want, c := range map[string]Change{
		`{"change":"new","path":"C/f","contract":"C","type":"bills","id":"1","period":"202610","createdAt":"2026-11-01T00:00:00Z",` +
			`"updatedAt":"2026-11-02T00:00:00+01:00","modified":"2026-11-01T23:00:00Z","amount":12.50,"currency":"EUR"}`: Of(New, "C/f", d),
		`{"change":"gone","path":"C/f","contract":"C","type":"bills","id":"1"}`:                            {Kind: Gone, Path: "C/f", Contract: "C", Type: "bills", ID: "1"},
		`{"change":"changed","path":"C/f","contract":"C","type":"","id":"1","file":"/srv/f"}`:              {Kind: Changed, Path: "C/f", Contract: "C", ID: "1", File: "/srv/f"},
		`{"change":"new","path":"","contract":"","type":"","id":"","currency":"EUR"}`:                      {Kind: New, Amount: "twelve", Currency: "EUR"},
		`{"change":"new","path":"a\nb \u0000","contract":"","type":"","id":"\u001b[2J\u2028\u003cscript"}`: {Kind: New, Path: "a\nb \x00", ID: "\x1b[2J\u2028<script"},
	} {
		b, err := json.Marshal(c)
		if err != nil || string(b) != want {
			t.Errorf("%s, want %s (%v)", b, want, err)
		}
	}
}

// Paths stand below each other, however long types are.
func TestLinesAreAligned(t *testing.T) {
	var b bytes.Buffer
	if err := PrintLines(&b, []Change{{Kind: New, Type: "bills", Path: "C/a"}, {Kind: New, Type: "partialConsumptionRatedReports", Path: "C/b"}}); err != nil {
		t.Fatal(err)
	}
	first, second, _ := strings.Cut(b.String(), "\n")
	if strings.Index(first, "C/a") != strings.Index(second, "C/b") {
		t.Error(b.String())
	}
}

// A spreadsheet sees amounts, and no formulas.
func TestCSV(t *testing.T) {
	var b bytes.Buffer
	if err := PrintCSV(&b, []Change{{Kind: New, Path: "=C/f", Contract: "C", ID: "1", Type: "invoices", Amount: "-12.50", Currency: "EUR"}, {Kind: Gone, Path: "C/g", Amount: "-cmd"}}); err != nil {
		t.Fatal(err)
	}
	want := "change,path,contract,type,id,period,modified,amount,currency\r\n" +
		"new,'=C/f,C,invoices,1,,,-12.50,EUR\r\n" + "gone,C/g,,,,,,'-cmd,\r\n"
	if b.String() != want {
		t.Errorf("%q", b.String())
	}
}

// A line is one line, whatever the API tells, and shows what there is.
func TestLine(t *testing.T) {
	d := &billing.Document{ContractID: "C", ID: "1", Type: "in\x1b[2Jvoices\n", Period: "202610", Amount: "1\n2", Currency: "\u202eEUR", UpdatedAt: "2026-10-01T10:00:00Z"}
	got := Of(New, "C/f\n\x07", d).line(leastType)
	if strings.ContainsAny(got, "\n\x1b\x07\u202e") || !strings.Contains(got, "2026-10-01 10:00") || !strings.HasSuffix(got, "C/f??") {
		t.Errorf("%q", got)
	}
	if got := (Change{Kind: Gone, Path: "C/f"}).line(leastType); !strings.HasPrefix(got, "gone     -  ") {
		t.Errorf("%q", got)
	}
}

// What is printed as objects is one line each, without control characters, and reads back
// as what it was.
func TestObjects(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		text := func(what string) string { return rapid.StringN(0, 20, -1).Draw(rt, what) }
		c := Change{Kind: New, Path: text("path"), Contract: text("contract"), ID: text("id"), Type: text("type"), Period: text("period"),
			CreatedAt: text("created"), UpdatedAt: text("updated"), Currency: text("currency"), File: text("file"),
			Modified: time.Unix(rapid.Int64Range(0, 1<<33).Draw(rt, "time"), 0).UTC(),
			Amount:   rapid.SampledFrom([]string{"", "0", "-1.50", "1e3"}).Draw(rt, "amount")}
		var b bytes.Buffer
		if err := PrintObjects(&b, []Change{c, c}); err != nil {
			rt.Fatal(err)
		}
		if strings.Count(b.String(), "\n") != 2 || strings.ContainsAny(b.String(), "\x1b\x00\u0085\u2028\u202e") {
			rt.Fatalf("%q", b.String())
		}
		var back Change
		line, _, _ := strings.Cut(b.String(), "\n")
		if err := json.Unmarshal([]byte(line), &back); err != nil || back != c {
			rt.Fatalf("%+v came back as %+v: %v", c, back, err)
		}
	})
}

func TestNoChangesAreAnEmptyArray(t *testing.T) {
	var b bytes.Buffer
	if err := PrintArray(&b, nil); err != nil || b.String() != "[]\n" {
		t.Errorf("%q, %v", b.String(), err)
	}
}

func FuzzChange(f *testing.F) {
	f.Add([]byte(`{"change":"new","path":"C/f","amount":1.5,"modified":"2026-10-01T10:00:00Z"}`))
	f.Add([]byte(`{"amount":1e400}`))
	f.Fuzz(func(t *testing.T, data []byte) {
		var c, again Change
		if json.Unmarshal(data, &c) != nil {
			return
		}
		c.line(leastType)
		b, err := json.Marshal(c)
		if err != nil {
			return // a year that RFC 3339 does not have
		}
		if err := json.Unmarshal(b, &again); err != nil {
			t.Fatalf("%s: %v", b, err)
		}
	})
}
