package catalog

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"ccsfs/apiclient"
	"ccsfs/internal/billing"
	"ccsfs/internal/catalog/fresh"
)

// goneRig is an account of three contracts of which some go, seen by one process
// after the other.
type goneRig struct {
	t   *testing.T
	cfg Config
	api *fakeAPI
	all []apiclient.Contract
	out *logs
}

func newGoneRig(t *testing.T, dir string) *goneRig {
	api, out := newFake("C1", "C2", "C3"), &logs{}
	return &goneRig{t, Config{Dir: dir, Logger: out.logger()}, api, api.contracts, out}
}

// lists says which contracts the API lists.
func (r *goneRig) lists(ids ...string) {
	r.api.set(func() {
		r.api.contracts = slices.DeleteFunc(slices.Clone(r.all), func(c apiclient.Contract) bool { return !slices.Contains(ids, c.ID) })
	})
}

// ask asks afresh, in a process of its own, and returns which contracts are gone.
func (r *goneRig) ask() []string {
	r.t.Helper()
	c := open(r.t, r.cfg, r.api)
	defer c.Close()
	if err := c.Refresh(r.t.Context(), ""); err != nil {
		r.t.Fatal(err)
	}
	return r.gone(c)
}

func (r *goneRig) gone(c *Catalog) []string {
	r.t.Helper()
	list, err := c.Contracts(r.t.Context())
	if err != nil {
		r.t.Fatal(err)
	}
	var ids, short, stats []string
	for _, g := range list.Gone {
		ids = append(ids, g.ID+" "+g.Since.UTC().Format(time.DateOnly))
	}
	for _, s := range c.Unsaid() {
		if s.Kind == Gone {
			short = append(short, s.Err.Error())
		}
	}
	for _, p := range c.Stats().Gone {
		if p.Op == opContracts {
			stats = append(stats, p.Cause)
		}
	}
	if !slices.Equal(short, stats) || len(short) != len(ids) {
		r.t.Errorf("gone %q, shortfalls %q, status %q", ids, short, stats)
	}
	for i, g := range list.Gone {
		if want := "contract " + g.ID + " (contract " + g.ID + ") is not listed any more since " + g.Since.UTC().Format(time.DateOnly); short[i] != want {
			r.t.Errorf("said %q, want %q", short[i], want)
		}
	}
	return ids
}

func (r *goneRig) want(got []string, want ...string) {
	r.t.Helper()
	if !slices.Equal(got, want) {
		r.t.Errorf("gone %q, want %q", got, want)
	}
}

// A contract that is not listed any more is told of by whoever gets the list, in
// every process and for five weeks; asked for once more it is but once.
func TestAContractThatIsGoneIsToldOf(t *testing.T) {
	dir := t.TempDir()
	synctest.Test(t, func(t *testing.T) { // which begins on 2000-01-01
		r := newGoneRig(t, dir)
		r.want(r.ask())
		r.lists("C1", "C3")
		r.api.reset()
		r.want(r.ask(), "C2 2000-01-01")
		wantCalls(t, r.api, "contracts", 2)
		r.api.reset()
		for range 34 {
			time.Sleep(24 * time.Hour)
			r.want(r.ask(), "C2 2000-01-01")
		}
		wantCalls(t, r.api, "contracts", 34)
		offline := open(t, Config{Dir: dir, Offline: true}, r.api)
		r.want(r.gone(offline), "C2 2000-01-01")
		only := open(t, Config{Dir: dir, Offline: true, Contracts: []string{"C1"}}, r.api)
		r.want(r.gone(only))
		r.lists("C1")
		r.want(r.ask(), "C2 2000-01-01", "C3 2000-02-04")
		time.Sleep(24 * time.Hour)
		r.want(r.ask(), "C3 2000-02-04")
	})
}

// What is back is not gone, and may go again.
func TestAContractThatComesBackIsNotGone(t *testing.T) {
	dir := t.TempDir()
	synctest.Test(t, func(t *testing.T) {
		r := newGoneRig(t, dir)
		r.ask()
		r.lists("C1", "C2")
		r.want(r.ask(), "C3 2000-01-01")
		r.lists("C1", "C2", "C3")
		r.want(r.ask())
		time.Sleep(72 * time.Hour)
		r.lists("C1", "C2")
		r.want(r.ask(), "C3 2000-01-04")
	})
}

