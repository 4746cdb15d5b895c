package settings

import (
	"strings"
	"testing"
)

// Whatever the file holds: no panic, and never a key that is not a setting.
func FuzzFile(f *testing.F) {
	for _, s := range []string{
		"layout = \"flat\"", "types = [\"bills\"]\nrate_limit = 2.5", "[layout]\nx=1", "a.b = 1", "layout = 2026-01-01",
		"\xef\xbb\xbflayout = 1", "layout = \"\\u0000\"", "x = nan", "\"lay\\u006fut\" = 'x'",
	} {
		f.Add([]byte(s))
	}
	known := map[string]bool{}
	for _, s := range Table() {
		known[s.Name] = true
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		values, _, err := parseFile("config.toml", data)
		if err != nil {
			if !strings.HasPrefix(err.Error(), "config.toml") {
				t.Errorf("error does not name the file: %v", err)
			}
			return
		}
		for name := range values {
			if !known[name] {
				t.Errorf("unknown setting %q accepted", name)
			}
		}
	})
}
