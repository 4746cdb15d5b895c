package folder

import (
	"errors"
	"io/fs"
	"strings"
	"testing"
)

// Who may see some contracts is told nothing of the others, by whatever way they ask.
func TestOnly(t *testing.T) {
	all := New(newCatalog(t, "flat", &fakeAPI{}, nil), nil, Options{})
	some := all.Only([]string{"OCB0001", "OCB0009"})
	children, err := some.Children(t.Context(), Node{}, true)
	if err != nil || len(children) != 1 || children[0].Path != "OCB0001" {
		t.Errorf("%v, %v", children, err)
	}
	if n, err := some.Find(t.Context(), "OCB0001/bill 10.pdf"); err != nil || n.Doc == nil {
		t.Errorf("%v, %v", n, err)
	}
	hidden, err := all.Find(t.Context(), "OCB0002")
	if err != nil {
		t.Fatal(err)
	}
	for _, at := range []string{"OCB0002", "OCB0002/.contract.json", "OCB0002/.documents.json", "OCB0002/x", "OCB000"} {
		_, err := some.Find(t.Context(), at)
		if !errors.Is(err, fs.ErrNotExist) || strings.Contains(err.Error(), "hidden") || strings.Contains(err.Error(), "mean OCB0002") {
			t.Errorf("%s: %v", at, err)
		}
	}
	if found, _ := some.Match(t.Context(), "OCB000?"); len(found) != 1 {
		t.Errorf("%v", found)
	}
	hidden.Listing, hidden.Dir = nil, nil
	if _, err := some.Children(t.Context(), hidden, true); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("of a node of the whole: %v", err)
	}
	contracts, err := some.catalog.Contracts(t.Context())
	if err != nil || len(contracts.Missing) != 1 || contracts.Missing[0] != "OCB0009" || len(contracts.Hidden) != 0 {
		t.Errorf("%+v, %v", contracts, err)
	}
	if children, err := all.Children(t.Context(), Node{}, true); err != nil || len(children) != 3 {
		t.Errorf("the whole has changed: %v, %v", children, err)
	}
}

// What clients of Windows and macOS mean by a name is found, by them alone, and nothing else.
func TestLoose(t *testing.T) {
	exact := New(newCatalog(t, "period", &fakeAPI{}, nil), nil, Options{})
	loose := exact.Loose().Only([]string{"OCB0001"})
	all, _ := exact.Match(t.Context(), "OCB0001/*/*/bill 10.pdf")
	if len(all) != 1 {
		t.Fatalf("%v", all)
	}
	want := all[0].Path
	for _, at := range []string{want, strings.ToUpper(want), strings.ToLower(want)} {
		if n, err := loose.Find(t.Context(), at); err != nil || n.Path != want || n.Doc == nil {
			t.Errorf("%s: %+v, %v", at, n, err)
		}
		if _, err := exact.Find(t.Context(), at); (err == nil) != (at == want) {
			t.Errorf("%s, exactly: %v", at, err)
		}
	}
	for _, at := range []string{"ocb0002", "ocb0001/x", "ocb0001/" + want, want + "/x", strings.ToUpper(want) + "/x"} {
		if n, err := loose.Find(t.Context(), at); !errors.Is(err, fs.ErrNotExist) {
			t.Errorf("%s: %+v, %v", at, n, err)
		}
		if n, err := loose.Look(t.Context(), at); !errors.Is(err, fs.ErrNotExist) {
			t.Errorf("%s: %+v, %v", at, n, err)
		}
	}
	if n, err := loose.Look(t.Context(), "ocb0001"); err != nil || n.Path != "OCB0001" || n.Listing != nil {
		t.Errorf("%+v, %v", n, err)
	}
}
