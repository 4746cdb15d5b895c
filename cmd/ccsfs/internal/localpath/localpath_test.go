package localpath

import (
	"path/filepath"
	"testing"

	"ccsfs/cmd/ccsfs/internal/cmdtest"
	"ccsfs/cmd/ccsfs/internal/settings"
)

// A path is taken as people write one on this system.
func TestSeparators(t *testing.T) {
	env, _, _ := cmdtest.Environment(t)
	s, err := settings.Load(settings.Isolated(nil, t.TempDir(), t.TempDir()))
	if err != nil {
		t.Fatal(err)
	}
	const want = "OCB0001234/2026/Invoice_*.pdf"
	s.Listings.PortableNames = true
	r := resolved{env: env, args: []string{filepath.FromSlash(want)}}
	if err := r.resolve(t.Context(), s); err != nil || r.args[0] != want {
		t.Errorf("%q, %v", r.args, err)
	}
}
