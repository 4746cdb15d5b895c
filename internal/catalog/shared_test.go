package catalog

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"ccsfs/apiclient"
	"ccsfs/internal/billing"
	"ccsfs/internal/catalog/fresh"
	"ccsfs/internal/lease"
)

// pair runs a test on a clock of its own, with catalogs that share a directory
// as processes do, and an API that takes a second to answer.
func pair(t *testing.T, n int, cfg Config, f func(t *testing.T, all []*Catalog, api *fakeAPI)) {
	t.Helper()
	cfg.Dir = t.TempDir()
	synctest.Test(t, func(t *testing.T) {
		api := newFake("C1", "C2")
		api.docs["C1"] = monthly(billing.TypeBills, 11, 1)
		api.before = func(ctx context.Context) { wait(ctx, time.Second) }
		var all []*Catalog
		for range n {
			all = append(all, open(t, cfg, api))
		}
		f(t, all, api)
	})
}

// atOnce runs f for each catalog at once.
func atOnce(all []*Catalog, f func(c *Catalog)) {
	var wg sync.WaitGroup
	for _, c := range all {
		wg.Go(func() { f(c) })
	}
	wg.Wait()
}

func TestManyProcessesAskOnce(t *testing.T) {
	for _, n := range []int{2, 4} {
		for _, front := range []bool{false, true} {
			pair(t, n, Config{Foreground: front}, func(t *testing.T, all []*Catalog, api *fakeAPI) {
				for round := range 3 { // on an empty cache, and when it is due
					atOnce(all, func(c *Catalog) {
						if _, err := c.Contracts(t.Context()); err != nil {
							t.Error(err)
						}
						if l := mustList(t, c, "C1"); l.Stale != nil || len(l.Documents) != 11 || time.Since(l.FetchedAt) > ttl {
							t.Errorf("%d documents, stale %v, of %v", len(l.Documents), l.Stale, l.FetchedAt)
						}
						if d, err := c.Detail(t.Context(), "C1"); err != nil || d.Stale != nil {
							t.Error(err)
						}
					})
					wantCalls(t, api, "contracts", round+1)
					wantCalls(t, api, "documents", 7*(round+1))
					wantCalls(t, api, "contract", round+1)
					time.Sleep(3 * ttl)
				}
			})
		}
	}
}

// What one process has refreshed the others show, and tell of the change,
// though what they have is still young.
func TestARefreshIsSeenByTheOthers(t *testing.T) {
	pair(t, 2, Config{}, func(t *testing.T, all []*Catalog, api *fakeAPI) {
		a, b := all[0], all[1]
		got := &told{}
		b.OnChange(got.add)
		mustList(t, a, "C1")
		mustList(t, b, "C1")
		settle()
		api.reset()
		api.set(func() { api.docs["C1"] = monthly(billing.TypeBills, 12, 1) })
		if err := a.Refresh(t.Context(), "C1"); err != nil {
			t.Fatal(err)
		}
		settle()
		time.Sleep(fresh.LookEvery)
		if l, err := b.Known("C1"); err != nil || len(l.Documents) != 12 {
			t.Errorf("%d documents, %v", len(l.Documents), err)
		}
		if l := got.take(); len(l) != 1 || len(l[0].Old.Documents) != 11 || len(l[0].New.Documents) != 12 {
			t.Errorf("told %+v", l)
		}
		wantCalls(t, api, "documents", 7)
	})
}