// The log says it once, however often the list is asked for, and also in a process
// that learns it from another one.
func TestAContractThatIsGoneIsLoggedOnce(t *testing.T) {
	dir := t.TempDir()
	synctest.Test(t, func(t *testing.T) {
		r := newGoneRig(t, dir)
		c, out := open(t, r.cfg, r.api), &logs{}
		other := open(t, Config{Dir: dir, Logger: out.logger()}, r.api)
		r.want(r.gone(c))
		r.want(r.gone(other))
		r.lists("C1", "C3")
		time.Sleep(fresh.LookEvery) // two lists of one nanosecond are one
		for range 3 {
			if err := c.Refresh(t.Context(), ""); err != nil {
				t.Fatal(err)
			}
			settle()
			time.Sleep(2 * fresh.LookEvery)
			r.want(r.gone(other), "C2 2000-01-01")
		}
		for _, l := range []*logs{r.out, out} {
			if n := l.count("level=WARN msg=\"a contract is not listed any more\" contract=C2 name=\"contract C2\""); n != 1 {
				t.Errorf("said %d times:\n%s", n, l.b.String())
			}
		}
	})
}

// A part that says so takes nothing away, nor does a contract that is refused, nor
// hiding one; a list that comes after the account was locked out is compared, too.
func TestWhatIsNotGone(t *testing.T) {
	dir := t.TempDir()
	synctest.Test(t, func(t *testing.T) {
		r := newGoneRig(t, dir)
		r.ask()
		r.api.set(func() { r.api.tells = true })
		r.want(r.ask())
		r.api.set(func() {
			r.api.tells = false
			r.api.fail = func(k call) error {
				if k.contract == "C2" {
					return apiclient.ErrForbidden
				}
				return nil
			}
		})
		r.want(r.ask())
		r.cfg.Contracts = []string{"C1"}
		r.want(r.ask())
		r.cfg.Contracts = nil
		r.want(r.ask())

		c := open(t, r.cfg, r.api)
		r.want(r.gone(c))
		r.api.set(func() { r.api.fail = func(call) error { return apiclient.ErrUnauthorized } })
		if err := c.Refresh(t.Context(), ""); err == nil {
			t.Error("refreshed in a lockout")
		}
		r.api.set(func() { r.api.fail = nil })
		r.lists("C1", "C3")
		if err := c.Refresh(t.Context(), ""); err != nil {
			t.Fatal(err)
		}
		r.want(r.gone(c), "C2 2000-01-01")
	})
}

// Where all are gone at once they are still shown for an hour. Of those that are not
// there when some come back, and of all when none does, it is told since when.
func TestContractsThatWentAllAtOnceAreGone(t *testing.T) {
	for title, back := range map[string][]string{"some": {"C2"}, "none": nil} {
		dir := t.TempDir()
		synctest.Test(t, func(t *testing.T) {
			r := newGoneRig(t, dir)
			r.ask()
			time.Sleep(23*time.Hour + 30*time.Minute)
			r.lists()
			r.want(r.ask())
			time.Sleep(40 * time.Minute)
			r.want(r.ask())
			if back == nil {
				time.Sleep(40 * time.Minute)
				r.want(r.ask(), "C1 2000-01-01", "C2 2000-01-01", "C3 2000-01-01")
				return
			}
			r.lists(back...)
			r.api.reset()
			r.want(r.ask(), "C1 2000-01-02", "C3 2000-01-02")
			if n := r.api.count("contracts"); n != 2 {
				t.Errorf("%s: %d calls", title, n)
			}
		})
	}
}

// A list that an earlier version saved counts, and what it cannot know is nothing.
func TestContractsSavedByAnEarlierVersion(t *testing.T) {
	dir := t.TempDir()
	old := `{"fetched_at":"2000-01-01T00:00:00Z","contracts":[{"id":"C1","name":"contract C1"},{"id":"C2","name":"contract C2"}]}`
	if err := os.WriteFile(filepath.Join(dir, contractsFile), fresh.Seal(magic, []byte(old)), 0o600); err != nil {
		t.Fatal(err)
	}
	synctest.Test(t, func(t *testing.T) {
		r := newGoneRig(t, dir)
		r.want(r.gone(open(t, Config{Dir: dir, Offline: true}, r.api)))
		r.lists("C1")
		r.want(r.ask(), "C2 2000-01-01")
		if n := r.out.count("does not count"); n != 0 {
			t.Errorf("%s", r.out.b.String())
		}
		data, err := os.ReadFile(filepath.Join(dir, contractsFile))
		if err != nil || !strings.Contains(string(data), `"gone":[{"id":"C2","name":"contract C2","since":"2000-01-01T00:00:00Z"}]`) {
			t.Errorf("%s, %v", data, err)
		}
	})
}

