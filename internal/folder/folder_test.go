package folder

import (
	"context"
	"errors"
	"path"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"ccsfs/apiclient"
	"ccsfs/internal/billing"
	"ccsfs/internal/catalog"
	"ccsfs/internal/catalog/layout"
	"ccsfs/internal/content"
)

// fakeAPI is an account with two contracts.
type fakeAPI struct{ down bool }

func (f *fakeAPI) Contracts(context.Context) ([]apiclient.Contract, error) {
	if f.down {
		return nil, apiclient.ErrUnreachable
	}
	return []apiclient.Contract{{ID: "OCB0001"}, {ID: "OCB0002"}, {ID: "evil/../id"}}, nil
}

func (f *fakeAPI) Contract(context.Context, string) (*apiclient.ContractDetail, error) {
	return &apiclient.ContractDetail{Raw: []byte(`{"id":"x"}`)}, nil
}

func (f *fakeAPI) Documents(_ context.Context, id string, q apiclient.DocumentsQuery) ([]apiclient.Document, error) {
	if f.down {
		return nil, apiclient.ErrUnreachable
	}
	if q.Type != billing.TypeBills || id != "OCB0001" {
		return nil, nil
	}
	return []apiclient.Document{
		{ID: "1", Filename: "bill 10.pdf", Period: "202610"},
		{ID: "2", Filename: "bill 09.pdf", Period: "202609"},
		{ID: "3", Filename: "!first", Period: "202609"},
	}, nil
}

func newCatalog(t *testing.T, template string, api catalog.API, now func() time.Time) *catalog.Catalog {
	t.Helper()
	l, err := layout.Parse(template)
	if err != nil {
		t.Fatal(err)
	}
	c, err := catalog.New(catalog.Config{Layout: l, Foreground: true, Now: now}, api)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(c.Close)
	return c
}

func TestFind(t *testing.T) {
	for _, tt := range []struct{ layout, at, want string }{
		{"flat", "", "root"},
		{"flat", "/", "root"},
		{"flat", "./OCB0001//", "contract OCB0001"},
		{"flat", "OCB0001/../OCB0002", "contract OCB0002"},
		{"flat", "../../OCB0001", "contract OCB0001"},
		{"flat", "evil_.._id", "contract evil_.._id"},
		{"flat", "OCB0001/bill 10.pdf", "document OCB0001/bill 10.pdf"},
		{"flat", "OCB0001/.contract.json", "made OCB0001/.contract.json"},
		{"flat", "OCB0001/.documents.json", "made OCB0001/.documents.json"},
		{"period", "OCB0001/2026", "directory OCB0001/2026"},
		{"period", "OCB0001/2026/10/bill 10.pdf", "document OCB0001/2026/10/bill 10.pdf"},
		{"flat", "OCB0003", "OCB0003 does not exist; did you mean OCB0001?"},
		{"flat", "nothing like it", "nothing like it does not exist"},
		{"flat", "OCB0001/bill 11.pdf", "OCB0001/bill 11.pdf does not exist; did you mean OCB0001/bill 10.pdf?"},
		{"flat", "OCB0001/bill 10.pdf/x", "OCB0001/bill 10.pdf/x does not exist; did you mean OCB0001/bill 10.pdf?"},
		{"flat", "OCB0001/.documents.json/x", "OCB0001/.documents.json/x does not exist; did you mean OCB0001/.documents.json?"},
		{"period", "OCB0001/2026/.documents.json", "OCB0001/2026/.documents.json does not exist"},
		{"period", "OCB0001/2025/10", "OCB0001/2025 does not exist; did you mean OCB0001/2026?"},
	} {
		c := newCatalog(t, tt.layout, &fakeAPI{}, nil)
		n, err := New(c, nil, Options{}).Find(t.Context(), tt.at)
		got := describe(n)
		if err != nil {
			if got = err.Error(); !errors.Is(err, apiclient.ErrNotFound) {
				t.Errorf("%s is no ErrNotFound", got)
			}
		}
		if got != tt.want {
			t.Errorf("%s %q: got %q, want %q", tt.layout, tt.at, got, tt.want)
		}
	}
}

func describe(n Node) string {
	switch {
	case n.Contract == nil:
		return "root"
	case n.Doc != nil:
		return "document " + n.Path
	case n.Made != "":
		return "made " + n.Path
	case n.Path == n.Contract.Name:
		return "contract " + n.Path
	}
	return "directory " + n.Path
}

