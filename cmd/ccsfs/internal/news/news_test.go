package news

import (
	"testing"
	"time"

	"ccsfs/internal/billing"
)

func TestDated(t *testing.T) {
	day := func(day int) time.Time { return time.Date(2026, 10, day, 0, 0, 0, 0, time.UTC) }
	for name, tt := range map[string]struct {
		span span
		docs map[bool][]billing.Document
	}{
		"since": {span{from: day(15)}, map[bool][]billing.Document{
			true:  {{UpdatedAt: "2026-10-15T00:00:00Z"}, {CreatedAt: "2026-11-01T00:00:00Z"}, {Period: "202610"}, {}, {UpdatedAt: "banana"}},
			false: {{UpdatedAt: "2026-10-14T23:59:59Z", CreatedAt: "2026-11-01T00:00:00Z"}, {Period: "202609"}},
		}},
		"until": {span{before: day(15)}, map[bool][]billing.Document{
			true:  {{UpdatedAt: "2026-10-14T23:59:59Z"}, {Period: "202609"}, {}, {UpdatedAt: "banana"}},
			false: {{UpdatedAt: "2026-10-15T00:00:00Z"}, {Period: "202610"}},
		}},
		"both": {span{from: day(15), before: day(16)}, map[bool][]billing.Document{
			true:  {{UpdatedAt: "2026-10-15T23:59:59Z"}, {}},
			false: {{UpdatedAt: "2026-10-14T23:59:59Z"}, {UpdatedAt: "2026-10-16T00:00:00Z"}},
		}},
	} {
		for want, docs := range tt.docs {
			for _, d := range docs {
				if got := tt.span.holds(&d); got != want {
					t.Errorf("%s: %+v: %v", name, d, got)
				}
			}
		}
	}
}
