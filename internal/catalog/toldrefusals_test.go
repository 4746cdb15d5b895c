package catalog

import (
	"os"
	"path/filepath"
	"testing"
	"time"

	"ccsfs/apiclient"
	"ccsfs/internal/billing"
)

// That a type is refused is said by the first process, with whatever means,
// and by the next ones when it has changed, also of a listing that was saved
// by somebody who could not say it.
func TestRefusedTypeIsSaidOncePerMachine(t *testing.T) {
	dir := t.TempDir()
	api := newFake("C1")
	api.docs["C1"] = monthly(billing.TypeBills, 2, 1)
	at := time.Now()
	run := func(log bool, refused ...string) (said int) {
		api.set(func() { api.fail = errorFor(apiclient.ErrForbidden, refused...) })
		out := &logs{}
		cfg := Config{Dir: dir, Now: func() time.Time { return at }}
		if log {
			cfg.Logger = out.logger()
		}
		c := open(t, cfg, api)
		mustList(t, c, "C1")
		mustList(t, c, "C1")
		c.Close()
		if log {
			return out.count("level=WARN")
		}
		return len(c.Unsaid())
	}
	for i, step := range []struct {
		refused []string
		log     bool
		later   bool // so that the API is asked again; else the saved listing is young
		want    int
	}{
		{[]string{billing.TypeInvoices}, false, false, 1},
		{[]string{billing.TypeInvoices}, false, true, 0},
		{[]string{billing.TypeInvoices}, true, false, 0},
		{[]string{billing.TypeInvoices}, true, true, 0},
		{[]string{billing.TypeInvoices, billing.TypeReports}, false, true, 1},
		{[]string{billing.TypeInvoices, billing.TypeReports}, true, true, 0},
		{[]string{billing.TypeReports}, false, true, 0},
		{[]string{billing.TypeReports, billing.TypeBills}, true, true, 1},
		{[]string{billing.TypeReports, billing.TypeBills}, true, true, 0},
		{nil, false, true, 0},
		{[]string{billing.TypeInvoices}, true, true, 1},
		{[]string{billing.TypeInvoices}, false, false, 0},
	} {
		if step.later {
			at = at.Add(3 * ttl)
		}
		if n := run(step.log, step.refused...); n != step.want {
			t.Errorf("step %d, %+v: said %d times", i, step, n)
		}
	}
}

// A listing that was saved says what is left out of it, too.
func TestRefusedTypeOfASavedListingIsSaid(t *testing.T) {
	dir, out := t.TempDir(), &logs{}
	api := seen(t, dir) // nobody was told
	c := open(t, Config{Dir: dir, Logger: out.logger()}, api)
	mustList(t, c, "C1")
	if n := out.count("type=reports"); n != 1 || api.count("documents") != 0 {
		t.Errorf("said %d times, with %d calls", n, api.count("documents"))
	}
}

// What was asked for by name and is refused is said each time, as is all else
// that falls short.
func TestWhatIsNamedIsSaidEachTime(t *testing.T) {
	dir := t.TempDir()
	for range 3 {
		api := newFake("C1")
		api.docs["C1"] = together(monthly(billing.TypeBills, 40, 1), monthly(billing.TypeReports, 10, 8))
		api.cap = 20
		api.fail = errorFor(apiclient.ErrForbidden, billing.TypeInvoices)
		c := open(t, Config{Dir: dir, Types: []string{billing.TypeBills, billing.TypeReports, billing.TypeInvoices}}, api)
		mustList(t, c, "C1")
		if list := c.Unsaid(); len(list) != 2 || list[0].Kind != Refused || list[1].Kind != Suspect {
			t.Errorf("%+v", list)
		}
		c.Close()
	}
}

// Where nothing can be remembered it is said again, not left out.
func TestUnsaidWithoutADirectory(t *testing.T) {
	file := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	for _, dir := range []string{"", file} {
		for range 2 {
			api := newFake("C1")
			api.docs["C1"] = monthly(billing.TypeBills, 1, 1)
			api.fail = errorFor(apiclient.ErrForbidden, billing.TypeInvoices)
			c := open(t, Config{Dir: dir}, api)
			mustList(t, c, "C1")
			if n := len(c.Unsaid()); n != 1 {
				t.Errorf("%q: said %d times", dir, n)
			}
			if n := len(c.Unsaid()); n != 0 {
				t.Errorf("%q: said %d times more", dir, n)
			}
		}
	}
}
