package catalog

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"ccsfs/apiclient"
	"ccsfs/internal/billing"
	"ccsfs/internal/catalog/fresh"
	"ccsfs/internal/osfile/osfiletest"
)

// odd are things that may stand in the place of a saved file.
func odd() map[string]func(t *testing.T, path string) error {
	return map[string]func(t *testing.T, path string) error{
		"a pipe":      func(t *testing.T, path string) error { return osfiletest.Pipe(t, path) },
		"a directory": func(t *testing.T, path string) error { return os.Mkdir(path, 0o700) },
		"a directory with a file": func(t *testing.T, path string) error {
			return errors.Join(os.Mkdir(path, 0o700), os.WriteFile(path+"/x", nil, 0o600))
		},
		"a link to nothing":  func(t *testing.T, path string) error { return os.Symlink(path+"-not-there", path) },
		"a link to itself":   func(t *testing.T, path string) error { return os.Symlink(path, path) },
		"an endless device":  func(t *testing.T, path string) error { return os.Symlink("/dev/zero", path) },
		"rubbish":            func(t *testing.T, path string) error { return os.WriteFile(path, []byte("\x00{{{"), 0o600) },
		"an unreadable file": func(t *testing.T, path string) error { return os.WriteFile(path, nil, 0) },
		"another version": func(t *testing.T, path string) error {
			return os.WriteFile(path, []byte("ccsfs-refused 2 "+"{}"), 0o600)
		},
	}
}

// Whatever stands in the place of what is saved, contracts are listed, refused
// and listed again, and nobody waits.
func TestOddThingsInThePlaceOfFiles(t *testing.T) {
	listing := listingFile("C1", nil)
	for _, name := range []string{
		contractsFile, listing, detailFile("C1"), fresh.LockoutFile, fresh.LeasesFile, filepath.Join(fresh.FailedDir, strings.ReplaceAll(listing, "/", "-")),
		filepath.Join(saidDir, filepath.Base(listing)), listingsDir, fresh.FailedDir, saidDir,
	} {
		for title, put := range odd() {
			t.Run(name+" "+title, func(t *testing.T) {
				dir, api := t.TempDir(), newFake("C1")
				api.docs["C1"] = monthly(billing.TypeBills, 3, 1)
				path := filepath.Join(dir, name)
				if err := errors.Join(os.MkdirAll(filepath.Dir(path), 0o700), put(t, path)); err != nil {
					t.Fatal(err)
				}
				ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second) // against hanging
				defer cancel()
				for range 2 { // the second finds what the first made of it
					api.set(func() { api.fail = errorFor(apiclient.ErrForbidden, billing.TypeReports) })
					c := open(t, Config{Dir: dir}, api)
					if l, err := c.Listing(ctx, "C1"); err != nil || len(l.Documents) != 3 || l.Stale != nil {
						t.Errorf("listing: %v, %v", l, err)
					}
					if _, err := c.Detail(ctx, "C1"); err != nil {
						t.Errorf("detail: %v", err)
					}
					if n := len(c.Unsaid()); n > 1 {
						t.Errorf("said %d times", n)
					}
					api.set(func() { api.fail = func(call) error { return apiclient.ErrTimeout } })
					if err := c.Refresh(ctx, ""); !errors.Is(err, apiclient.ErrTimeout) {
						t.Errorf("time-out: %v", err)
					}
					api.set(func() { api.fail = func(call) error { return apiclient.ErrUnauthorized } })
					if err := c.Refresh(ctx, ""); !errors.Is(err, apiclient.ErrUnauthorized) {
						t.Errorf("lockout: %v", err)
					}
					api.set(func() { api.fail = errorFor(apiclient.ErrForbidden, append(billing.Types(), "")...) })
					if err := errors.Join(c.contracts.Refresh(ctx), c.Refresh(ctx, "C1")); !errors.Is(err, apiclient.ErrForbidden) {
						t.Errorf("refusal: %v", err)
					}
					if l, err := c.Known("C1"); err == nil {
						t.Errorf("shown after the refusal: %v", l)
					}
					api.set(func() { api.fail = nil })
					if err := c.Refresh(ctx, "C1"); err != nil {
						t.Errorf("let in again: %v", err)
					}
					c.Close()
				}
			})
		}
	}
}
