package settings

import (
	"path/filepath"
	"testing"
)

func TestShow(t *testing.T) {
	s, err := Load(Options{
		Environment: map[string]string{"CCSFS_API_KEY": "the-key", "CCSFS_TYPES": "bills"},
		Flags:       map[string]string{"layout": "period"}, CacheHome: "/c", Dir: "/",
	})
	if err != nil {
		t.Fatal(err)
	}
	got := map[string]string{}
	for _, one := range s.Show() {
		got[one.Setting.Name] = one.Value + " from " + one.Source.String()
	}
	for name, want := range map[string]string{
		"api-key": "*** from CCSFS_API_KEY", "client-secret": " from default", "types": "bills from CCSFS_TYPES",
		"layout": "period from --layout", "listing-ttl": "10m from default", "cache-dir": filepath.FromSlash("/c/ccsfs") + " from default",
	} {
		if got[name] != want {
			t.Errorf("%s: %q, want %q", name, got[name], want)
		}
	}
	if len(got) != len(Table()) {
		t.Errorf("%d of %d settings are shown", len(got), len(Table()))
	}
}