// A refresh that was asked for is not answered by what was asked before, but
// by what another process asked since.
func TestForcedRefreshesShareWhatIsYounger(t *testing.T) {
	pair(t, 4, Config{}, func(t *testing.T, all []*Catalog, api *fakeAPI) {
		mustList(t, all[0], "C1")
		api.reset()
		var wg sync.WaitGroup
		for i, c := range all {
			wg.Go(func() {
				time.Sleep(time.Duration(i) * 100 * time.Millisecond)
				asked := time.Now()
				if err := c.Refresh(t.Context(), "C1"); err != nil {
					t.Error(err)
				}
				if l := mustList(t, c, "C1"); l.FetchedAt.Before(asked) {
					t.Errorf("%d was given what was asked for %v before", i, asked.Sub(l.FetchedAt))
				}
			})
		}
		wg.Wait()
		wantCalls(t, api, "documents", 2*7) // the first, and one for all who came meanwhile
		// The same within a process.
		api.reset()
		c := all[0]
		for i := range 4 {
			wg.Go(func() {
				time.Sleep(time.Duration(i) * 100 * time.Millisecond)
				asked := time.Now()
				if err := c.Refresh(t.Context(), "C1"); err != nil {
					t.Error(err)
				}
				if l := mustList(t, c, "C1"); l.FetchedAt.Before(asked) {
					t.Errorf("%d of one process was given what was asked for %v before", i, asked.Sub(l.FetchedAt))
				}
			})
		}
		wg.Wait()
		wantCalls(t, api, "documents", 2*7)
	})
}

// What is refused to one process is not shown by the others, nor asked for by
// them before its time; and it is back for all when it is for one.
func TestARefusalIsSharedAmongProcesses(t *testing.T) {
	for _, cause := range []error{apiclient.ErrForbidden, apiclient.ErrNotFound} {
		pair(t, 3, Config{}, func(t *testing.T, all []*Catalog, api *fakeAPI) {
			a, b, late := all[0], all[1], all[2]
			mustList(t, a, "C1")
			mustList(t, b, "C1")
			if _, err := b.Detail(t.Context(), "C1"); err != nil {
				t.Fatal(err)
			}
			settle()
			api.reset()
			api.set(func() { api.fail = errorFor(cause, append(billing.Types(), "")...) })
			if err := a.Refresh(t.Context(), "C1"); !errors.Is(err, cause) {
				t.Fatal(err)
			}
			settle()
			time.Sleep(fresh.LookEvery)
			for range 3 {
				for _, c := range []*Catalog{b, late} {
					if l, err := c.Known("C1"); !errors.Is(err, cause) {
						t.Errorf("Known: %v, %v", l, err)
					}
					if l, err := c.Listing(t.Context(), "C1"); !errors.Is(err, cause) {
						t.Errorf("%v, %v", l, err)
					} else if !strings.Contains(err.Error(), "not asked again before") {
						t.Errorf("the error does not say until when it is remembered: %v", err)
					}
				}
			}
			wantCalls(t, api, "documents", 7)
			api.set(func() { api.fail = nil })
			if err := late.Refresh(t.Context(), "C1"); err != nil {
				t.Fatal(err)
			}
			settle()
			time.Sleep(fresh.LookEvery)
			for _, c := range all {
				mustList(t, c, "C1")
			}
			wantCalls(t, api, "documents", 14)
		})
	}
}

// A remembered error tells what the API said, as the first one did.
func TestARememberedRefusalTellsWhatTheAPISaid(t *testing.T) {
	dir := t.TempDir()
	api := newFake("C1")
	said := &apiclient.Error{Op: "documents", Status: 403, Code: 50, Message: "m", Description: "d", RequestID: "r"}
	api.fail = func(k call) error {
		if k.op == "documents" {
			return fmt.Errorf("%w: %w", apiclient.ErrForbidden, said)
		}
		return nil
	}
	for _, saved := range []bool{false, true, true} {
		c := open(t, Config{Dir: dir}, api)
		_, err := c.Listing(t.Context(), "C1")
		var e *apiclient.Error
		if !errors.Is(err, apiclient.ErrForbidden) || !errors.As(err, &e) || *e != *said {
			t.Errorf("saved %v: %v", saved, err)
		}
		if n := strings.Count(err.Error(), "not asked again before"); (n == 1) != saved {
			t.Errorf("saved %v: %v", saved, err)
		}
		c.Close()
	}
	if n := api.count("documents"); n != 7 {
		t.Errorf("%d calls", n)
	}
}

