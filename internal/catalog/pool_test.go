package catalog

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"ccsfs/apiclient"
	"ccsfs/internal/billing"
	"ccsfs/internal/pool/pooltest/spoiled"
)

// heardAfter is when members of a pool have heard what was told.
const heardAfter = 5 * time.Second

// fleet runs a test on a clock of its own, with catalogs that share a pool and nothing else,
// and an API that takes a second to answer.
func fleet(t *testing.T, n int, cfg Config, f func(t *testing.T, e *spoiled.Engines, all []*Catalog, api *fakeAPI)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		e, api := spoiled.New(t), newFake("C1", "C2")
		api.docs["C1"] = full()
		api.before = func(ctx context.Context) { wait(ctx, time.Second) }
		var all []*Catalog
		for range n {
			all = append(all, another(t, e, cfg, api))
		}
		f(t, e, all, api)
	})
}

// another is one more catalog of a machine of its own.
func another(t *testing.T, e *spoiled.Engines, cfg Config, api API) *Catalog {
	t.Helper()
	cfg.Dir, cfg.Pool = t.TempDir(), e.Join(t)
	return open(t, cfg, api)
}

// lookAt looks at everything, as a looker does.
func lookAt(t *testing.T, c *Catalog) {
	t.Helper()
	if _, err := c.Contracts(t.Context()); err != nil {
		t.Error(err)
	}
	if l, err := c.Listing(t.Context(), "C1"); err != nil || l.Stale != nil || len(l.Documents) != len(full()) {
		t.Errorf("%+v, %v", l, err)
	}
	if d, err := c.Detail(t.Context(), "C1"); err != nil || d.Stale != nil {
		t.Errorf("%+v, %v", d, err)
	}
}

func TestManyMachinesAskOnce(t *testing.T) {
	for _, front := range []bool{false, true} {
		fleet(t, 16, Config{Foreground: front}, func(t *testing.T, e *spoiled.Engines, all []*Catalog, api *fakeAPI) {
			for round := range 3 { // on an empty cache, and when it is due
				atOnce(all, func(c *Catalog) { lookAt(t, c) })
				wantCalls(t, api, "contracts", round+1)
				wantCalls(t, api, "documents", 7*(round+1))
				wantCalls(t, api, "contract", round+1)
				time.Sleep(3 * ttl)
			}
			lookAt(t, all[0])
			time.Sleep(time.Minute)
			api.reset()
			lookAt(t, another(t, e, Config{}, api))
			wantCalls(t, api, "", 0)
		})
	}
}

// What is withdrawn from one machine is shown by none a few seconds later, nor can a new one
// have it of the pool: the description neither, nor a listing of some types.
func TestWhatIsWithdrawnIsWithdrawnFromAllMachines(t *testing.T) {
	for _, cause := range []error{apiclient.ErrForbidden, apiclient.ErrNotFound} {
		fleet(t, 4, Config{}, func(t *testing.T, e *spoiled.Engines, all []*Catalog, api *fakeAPI) {
			some := another(t, e, Config{Types: []string{billing.TypeBills}}, api)
			mustList(t, some, "C1")
			for _, c := range all {
				lookAt(t, c)
			}
			time.Sleep(heardAfter)
			if n := len(e.Names(t, "l/")); n != 4 {
				t.Errorf("%q", e.Names(t, "l/"))
			}
			api.set(func() { api.fail = errorFor(cause, append(billing.Types(), "")...) })
			api.reset()
			if err := all[0].Refresh(t.Context(), "C1"); !errors.Is(err, cause) {
				t.Fatal(err)
			}
			time.Sleep(heardAfter)
			for i, c := range append(all, another(t, e, Config{}, api)) {
				if l, err := c.Listing(t.Context(), "C1"); !errors.Is(err, cause) {
					t.Errorf("%d: %v, %v", i, l, err)
				}
				if d, err := c.Detail(t.Context(), "C1"); !errors.Is(err, cause) {
					t.Errorf("%d: %v, %v", i, d, err)
				}
			}
			wantCalls(t, api, "documents", 7)
			if names := e.Names(t, "l/"); len(names) != 2 { // the contracts, and the refusal
				t.Errorf("%q", names)
			}
			api.set(func() { api.fail = nil })
			if err := all[1].Refresh(t.Context(), "C1"); err != nil {
				t.Fatal(err)
			}
			time.Sleep(heardAfter)
			for _, c := range all {
				lookAt(t, c)
			}
			wantCalls(t, api, "documents", 2*7)
		})
	}
}