// A clock that was ahead when a contract went makes it gone no longer.
func TestGoneSinceTheFuture(t *testing.T) {
	dir := t.TempDir()
	synctest.Test(t, func(t *testing.T) {
		r := newGoneRig(t, dir)
		r.ask()
		r.lists("C1", "C3")
		r.cfg.Now = func() time.Time { return time.Now().Add(30 * 24 * time.Hour) }
		r.want(r.ask(), "C2 2000-01-31")
		r.cfg.Now = nil
		r.want(r.ask(), "C2 2000-01-01")
	})
}

// All documents of a type that are gone, once that is believed, are told of by whoever
// gets the listing, for five weeks since they went; not those of the month, and not any
// more once there is one again.
func TestATypeThatIsGoneIsToldOf(t *testing.T) {
	dir := t.TempDir()
	synctest.Test(t, func(t *testing.T) {
		r := newGoneRig(t, dir)
		r.api.docs["C1"] = full()
		want := func(texts ...string) {
			t.Helper()
			c := open(t, r.cfg, r.api)
			defer c.Close()
			if err := c.Refresh(t.Context(), "C1"); err != nil {
				t.Fatal(err)
			}
			l := mustList(t, c, "C1")
			var got, short, stats []string
			for _, g := range l.Gone {
				got = append(got, g.String())
			}
			for _, s := range c.Unsaid() {
				if s.Kind == Gone {
					short = append(short, s.Err.Error())
				}
			}
			for _, p := range c.Stats().Gone {
				stats = append(stats, strings.TrimPrefix(p.Cause, "C1: "))
			}
			said := "[C1: " + strings.Join(texts, "; ") + "]"
			if len(texts) == 0 {
				said = "[]"
			}
			if !slices.Equal(got, texts) || !slices.Equal(stats, texts) || fmt.Sprint(short) != said || l.Old {
				t.Errorf("gone %q, status %q, said %q, old %v, want %q", got, stats, short, l.Old, texts)
			}
		}
		hides := func(types ...string) {
			r.api.set(func() { r.api.null = func(k call) bool { return k.op == "documents" && slices.Contains(types, k.typ) } })
		}
		if err := open(t, r.cfg, r.api).Refresh(t.Context(), "C1"); err != nil {
			t.Fatal(err)
		}
		time.Sleep(time.Second)
		hides(billing.TypeInvoices, billing.TypePartialBills, "")
		if err := open(t, r.cfg, r.api).Refresh(t.Context(), "C1"); err != nil {
			t.Fatal(err)
		}
		time.Sleep(3 * time.Hour)
		for range 34 {
			// (The query of no type hides those of types that are not known, too.)
			want("2 documents of type credits are not listed any more since 2000-01-01", "3 documents of type invoices are not listed any more since 2000-01-01")
			time.Sleep(24 * time.Hour)
		}
		if n := r.out.count("level=WARN msg=\"documents are not listed any more\" contract=C1 type=invoices documents=3"); n != 34 {
			t.Errorf("said %d times in 34 processes", n)
		}
		hides()
		r.api.set(func() {
			r.api.docs["C1"] = slices.DeleteFunc(full(), func(d apiclient.Document) bool { return d.Type == billing.TypeInvoices })
		})
		want("3 documents of type invoices are not listed any more since 2000-01-01")
		time.Sleep(24 * time.Hour)
		want()
	})
}

// Whoever was locked out, and is let in again with fewer rights, is not taken for
// somebody who had none before.
func TestATypeThatIsEmptyAfterALockout(t *testing.T) {
	dir := t.TempDir()
	bubble(t, Config{Dir: dir}, func(t *testing.T, c *Catalog, api *fakeAPI) {
		api.set(func() { api.docs["C1"] = full() })
		if err := c.Refresh(t.Context(), "C1"); err != nil {
			t.Fatal(err)
		}
		api.set(func() { api.fail = func(call) error { return apiclient.ErrUnauthorized } })
		if err := c.Refresh(t.Context(), "C1"); err == nil {
			t.Error("refreshed in a lockout")
		}
		api.set(func() {
			api.fail = nil
			api.null = func(k call) bool { return k.typ == billing.TypeInvoices || k.typ == "" && k.op == "documents" }
		})
		if err := c.Refresh(t.Context(), "C1"); err != nil {
			t.Fatal(err)
		}
		if l := mustList(t, c, "C1"); count(l, billing.TypeInvoices) != 3 || !l.Old {
			t.Errorf("%d invoices, old %v", count(l, billing.TypeInvoices), l.Old)
		}
	})
}