// A new process asks for what was refused when its time has come, and with
// other credentials at once.
func TestARefusalIsRememberedForItsTime(t *testing.T) {
	dir := t.TempDir()
	synctest.Test(t, func(t *testing.T) {
		api := newFake("C1")
		api.fail = errorFor(apiclient.ErrForbidden, append(billing.Types(), "")...)
		tries := func(credentials string) (int, error) {
			api.reset()
			c := open(t, Config{Dir: dir, Credentials: func() string { return credentials }}, api)
			_, err := c.Listing(t.Context(), "C1")
			c.Close()
			return api.count("documents"), err
		}
		n, _ := tries("a")
		if n != 7 {
			t.Fatalf("%d calls", n)
		}
		asked := 0
		for range 240 {
			time.Sleep(time.Second)
			n, err := tries("a")
			if !errors.Is(err, apiclient.ErrForbidden) {
				t.Fatal(err)
			}
			asked += n / 7
		}
		if asked != 3 { // at 30, 90, 210 seconds
			t.Errorf("asked %d times in 4 minutes, want 3", asked)
		}
		if n, err := tries("b"); n != 7 || !errors.Is(err, apiclient.ErrForbidden) {
			t.Errorf("other credentials: %d calls, %v", n, err)
		}
		api.set(func() { api.fail = nil })
		if n, err := tries("c"); n != 7 || err != nil {
			t.Errorf("other credentials, which are let in: %d calls, %v", n, err)
		}
		if n, err := tries("a"); n != 0 || err != nil {
			t.Errorf("after that: %d calls, %v", n, err)
		}
	})
}

// Who asks afresh asks also for what was refused before, once.
func TestAfreshAsksForWhatWasRefused(t *testing.T) {
	for _, cause := range []error{apiclient.ErrForbidden, apiclient.ErrUnauthorized} {
		dir := t.TempDir()
		synctest.Test(t, func(t *testing.T) {
			api := newFake("C1")
			api.fail = errorFor(cause, append(billing.Types(), "")...)
			for range 3 {
				api.reset()
				c := open(t, Config{Dir: dir, Afresh: true}, api)
				if _, err := c.Contracts(t.Context()); err != nil { // these are let in, which ends a lockout
					t.Fatal(err)
				}
				for range 2 {
					if _, err := c.Listing(t.Context(), "C1"); !errors.Is(err, cause) {
						t.Error(err)
					}
				}
				wantCalls(t, api, "documents", 7)
				c.Close()
				time.Sleep(time.Second)
			}
			api.set(func() { api.fail = nil })
			mustList(t, open(t, Config{Dir: dir, Afresh: true}, api), "C1")
		})
	}
}

// Wrong credentials are found out by one process for all of them, also for
// those that start later; other credentials are tried at once.
func TestALockoutIsSharedAmongProcesses(t *testing.T) {
	for _, cause := range []error{apiclient.ErrUnauthorized, apiclient.ErrCredentials} {
		dir := t.TempDir()
		synctest.Test(t, func(t *testing.T) {
			api := newFake("C1", "C2")
			start := func(credentials string) *Catalog {
				return open(t, Config{Dir: dir, Credentials: func() string { return credentials }}, api)
			}
			old := start("a")
			mustList(t, old, "C1")
			api.reset()
			api.fail = func(call) error { return cause }
			a := start("a")
			if _, err := a.Listing(t.Context(), "C2"); !errors.Is(err, cause) {
				t.Fatal(err)
			}
			wantCalls(t, api, "", 7)
			for range 3 {
				c := start("a")
				if _, err := c.Listing(t.Context(), "C2"); !errors.Is(err, cause) {
					t.Errorf("%v", err)
				}
				c.Close()
			}
			if _, err := old.Listing(t.Context(), "C2"); !errors.Is(err, cause) {
				t.Errorf("one that was let in before: %v", err)
			}
			wantCalls(t, api, "", 7)
			mustList(t, start("a"), "C1") // saved, and young: nothing was asked

			api.set(func() { api.fail = nil })
			mustList(t, start("b"), "C2")
			wantCalls(t, api, "", 14)
			if err := a.Refresh(t.Context(), "C1"); err != nil { // by name: also while locked out
				t.Fatal(err)
			}
			settle()
			time.Sleep(fresh.LookEvery)
			api.reset()
			if _, err := old.Detail(t.Context(), "C1"); err != nil {
				t.Errorf("after one was let in again: %v", err)
			}
			mustList(t, old, "C2")
		})
	}
}

