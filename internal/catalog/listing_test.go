package catalog

import (
	"testing"
	"time"

	"ccsfs/internal/billing"
	"ccsfs/internal/catalog/layout"
)

func flat(t testing.TB) *layout.Layout {
	t.Helper()
	l, err := layout.Parse("flat")
	if err != nil {
		t.Fatal(err)
	}
	return l
}

func TestFind(t *testing.T) {
	l := newListing("c", time.Unix(1, 0), []billing.Document{{ID: "b"}, {ID: "a"}, {ID: "ç"}}, flat(t), nil)
	for _, id := range []string{"a", "b", "ç"} {
		if d := l.Find(id); d == nil || d.ID != id || d.ContractID != "c" {
			t.Errorf("Find(%q) = %v", id, d)
		}
	}
	if d := l.Find("x"); d != nil {
		t.Errorf("found %v", d)
	}
}
