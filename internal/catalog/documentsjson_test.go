package catalog

import (
	"encoding/json"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"ccsfs/internal/billing"
	"ccsfs/internal/catalog/layout"
)

func TestListingJSON(t *testing.T) {
	docs := []billing.Document{
		{ID: "2", Type: billing.TypeInvoices, Filename: "a<b>&.pdf", Period: "202601", CreatedAt: "c", UpdatedAt: "u", Amount: "1234.50", Currency: "EUR"},
		{ID: "1", Type: billing.TypeBills, Filename: "bad\xff", Amount: "1 234,50"},
		{ID: "3", Type: billing.TypeBills, Amount: "01"},
	}
	shape, err := layout.Parse("type")
	if err != nil {
		t.Fatal(err)
	}
	l := newListing("c", time.Unix(1, 0), docs, shape, nil)
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
	later := newListing("c", time.Unix(2, 0), []billing.Document{docs[2], docs[0], docs[1]}, shape, nil)
	if diff := cmp.Diff(string(l.JSON()), string(later.JSON())); diff != "" {
		t.Errorf("depends on order or time:\n%s", diff)
	}
	empty := newListing("c", time.Unix(1, 0), nil, shape, nil)
	if got := string(empty.JSON()); got != "[]\n" || !json.Valid([]byte(got)) {
		t.Errorf("no documents: %q", got)
	}
}