// Who waited for another process gets what went wrong there, not a time-out of
// its own after it.
func TestAFailureIsSharedByThoseWhoWaited(t *testing.T) {
	pair(t, 4, Config{}, func(t *testing.T, all []*Catalog, api *fakeAPI) {
		for _, c := range all {
			if _, err := c.Contracts(t.Context()); err != nil {
				t.Fatal(err)
			}
		}
		api.reset()
		api.set(func() {
			api.before = func(ctx context.Context) { wait(ctx, 30*time.Second) }
			api.fail = func(call) error { return apiclient.ErrTimeout }
		})
		start := time.Now()
		atOnce(all, func(c *Catalog) {
			if _, err := c.Listing(t.Context(), "C1"); !errors.Is(err, apiclient.ErrTimeout) {
				t.Error(err)
			}
		})
		if d := time.Since(start); d > 31*time.Second {
			t.Errorf("took %v", d)
		}
		wantCalls(t, api, "documents", 7)
		// Once it is over each asks again.
		api.set(func() { api.before, api.fail = nil, nil })
		time.Sleep(fresh.RetryNothing)
		for _, c := range all {
			mustList(t, c, "C1")
		}
	})
}

// A process that stands still, with what the others want in its hands, holds
// them up for a minute, and nobody who has something old or works offline.
func TestAStoppedProcessIsNotWaitedForLong(t *testing.T) {
	dir := t.TempDir()
	synctest.Test(t, func(t *testing.T) {
		api := newFake("C1", "C2")
		c := open(t, Config{Dir: dir}, api)
		mustList(t, c, "C1")
		settle()
		stopped := lease.Open(filepath.Join(dir, fresh.LeasesFile))
		defer stopped.Close()
		for _, id := range []string{"C1", "C2"} {
			l, ok := stopped.Try(listingFile(id, nil))
			if !ok {
				t.Fatal("the lease is not free")
			}
			defer l.Release()
		}
		start := time.Now()
		mustList(t, c, "C2")
		if d := time.Since(start); d != fresh.LeasePatience || d > 2*time.Minute {
			t.Errorf("with nothing to show: %v", d)
		}
		time.Sleep(3 * ttl)
		start = time.Now()
		if l := mustList(t, c, "C1"); l.Stale == nil || time.Since(start) != fresh.Grace {
			t.Errorf("with something old: stale %v after %v", l.Stale, time.Since(start))
		}
		off := open(t, Config{Dir: dir, Offline: true}, api)
		start = time.Now()
		mustList(t, off, "C1")
		if d := time.Since(start); d != 0 {
			t.Errorf("offline: %v", d)
		}
		front := open(t, Config{Dir: dir, Foreground: true, Types: []string{billing.TypeBills}}, api)
		mustList(t, front, "C1")
		if d := time.Since(start); d != 0 {
			t.Errorf("for other types: %v", d)
		}
	})
}