// What is looked at once a quarter is told of once at least, too: what was believed to be
// there at the last look is news at this one.
func TestWhatIsBelievedLateIsToldOf(t *testing.T) {
	dir := t.TempDir()
	synctest.Test(t, func(t *testing.T) {
		r := newGoneRig(t, dir)
		r.api.docs["C1"] = full()
		look := func() *Listing {
			t.Helper()
			time.Sleep(90 * 24 * time.Hour)
			c := open(t, r.cfg, r.api)
			defer c.Close()
			if err := c.Refresh(t.Context(), "C1"); err != nil {
				t.Fatal(err)
			}
			return mustList(t, c, "C1")
		}
		look()
		r.ask()
		r.api.set(func() {
			r.api.docs["C1"] = slices.DeleteFunc(full(), func(d apiclient.Document) bool { return d.Type == billing.TypeInvoices })
		})
		if l := look(); !l.Old || len(l.Gone) != 0 {
			t.Errorf("old %v, gone %+v", l.Old, l.Gone)
		}
		if l := look(); l.Old || len(l.Gone) != 1 || !l.Gone[0].Since.Equal(l.FetchedAt) {
			t.Errorf("old %v, gone %+v", l.Old, l.Gone)
		}
		r.lists()
		r.want(r.ask())
		time.Sleep(90 * 24 * time.Hour)
		day := time.Now().UTC().Format(time.DateOnly)
		r.want(r.ask(), "C1 "+day, "C2 "+day, "C3 "+day)
	})
}

// A mount whose clock was set back compares with what others saved since it looked last,
// though that is of the future now.
func TestGoneWhereAClockIsSetBack(t *testing.T) {
	dir := t.TempDir()
	synctest.Test(t, func(t *testing.T) {
		r := newGoneRig(t, dir)
		var skew time.Duration
		r.cfg.Now = func() time.Time { return time.Now().Add(skew) }
		r.api.docs["C1"] = full()
		r.lists("C1", "C2")
		mount := open(t, r.cfg, r.api)
		r.want(r.gone(mount))
		few := func() {
			r.api.docs["C1"] = slices.DeleteFunc(full(), func(d apiclient.Document) bool { return d.Type == billing.TypeInvoices })
		}
		r.api.set(few)
		mustList(t, mount, "C1")
		time.Sleep(90 * time.Minute)
		r.lists("C1", "C2", "C3")
		r.api.set(func() { r.api.docs["C1"] = full() })
		other := open(t, r.cfg, r.api)
		r.want(r.gone(other))
		mustList(t, other, "C1")
		time.Sleep(time.Minute)
		r.lists("C1", "C2")
		r.want(r.ask(), "C3 2000-01-01")
		skew = -time.Hour
		time.Sleep(2 * fresh.LookEvery)
		r.api.set(few)
		if err := mount.Refresh(t.Context(), ""); err != nil {
			t.Fatal(err)
		}
		settle()
		r.want(r.gone(mount), "C3 2000-01-01")
		if l := mustList(t, mount, "C1"); !l.Old {
			t.Error("nobody knows that there were invoices")
		}
	})
}

// What others saved by a clock that had been set back is older than what a mount has in
// memory, and was saved since all the same.
func TestGoneAfterAClockWasSetBack(t *testing.T) {
	dir := t.TempDir()
	synctest.Test(t, func(t *testing.T) {
		r := newGoneRig(t, dir)
		var skew time.Duration
		r.cfg.Now = func() time.Time { return time.Now().Add(skew) }
		few := slices.DeleteFunc(full(), func(d apiclient.Document) bool { return d.Type == billing.TypeInvoices })
		r.api.docs["C1"] = few
		r.lists("C1")
		mount := open(t, r.cfg, r.api)
		r.want(r.gone(mount))
		mustList(t, mount, "C1")
		skew = -time.Hour
		time.Sleep(2 * fresh.LookEvery)
		r.lists("C1", "C2")
		r.api.set(func() { r.api.docs["C1"] = full() })
		other := open(t, r.cfg, r.api)
		if err := other.Refresh(t.Context(), ""); err != nil {
			t.Fatal(err)
		}
		if err := other.Refresh(t.Context(), "C1"); err != nil {
			t.Fatal(err)
		}
		other.Close()
		r.lists("C1")
		r.api.set(func() { r.api.docs["C1"] = few })
		time.Sleep(24 * time.Hour)
		if err := mount.Refresh(t.Context(), ""); err != nil {
			t.Fatal(err)
		}
		settle()
		r.want(r.gone(mount), "C2 2000-01-01")
		if l := mustList(t, mount, "C1"); !l.Old {
			t.Error("nobody knows that there were invoices")
		}
	})
}
