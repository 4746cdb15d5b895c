package settings

import (
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// What examples set is a setting.
func TestExamplesSetSettings(t *testing.T) {
	paths, err := filepath.Glob("../../../../packaging/container/*")
	if err != nil || len(paths) < 5 {
		t.Fatal(paths, err)
	}
	checked := 0
	for _, path := range paths {
		text, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		names := regexp.MustCompile(`CCSFS_[A-Z0-9_]+`).FindAllString(string(text), -1)
		for _, name := range slices.Compact(slices.Sorted(slices.Values(names))) {
			s, err := Lookup(name)
			if err != nil {
				s, err = Lookup(strings.TrimSuffix(name, "_FILE"))
				if err == nil && !s.Secret {
					t.Errorf("%s: %s: not a secret, and so not read from a file", path, name)
				}
			}
			if err != nil {
				t.Errorf("%s: %v", path, err)
			}
			checked++
		}
	}
	if checked < 30 {
		t.Errorf("%d settings", checked)
	}
}