// What one machine has found out the others tell of, each on its own.
func TestAChangeIsToldOnEachMachine(t *testing.T) {
	fleet(t, 3, Config{}, func(t *testing.T, _ *spoiled.Engines, all []*Catalog, api *fakeAPI) {
		got := make([]*told, len(all))
		for i, c := range all {
			got[i] = &told{}
			c.OnChange(got[i].add)
			lookAt(t, c)
		}
		more := append(full(), apiclient.Document{ID: "new", Type: billing.TypeBills, Period: "202611", Filename: "n.pdf"})
		api.set(func() { api.docs["C1"] = more })
		time.Sleep(3 * ttl)
		for i, c := range all {
			got[i].take()
			if l := mustList(t, c, "C1"); len(l.Documents) != len(more) || l.Stale != nil {
				t.Errorf("%d: %d documents, %v", i, len(l.Documents), l.Stale)
			}
			settle()
			n := 0
			for _, ch := range got[i].take() {
				if ch.ContractID == "C1" && ch.Old != nil && ch.New != nil && ch.New.Find("new") != nil {
					n++
				}
			}
			if n != 1 {
				t.Errorf("%d was told %d times", i, n)
			}
		}
		wantCalls(t, api, "documents", 2*7)
	})
}

// A type of which nothing is listed any more is doubted for an hour by all machines
// together, whoever asks, and then gone for all of them since the same time.
func TestWhatIsGoneIsGoneForAllMachines(t *testing.T) {
	fleet(t, 3, Config{}, func(t *testing.T, e *spoiled.Engines, all []*Catalog, api *fakeAPI) {
		for _, c := range all {
			lookAt(t, c)
		}
		api.set(func() {
			api.docs["C1"] = slices.DeleteFunc(full(), func(d apiclient.Document) bool { return d.Type == billing.TypeInvoices })
		})
		began := time.Now()
		for turn := 0; time.Since(began) < emptyBelieved; turn++ {
			time.Sleep(2*ttl + time.Second)
			if l := mustList(t, all[turn%len(all)], "C1"); time.Since(began) < emptyBelieved && (len(l.Documents) != len(full()) || !strings.Contains(l.Suspect, "nothing is listed")) {
				t.Errorf("turn %d: %d documents, %q", turn, len(l.Documents), l.Suspect)
			}
		}
		time.Sleep(2*ttl + time.Second)
		since := ""
		for i, c := range append(all, another(t, e, Config{}, api)) {
			l := mustList(t, c, "C1")
			if len(l.Gone) != 1 || l.Gone[0].Documents != 3 || since != "" && fmt.Sprint(l.Gone[0].Since) != since {
				t.Errorf("%d: %+v, want since %v", i, l.Gone, since)
				continue
			}
			since = fmt.Sprint(l.Gone[0].Since)
			n := 0
			for _, s := range c.Unsaid() {
				if s.Kind == Gone {
					n++
				}
			}
			if n != 1 {
				t.Errorf("%d: said %d times", i, n)
			}
		}
	})
}

// A bucket that is what it was before brings nothing back that was withdrawn, and has nothing
// vanish, where it is known better; and a new machine believes it for as long as what it is.
func TestABucketThatIsSetBack(t *testing.T) {
	fleet(t, 2, Config{}, func(t *testing.T, e *spoiled.Engines, all []*Catalog, api *fakeAPI) {
		for _, c := range all {
			lookAt(t, c)
		}
		time.Sleep(heardAfter)
		old := e.Save(t)
		more := append(full(), apiclient.Document{ID: "new", Type: billing.TypeBills, Period: "202611", Filename: "n.pdf"})
		api.set(func() { api.docs["C1"] = more })
		time.Sleep(3 * ttl)
		for _, c := range all {
			mustList(t, c, "C1")
		}
		settle()
		e.Restore(t, old)
		for range 3 {
			for i, c := range all {
				if l := mustList(t, c, "C1"); len(l.Documents) != len(more) || l.Suspect != "" {
					t.Errorf("%d: %d documents, %q", i, len(l.Documents), l.Suspect)
				}
			}
			time.Sleep(3 * ttl)
		}
		if l := mustList(t, another(t, e, Config{}, api), "C1"); len(l.Documents) != len(more) {
			t.Errorf("%d documents", len(l.Documents))
		}

		// The same, where access was withdrawn meanwhile.
		young := e.Save(t)
		api.set(func() { api.fail = errorFor(apiclient.ErrForbidden, append(billing.Types(), "")...) })
		_ = all[0].Refresh(t.Context(), "C1")
		time.Sleep(heardAfter)
		e.Restore(t, young)
		e.Coordinator.Forget()
		time.Sleep(heardAfter)
		late := another(t, e, Config{}, api)
		if l, err := late.Listing(t.Context(), "C1"); err != nil && !errors.Is(err, apiclient.ErrForbidden) {
			t.Errorf("%v, %v", l, err)
		}
		for range 3 {
			for i, c := range all {
				if l, err := c.Listing(t.Context(), "C1"); !errors.Is(err, apiclient.ErrForbidden) {
					t.Errorf("%d: %v, %v", i, l, err)
				}
			}
			time.Sleep(2*ttl + time.Second)
		}
		if l, err := late.Listing(t.Context(), "C1"); !errors.Is(err, apiclient.ErrForbidden) {
			t.Errorf("%v, %v", l, err)
		}
	})
}
