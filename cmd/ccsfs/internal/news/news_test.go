package news

import (
	"testing"
	"time"

	"ccsfs/internal/billing"
)

func TestDatedSince(t *testing.T) {
	since := time.Date(2026, 10, 15, 0, 0, 0, 0, time.UTC)
	for want, docs := range map[bool][]billing.Document{
		true:  {{UpdatedAt: "2026-10-15T00:00:00Z"}, {CreatedAt: "2026-11-01T00:00:00Z"}, {Period: "202610"}, {}, {UpdatedAt: "banana"}},
		false: {{UpdatedAt: "2026-10-14T23:59:59Z", CreatedAt: "2026-11-01T00:00:00Z"}, {Period: "202609"}},
	} {
		for _, d := range docs {
			if got := datedSince(&d, since); got != want {
				t.Errorf("%+v: %v", d, got)
			}
		}
	}
}
