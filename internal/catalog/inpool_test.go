package catalog

import (
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"ccsfs/apiclient"
	"ccsfs/internal/pool/pooltest/spoiled"
)

// Who looks after a pool has the lists that its members were told last, whatever these show
// of them.
func TestListsInAPool(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		e, api := spoiled.New(t), newFake("C1", "C2")
		api.docs["C1"] = full()
		p := e.Join(t)
		if contracts, err := ContractsInPool(t.Context(), p); contracts != nil || err != nil {
			t.Errorf("of nobody: %+v, %v", contracts, err)
		}
		some := another(t, e, Config{Types: []string{"bills"}, Contracts: []string{"C1"}}, api)
		if _, err := some.Listing(t.Context(), "C1"); err != nil {
			t.Fatal(err)
		}
		some.Close()
		contracts, err := ContractsInPool(t.Context(), p)
		if err != nil || contracts == nil || len(contracts.Entries) != 2 {
			t.Fatalf("%+v, %v", contracts, err)
		}
		if l, err := ListingInPool(t.Context(), p, "C1"); l != nil || err != nil {
			t.Errorf("of some types only: %+v, %v", l, err)
		}
		all := another(t, e, Config{}, api)
		want, err := all.Listing(t.Context(), "C1")
		if err != nil {
			t.Fatal(err)
		}
		all.Close()
		l, err := ListingInPool(t.Context(), p, "C1")
		if err != nil || l == nil || !slices.Equal(l.Documents, want.Documents) || !l.FetchedAt.Equal(want.FetchedAt) {
			t.Fatalf("%+v, %v, want %+v", l, err, want)
		}
		e.Away.Store(true)
		if l, err := ListingInPool(t.Context(), e.Join(t), "C1"); l != nil || err == nil {
			t.Errorf("while the store is away: %+v, %v", l, err)
		}
		e.Away.Store(false)
		api.set(func() { api.fail = func(call) error { return apiclient.ErrForbidden } })
		if err := another(t, e, Config{}, api).Refresh(t.Context(), "C1"); err == nil {
			t.Error("not refused")
		}
		synctest.Wait()
		if l, err := ListingInPool(t.Context(), p, "C1"); l != nil || err != nil {
			t.Errorf("refused: %+v, %v", l, err)
		}
	})
}

func TestDoubtOfAListing(t *testing.T) {
	now := time.Date(2026, 11, 20, 12, 0, 0, 0, time.UTC)
	for want, l := range map[string]*Listing{
		"":                 {FetchedAt: now.Add(-1000 * time.Hour)},
		"future":           {FetchedAt: now.Add(time.Hour)},
		"10 of each":       {FetchedAt: now, Suspect: "10 of each"},
		"not whole":        {FetchedAt: now, Incomplete: true},
		"refuses some":     {FetchedAt: now, Refused: []string{"bills"}},
		"not listed any m": {FetchedAt: now, Old: true},
	} {
		if got := l.Doubt(now); !strings.Contains(got, want) || (got == "") != (want == "") {
			t.Errorf("%q, want %q", got, want)
		}
	}
}
