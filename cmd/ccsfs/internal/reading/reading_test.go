package reading

import (
	"fmt"
	"testing"

	"ccsfs/cmd/ccsfs/internal/amounts"
	"ccsfs/internal/billing"
)

// A note of other rules, of another kind of document, or of nothing that could be added is
// none: the document is read again.
func TestNotes(t *testing.T) {
	kind := kindOf(&billing.Document{Type: billing.TypeBills, Filename: "B.XLSX"})
	for text, want := range map[string]bool{
		`{"v":%d,"as":"bills.xlsx","amount":"-12.50","currency":"EUR"}`: true,
		`{"v":%d,"as":"bills.xlsx","why":"it has no lines"}`:            true,
		`{"v":%d,"as":"bills.csv","amount":"1"}`:                        false,
		`{"v":1%d,"as":"bills.xlsx","amount":"1"}`:                      false,
		`{"v":%d,"as":"bills.xlsx","amount":"many"}`:                    false,
		`{"v":%d,"as":"bills.xlsx"}`:                                    false,
		`{"v":%d`:                                                       false,
		`something else %d`:                                             false,
	} {
		text = fmt.Sprintf(text, amounts.Version)
		if n, ok := parseNote(text, kind); ok != want {
			t.Errorf("%s: %v, %+v", text, ok, n)
		}
	}
	if _, ok := parseNote("", kind); ok {
		t.Error("nothing is a note")
	}
}
