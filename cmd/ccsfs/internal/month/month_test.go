package month

import (
	"testing"

	"ccsfs/internal/billing"
)

func TestOfDocument(t *testing.T) {
	for _, tt := range []struct {
		doc  billing.Document
		want string
	}{
		{billing.Document{Period: "202610"}, "2026-10"},
		{billing.Document{Period: "20261001-20261031", CreatedAt: "2026-11-05"}, "2026-10"},
		{billing.Document{Period: "October", CreatedAt: "2026-11-05"}, ""}, // bills are made in the month after theirs
		{billing.Document{CreatedAt: "2026-11-05"}, "2026-11"},
		{billing.Document{UpdatedAt: "2026-12-01T10:00:00Z", CreatedAt: "2026-11-05"}, "2026-12"},
		{billing.Document{Period: "2026-10", CreatedAt: "2026-11-05"}, "2026-10"},
		{billing.Document{}, ""},
	} {
		m, ok := OfDocument(&tt.doc)
		if ok != (tt.want != "") || ok && m.String() != tt.want {
			t.Errorf("%+v: %s, %v", tt.doc, m, ok)
		}
	}
}
