package catalog

import (
	"errors"
	"testing"

	"ccsfs/apiclient"
	"ccsfs/internal/billing"
)

// TestDetailOfARefusedContract: what is known of a contract is not shown while its documents
// are refused, here, after a restart, and offline; nobody is asked for that. It is when they
// are allowed again.
func TestDetailOfARefusedContract(t *testing.T) {
	dir := t.TempDir()
	api := seen(t, dir)
	api.fail = errorFor(apiclient.ErrForbidden, append(billing.Types(), "")...)
	c := open(t, Config{Dir: dir}, api)
	if d, err := c.Detail(t.Context(), "C1"); err != nil {
		t.Fatalf("before: %+v, %v", d, err)
	}
	if err := c.Refresh(t.Context(), "C1"); !errors.Is(err, apiclient.ErrForbidden) {
		t.Fatal(err)
	}
	api.reset()
	refused := func(c *Catalog, when string) {
		t.Helper()
		if d, err := c.Detail(t.Context(), "C1"); !errors.Is(err, apiclient.ErrForbidden) {
			t.Errorf("%s: %+v, %v, want ErrForbidden", when, d, err)
		}
		if _, err := c.Detail(t.Context(), "C2"); err != nil && when != "offline" {
			t.Errorf("%s: of another contract: %v", when, err)
		}
	}
	refused(c, "here")
	c.Close()
	refused(open(t, Config{Dir: dir}, api), "after a restart")
	refused(open(t, Config{Dir: dir, Offline: true}, api), "offline")
	if n := api.count("documents"); n != 0 {
		t.Errorf("%d listings", n)
	}
	api.fail = nil
	again := open(t, Config{Dir: dir}, api)
	if err := again.Refresh(t.Context(), "C1"); err != nil {
		t.Fatal(err)
	}
	if _, err := again.Detail(t.Context(), "C1"); err != nil {
		t.Errorf("allowed again: %v", err)
	}
}