// "Does not exist" is never said on the word of an old listing.
func TestAnOldListingIsNoProof(t *testing.T) {
	api, now := &fakeAPI{}, time.Date(2026, 11, 20, 0, 0, 0, 0, time.UTC)
	c := newCatalog(t, "flat", api, func() time.Time { return now })
	if _, err := New(c, nil, Options{}).Find(t.Context(), "OCB0001/bill 10.pdf"); err != nil {
		t.Fatal(err)
	}
	now, api.down = now.Add(time.Hour), true
	if n, err := New(c, nil, Options{}).Find(t.Context(), "OCB0001/bill 10.pdf"); err != nil || n.Doc == nil {
		t.Errorf("what was there before: %v", err)
	}
	for _, at := range []string{"OCB0001/bill 11.pdf", "OCB0009"} {
		_, err := New(c, nil, Options{}).Find(t.Context(), at)
		if errors.Is(err, apiclient.ErrNotFound) || !errors.Is(err, apiclient.ErrUnreachable) || !strings.Contains(err.Error(), at) {
			t.Errorf("%s: %v", at, err)
		}
	}
}

func TestChildren(t *testing.T) {
	for _, tt := range []struct {
		layout, at string
		made       bool
		want       []string
	}{
		{"flat", "", true, []string{"OCB0001", "OCB0002", "evil_.._id"}},
		{"flat", "OCB0001", false, []string{"OCB0001/!first", "OCB0001/bill 09.pdf", "OCB0001/bill 10.pdf"}},
		{"flat", "OCB0001", true, []string{"OCB0001/!first", "OCB0001/.contract.json", "OCB0001/.documents.json", "OCB0001/bill 09.pdf", "OCB0001/bill 10.pdf"}},
		{"period", "OCB0001", true, []string{"OCB0001/.contract.json", "OCB0001/.documents.json", "OCB0001/2026"}},
		{"period", "OCB0001/2026", true, []string{"OCB0001/2026/09", "OCB0001/2026/10"}},
	} {
		c := newCatalog(t, tt.layout, &fakeAPI{}, nil)
		n, err := New(c, nil, Options{}).Find(t.Context(), tt.at)
		if err != nil {
			t.Fatal(err)
		}
		children, err := New(c, nil, Options{}).Children(t.Context(), n, tt.made)
		if err != nil {
			t.Fatal(err)
		}
		var got []string
		for _, child := range children {
			got = append(got, child.Path)
			if found, err := New(c, nil, Options{}).Find(t.Context(), child.Path); err != nil || describe(found) != describe(child) || child.Name() != path.Base(child.Path) {
				t.Errorf("%s: found %s, %v", describe(child), describe(found), err)
			}
		}
		if d := cmp.Diff(tt.want, got); d != "" {
			t.Errorf("%s %q: %s", tt.layout, tt.at, d)
		}
	}
}

func TestDocuments(t *testing.T) {
	c := newCatalog(t, "period", &fakeAPI{}, nil)
	n, err := New(c, nil, Options{}).Find(t.Context(), "OCB0001")
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	n.Documents(func(d Node) { got = append(got, d.Path) })
	want := []string{"OCB0001/2026/09/!first", "OCB0001/2026/09/bill 09.pdf", "OCB0001/2026/10/bill 10.pdf"}
	if d := cmp.Diff(want, got); d != "" {
		t.Error(d)
	}
}

func TestModTime(t *testing.T) {
	seen := time.Date(2026, 11, 20, 10, 0, 0, 5, time.UTC)
	for _, tt := range []struct {
		doc  billing.Document
		want string
	}{
		{billing.Document{Type: billing.TypeBills, UpdatedAt: "2026-11-01T00:00:00Z"}, "2026-11-01T00:00:00Z"},
		{billing.Document{Type: billing.TypePartialBills, UpdatedAt: "2026-11-01T00:00:00Z"}, "2026-11-20T10:00:00Z"},
		{billing.Document{Type: billing.TypePartialBills, UpdatedAt: "2026-11-21T00:00:00Z"}, "2026-11-21T00:00:00Z"},
		{billing.Document{Type: billing.TypeBills}, "2026-11-20T10:00:00Z"},
	} {
		if got := ModTime(&tt.doc, content.Info{Changed: seen}).Format(time.RFC3339Nano); got != tt.want {
			t.Errorf("%+v: %s", tt.doc, got)
		}
	}
}
