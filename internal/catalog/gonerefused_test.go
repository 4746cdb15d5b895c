package catalog

import (
	"errors"
	"os"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"ccsfs/apiclient"
	"ccsfs/internal/billing"
)

// refuses makes all calls fail, for processes that ask once and end; nil: none.
func (r *goneRig) refuses(err error) {
	r.t.Helper()
	r.api.set(func() { r.api.fail = nil })
	if err == nil {
		return
	}
	r.api.set(func() { r.api.fail = func(call) error { return err } })
	for range 2 { // also one that finds it refused
		c := open(r.t, r.cfg, r.api)
		if got := c.Refresh(r.t.Context(), ""); !errors.Is(got, err) {
			r.t.Errorf("refreshed: %v", got)
		}
		_, got := c.Contracts(r.t.Context())
		if !errors.Is(got, err) {
			r.t.Errorf("list: %v", got)
		}
		c.Close()
	}
}

// A list of contracts that was refused for a while is compared with the one of before:
// it is when rights are changed that contracts are lost. What was gone by then is news
// still.
func TestContractsThatAreGoneAfterARefusal(t *testing.T) {
	for _, cause := range []error{apiclient.ErrForbidden, apiclient.ErrNotFound} {
		dir := t.TempDir()
		synctest.Test(t, func(t *testing.T) {
			r := newGoneRig(t, dir)
			r.ask()
			r.lists("C1", "C2")
			r.want(r.ask(), "C3 2000-01-01")
			r.refuses(cause)
			time.Sleep(24 * time.Hour)
			r.refuses(nil)
			r.lists("C1")
			r.want(r.ask(), "C2 2000-01-02", "C3 2000-01-01")
			r.refuses(cause)
			r.refuses(nil)
			r.lists("C1", "C2")
			r.want(r.ask(), "C3 2000-01-01")
		})
	}
}

// A mount that goes on through it tells it, too.
func TestContractsThatAreGoneAfterARefusalOfAMount(t *testing.T) {
	dir := t.TempDir()
	synctest.Test(t, func(t *testing.T) {
		r := newGoneRig(t, dir)
		c := open(t, r.cfg, r.api)
		r.want(r.gone(c))
		r.api.set(func() { r.api.fail = func(call) error { return apiclient.ErrForbidden } })
		if err := c.Refresh(t.Context(), ""); !errors.Is(err, apiclient.ErrForbidden) {
			t.Error(err)
		}
		r.api.set(func() { r.api.fail = nil })
		r.lists("C1", "C3")
		if err := c.Refresh(t.Context(), ""); err != nil {
			t.Error(err)
		}
		r.want(r.gone(c), "C2 2000-01-01")
	})
}

// Of a contract that was refused for a while it is known how many documents of each type
// it had, and no more: those that there are none of afterwards are told of.
func TestTypesThatAreGoneAfterARefusal(t *testing.T) {
	for _, mount := range []bool{false, true} {
		dir := t.TempDir()
		synctest.Test(t, func(t *testing.T) {
			r := newGoneRig(t, dir)
			r.api.docs["C1"] = full()
			var kept *Catalog
			process := func() *Catalog {
				if !mount {
					return open(t, r.cfg, r.api)
				}
				if kept == nil {
					kept = open(t, r.cfg, r.api)
				}
				return kept
			}
			refresh := func(want error) *Catalog {
				c := process()
				if err := c.Refresh(t.Context(), "C1"); !errors.Is(err, want) {
					t.Errorf("refresh: %v", err)
				}
				settle()
				return c
			}
			refresh(nil)
			forbid := func(k call) error {
				if k.op == "documents" {
					return apiclient.ErrForbidden
				}
				return nil
			}
			for range 2 {
				r.api.set(func() { r.api.fail = forbid })
				refresh(apiclient.ErrForbidden)
				refresh(apiclient.ErrForbidden)
				r.api.set(func() {
					r.api.fail = nil
					r.api.docs["C1"] = slices.DeleteFunc(full(), func(d apiclient.Document) bool {
						return d.Type == billing.TypeInvoices || d.Type == billing.TypePartialBills
					})
				})
				l := mustList(t, refresh(nil), "C1")
				if l.Old || l.goneText() != "3 documents of type invoices are not listed any more since 2000-01-01" {
					t.Errorf("mount %v: old %v, gone %q", mount, l.Old, l.goneText())
				}
			}
			r.api.set(func() { r.api.docs["C1"] = full() })
			if l := mustList(t, refresh(nil), "C1"); len(l.Gone) > 0 {
				t.Errorf("it is back: %+v", l.Gone)
			}
		})
	}
}

// What is refused leaves the names of no documents behind.
func TestRefusalsKeepNoNames(t *testing.T) {
	dir := t.TempDir()
	synctest.Test(t, func(t *testing.T) {
		r := newGoneRig(t, dir)
		r.api.docs["C1"] = full()
		c := open(t, r.cfg, r.api)
		mustList(t, c, "C1")
		r.api.set(func() { r.api.fail = func(k call) error { return apiclient.ErrForbidden } })
		if err := c.Refresh(t.Context(), "C1"); !errors.Is(err, apiclient.ErrForbidden) {
			t.Error(err)
		}
		c.Close()
		data, err := os.ReadFile(dir + "/" + listingFile("C1", nil))
		if err != nil || strings.Contains(string(data), ".pdf") || !strings.Contains(string(data), "invoices") {
			t.Errorf("%s, %v", data, err)
		}
	})
}

// A type that was refused for a while, and is answered by nothing then, is told of.
func TestATypeThatIsEmptyAfterItsRefusal(t *testing.T) {
	dir := t.TempDir()
	synctest.Test(t, func(t *testing.T) {
		r := newGoneRig(t, dir)
		refresh := func() *Listing {
			time.Sleep(time.Minute)
			c := open(t, r.cfg, r.api)
			defer c.Close()
			if err := c.Refresh(t.Context(), "C1"); err != nil {
				t.Fatal(err)
			}
			return mustList(t, c, "C1")
		}
		r.api.docs["C1"] = full()
		refresh()
		r.api.set(func() { r.api.fail = errorFor(apiclient.ErrForbidden, billing.TypeInvoices, "") })
		for range 2 {
			if l := refresh(); !slices.Equal(l.Refused, []string{billing.TypeInvoices}) || len(l.Gone) > 0 {
				t.Errorf("refused %q, gone %q", l.Refused, l.goneText())
			}
		}
		r.api.set(func() {
			r.api.fail = nil
			r.api.docs["C1"] = slices.DeleteFunc(full(), func(d apiclient.Document) bool { return d.Type == billing.TypeInvoices })
		})
		for range 2 {
			if l := refresh(); l.Refused != nil || l.goneText() != "3 documents of type invoices are not listed any more since 2000-01-01" {
				t.Errorf("refused %q, gone %q", l.Refused, l.goneText())
			}
		}
		r.api.set(func() { r.api.docs["C1"] = full() })
		if l := refresh(); len(l.Gone) > 0 {
			t.Errorf("it is back: %q", l.goneText())
		}
	})
}
