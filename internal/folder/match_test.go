package folder

import (
	"context"
	"errors"
	"io/fs"
	"strings"
	"testing"
	"time"

	"ccsfs/apiclient"
	"ccsfs/internal/catalog"
)

func TestMatch(t *testing.T) {
	f := New(newCatalog(t, "{year}/{filename}", &fakeAPI{}, nil), nil, Options{})
	for at, want := range map[string]string{
		"OCB0001":              "OCB0001",
		"*":                    "OCB0001 OCB0002 evil_.._id",
		"OCB*":                 "OCB0001 OCB0002",
		"/OCB*/":               "OCB0001 OCB0002",
		"evil*id":              "evil_.._id",
		"*/2026":               "OCB0001/2026",
		"*/*/bill*":            "OCB0001/2026/bill 09.pdf OCB0001/2026/bill 10.pdf",
		"OCB000[12]/2026/*.*":  "OCB0001/2026/bill 09.pdf OCB0001/2026/bill 10.pdf",
		"OCB0001/2026/*10?pdf": "OCB0001/2026/bill 10.pdf",
		"OCB0001/*/!*":         "OCB0001/2026/!first",
		"*/.c*":                "OCB0001/.contract.json OCB0002/.contract.json evil_.._id/.contract.json",
		`OCB0001/2026/\!*`:     "OCB0001/2026/!first",
	} {
		nodes, failed := f.Match(context.Background(), at)
		var got []string
		for _, n := range nodes {
			got = append(got, n.Path)
			again, err := f.Find(context.Background(), n.Path)
			if err != nil || again.Path != n.Path || (again.Listing == nil) != (n.Listing == nil) && n.Made == "" {
				t.Errorf("%s: %q is found otherwise: %v", at, n.Path, err)
			}
		}
		if strings.Join(got, " ") != want || len(failed) > 0 {
			t.Errorf("%s: %q, %v, want %q", at, got, failed, want)
		}
	}
	for at, is := range map[string]error{
		"X*": fs.ErrNotExist, "*/*/*.xlsx": apiclient.ErrNotFound, "OCB0001/[": fs.ErrNotExist, "*/2026/bill 10.pdf/*": fs.ErrNotExist, "nope": fs.ErrNotExist,
	} {
		nodes, failed := f.Match(context.Background(), at)
		if len(nodes) > 0 || len(failed) != 1 || !errors.Is(failed[0], is) || failed[0].Path != at {
			t.Errorf("%s: %v, %v", at, nodes, failed)
		}
	}
}

// A pattern that matches nothing of an old listing says so, and one of which a contract
// cannot be looked at has the others.
func TestMatchWithoutTheAPI(t *testing.T) {
	at := time.Date(2026, 11, 1, 0, 0, 0, 0, time.UTC)
	api := &fakeAPI{}
	f := New(newCatalog(t, "flat", api, func() time.Time { return at }), nil, Options{})
	if _, failed := f.Match(context.Background(), "OCB0001/*"); len(failed) > 0 {
		t.Fatal(failed)
	}
	at, api.down = at.Add(24*time.Hour), true
	nodes, failed := f.Match(context.Background(), "*/bill*")
	if len(nodes) != 2 || len(failed) != 2 || !errors.Is(failed[0], apiclient.ErrUnreachable) {
		t.Errorf("%v, %v", nodes, failed)
	}
	nodes, failed = f.Match(context.Background(), "OCB0001/nope*")
	if len(nodes) > 0 || len(failed) != 1 || !isOld(failed[0]) || errors.Is(failed[0], fs.ErrNotExist) {
		t.Errorf("of an old listing: %v, %v", nodes, failed)
	}
}

// What a filter leaves out does not just match nothing.
func TestMatchOfWhatIsHidden(t *testing.T) {
	f := New(filtered{newCatalog(t, "{year}/{filename}", &fakeAPI{}, nil)}, nil, Options{})
	for at, want := range map[string]struct {
		hidden   bool // all of it
		contract int
	}{
		"X*": {}, "*2": {hidden: true}, "*2/*": {hidden: true}, "OCB*/x*": {contract: 1}, "*/x*": {contract: 2}, "OCB0001/x*": {},
	} {
		nodes, failed := f.Match(context.Background(), at)
		if len(nodes) > 0 || len(failed) != 1 {
			t.Fatalf("%s: %v, %v", at, nodes, failed)
		}
		var none *NoMatchError
		switch {
		case want.hidden != errors.Is(failed[0], ErrHidden), want.hidden == errors.As(failed[0], &none):
			t.Errorf("%s: %v", at, failed[0])
		case !want.hidden && none.Hidden != want.contract:
			t.Errorf("%s: %d are hidden", at, none.Hidden)
		}
	}
}

// filtered shows the first contract alone.
type filtered struct{ Catalog }

func (f filtered) Contracts(ctx context.Context) (*catalog.Contracts, error) {
	all, err := f.Catalog.Contracts(ctx)
	if err != nil {
		return nil, err
	}
	shown := *all
	shown.Entries, shown.Hidden = all.Entries[:1], all.Entries[1:]
	return &shown, nil
}
