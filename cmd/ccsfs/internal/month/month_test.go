package month

import (
	"testing"

	"pgregory.net/rapid"

	"ccsfs/internal/catalog"
)

func TestParse(t *testing.T) {
	for text, want := range map[string][2]string{
		"2026-01": {"2026-01", "2026-01"}, "202612": {"2026-12", "2026-12"}, "2026": {"2026-01", "2026-12"},
	} {
		first, last, err := Parse(text)
		if err != nil || first.String() != want[0] || last.String() != want[1] {
			t.Errorf("%s: %s to %s, %v", text, first, last, err)
		}
	}
	for _, text := range []string{"", "2026-13", "2026-00", "202613", "20-2601", "2026-1", "-2026", "2026-", "+02601", "2026-01-01", "x", "1026-01", "2300"} {
		if first, last, err := Parse(text); err == nil {
			t.Errorf("%q is taken for %s to %s", text, first, last)
		}
	}
}

func TestParseReadsWhatStringWrites(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		m := Month(rapid.IntRange(1900*12, 2200*12-1).Draw(t, "month"))
		first, last, err := Parse(m.String())
		if err != nil || first != m || last != m {
			t.Fatalf("%s: %s to %s, %v", m, first, last, err)
		}
		if next := m + 1; next.Of() == 1 != (m.Of() == 12) {
			t.Fatalf("after %s comes %s", m, next)
		}
	})
}

func TestOfDocument(t *testing.T) {
	for _, tt := range []struct {
		doc  catalog.Document
		want string
	}{
		{catalog.Document{Period: "202610"}, "2026-10"},
		{catalog.Document{Period: "20261001-20261031", CreatedAt: "2026-11-05"}, "2026-10"},
		{catalog.Document{Period: "October", CreatedAt: "2026-11-05"}, ""}, // bills are made in the month after theirs
		{catalog.Document{CreatedAt: "2026-11-05"}, "2026-11"},
		{catalog.Document{UpdatedAt: "2026-12-01T10:00:00Z", CreatedAt: "2026-11-05"}, "2026-12"},
		{catalog.Document{Period: "2026-10", CreatedAt: "2026-11-05"}, "2026-10"},
		{catalog.Document{}, ""},
	} {
		m, ok := OfDocument(&tt.doc)
		if ok != (tt.want != "") || ok && m.String() != tt.want {
			t.Errorf("%+v: %s, %v", tt.doc, m, ok)
		}
	}
}

func FuzzParse(f *testing.F) {
	f.Add("2026-01")
	f.Add("2026")
	f.Fuzz(func(t *testing.T, text string) {
		first, last, err := Parse(text)
		if err == nil && (last < first || last-first > 11 || first.Year() != last.Year()) {
			t.Errorf("%q: %s to %s", text, first, last)
		}
	})
}