// It has many listings in its hands: those after the first are hardly waited for.
func TestAStoppedProcessIsGivenUpOnce(t *testing.T) {
	dir := t.TempDir()
	synctest.Test(t, func(t *testing.T) {
		var ids []string
		for n := range 20 {
			ids = append(ids, fmt.Sprintf("C%02d", n))
		}
		c := open(t, Config{Dir: dir}, newFake(ids...))
		if _, err := c.Contracts(t.Context()); err != nil {
			t.Fatal(err)
		}
		settle()
		stopped := lease.Open(filepath.Join(dir, fresh.LeasesFile))
		defer stopped.Close()
		for _, id := range ids {
			l, ok := stopped.Try(listingFile(id, nil))
			if !ok {
				t.Fatal("the lease is not free")
			}
			defer l.Release()
		}
		start := time.Now()
		for _, id := range ids {
			mustList(t, c, id)
		}
		if d := time.Since(start); d > fresh.LeasePatience+20*time.Second {
			t.Errorf("it took %v", d)
		}
	})
}

// A listing of fewer types never passes for one of more, at whatever time and
// by whatever process; nor does what is refused to one.
func TestProcessesOfDifferentTypes(t *testing.T) {
	dir := t.TempDir()
	synctest.Test(t, func(t *testing.T) {
		api := newFake("C1")
		api.docs["C1"] = together(monthly(billing.TypeBills, 3, 1), monthly(billing.TypeInvoices, 2, 1))
		all := open(t, Config{Dir: dir}, api)
		bills := open(t, Config{Dir: dir, Types: []string{billing.TypeBills}, Contracts: []string{"C1"}}, api)
		invoices := open(t, Config{Dir: dir, Types: []string{billing.TypeInvoices}}, api)
		check := func() {
			t.Helper()
			for c, want := range map[*Catalog]int{all: 5, bills: 3, invoices: 2} {
				if l := mustList(t, c, "C1"); len(l.Documents) != want || l.Stale != nil {
					t.Errorf("%d documents, want %d; stale %v", len(l.Documents), want, l.Stale)
				}
			}
		}
		for range 4 {
			atOnce([]*Catalog{all, bills, invoices}, func(c *Catalog) {
				if err := c.Refresh(t.Context(), "C1"); err != nil {
					t.Error(err)
				}
			})
			check()
			settle()
			time.Sleep(fresh.LookEvery)
			check()
		}
		// One of the types is refused: that says nothing of the others.
		api.set(func() { api.fail = errorFor(apiclient.ErrForbidden, billing.TypeInvoices) })
		if err := invoices.Refresh(t.Context(), "C1"); !errors.Is(err, apiclient.ErrForbidden) {
			t.Fatal(err)
		}
		settle()
		time.Sleep(fresh.LookEvery)
		if l := mustList(t, all, "C1"); len(l.Documents) != 5 {
			t.Errorf("%d documents", len(l.Documents))
		}
		// The contract is: then nothing of it is saved.
		api.set(func() { api.fail = errorFor(apiclient.ErrForbidden, append(billing.Types(), "")...) })
		if err := all.Refresh(t.Context(), "C1"); !errors.Is(err, apiclient.ErrForbidden) {
			t.Fatal(err)
		}
		settle()
		off := open(t, Config{Dir: dir, Offline: true, Types: []string{billing.TypeBills}}, api)
		if l, err := off.Listing(t.Context(), "C1"); err == nil {
			t.Errorf("offline, of a contract that was refused: %d documents", len(l.Documents))
		}
	})
}

// A file that says that something is refused counts only if it is whole, and
// of that thing.
func TestDamagedRefusalsDoNotCount(t *testing.T) {
	for title, damage := range map[string]func(dir string, data []byte) []byte{
		"cut":     func(_ string, d []byte) []byte { return d[:len(d)/2] },
		"flipped": func(_ string, d []byte) []byte { d[len(d)-5] ^= 4; return d },
		"of another": func(dir string, _ []byte) []byte {
			d, err := os.ReadFile(filepath.Join(dir, listingFile("C2", nil)))
			if err != nil {
				panic(err)
			}
			return d
		},
		"empty object": func(string, []byte) []byte { return fresh.Seal(fresh.RefusedMagic, []byte("{}")) },
		"for ever": func(string, []byte) []byte {
			return fresh.Seal(fresh.RefusedMagic, []byte(`{"of":"`+listingFile("C1", nil)+`","at":"2026-01-01T00:00:00Z","delay_ns":9000000000000000000,"cause":"access denied"}`))
		},
	} {
		t.Run(title, func(t *testing.T) {
			dir := t.TempDir()
			api := newFake("C1", "C2")
			api.fail = errorFor(apiclient.ErrForbidden, append(billing.Types(), "")...)
			c := open(t, Config{Dir: dir}, api)
			_, _ = c.Listing(t.Context(), "C1")
			_, _ = c.Listing(t.Context(), "C2")
			c.Close()
			path := filepath.Join(dir, listingFile("C1", nil))
			data, err := os.ReadFile(path)
			if err != nil {
				t.Fatal(err)
			}
			if err := os.WriteFile(path, damage(dir, data), 0o600); err != nil {
				t.Fatal(err)
			}
			api.set(func() { api.fail = nil })
			mustList(t, open(t, Config{Dir: dir}, api), "C1")
		})
	}
}

// The answer to one refresh, which is still being saved, is none to the next.
func TestARefreshIsNotAnsweredByAnEarlierFailure(t *testing.T) {
	refreshAfterFailures(t, Config{Dir: t.TempDir()})
}

// Nor is it where clocks go in steps, as on Windows, and both are in one of them.
func TestARefreshIsNotAnsweredByAFailureOfTheSameMoment(t *testing.T) {
	now := time.Now()
	refreshAfterFailures(t, Config{Dir: t.TempDir(), Now: func() time.Time { return now }})
}

func refreshAfterFailures(t *testing.T, cfg Config) {
	t.Helper()
	for _, cause := range []error{apiclient.ErrUnauthorized, apiclient.ErrTimeout, apiclient.ErrForbidden} {
		api := newFake("C1")
		cfg.Dir = filepath.Join(cfg.Dir, "next")
		c := open(t, cfg, api)
		mustList(t, c, "C1")
		for range 50 {
			api.set(func() { api.fail = errorFor(cause, append(billing.Types(), "")...) })
			if err := c.Refresh(t.Context(), "C1"); !errors.Is(err, cause) {
				t.Fatalf("%v, want %v", err, cause)
			}
			api.set(func() { api.fail = nil })
			if err := c.Refresh(t.Context(), "C1"); err != nil {
				t.Fatalf("after the failure: %v", err)
			}
		}
	}
}

// A process that goes on with renewed credentials is not locked out by what the old
// ones were refused, be it to itself or to one that still has them.
func TestALockoutEndsWithItsCredentials(t *testing.T) {
	dir := t.TempDir()
	synctest.Test(t, func(t *testing.T) {
		api, mine := newFake("C1", "C2"), "old"
		mount := open(t, Config{Dir: dir, Credentials: func() string {
			api.mu.Lock()
			defer api.mu.Unlock()
			return mine
		}}, api)
		mustList(t, mount, "C1")
		refuse := func(call) error { return apiclient.ErrCredentials }
		api.set(func() { api.fail = refuse })
		if _, err := mount.Listing(t.Context(), "C2"); !errors.Is(err, apiclient.ErrCredentials) {
			t.Fatal(err)
		}
		api.set(func() { api.fail, mine = nil, "new" })
		time.Sleep(fresh.LookEvery)
		mustList(t, mount, "C2")

		api.set(func() { api.fail = refuse })
		other := open(t, Config{Dir: dir, Credentials: func() string { return "old" }, Afresh: true}, api)
		if _, err := other.Listing(t.Context(), "C1"); !errors.Is(err, apiclient.ErrCredentials) {
			t.Fatal(err)
		}
		api.set(func() { api.fail = nil })
		time.Sleep(fresh.LookEvery)
		mustList(t, mount, "C2")
		api.reset()
		if _, err := mount.Detail(t.Context(), "C1"); err != nil {
			t.Errorf("locked out by what another was refused: %v", err)
		}
		wantCalls(t, api, "", 1)
	})
}
