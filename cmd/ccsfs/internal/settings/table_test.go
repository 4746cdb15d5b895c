package settings

import (
	"strings"
	"testing"
)

// The table is the single description of all settings: it must be sound.
func TestTable(t *testing.T) {
	seen := map[string]bool{}
	for _, s := range Table() {
		if seen[s.Name] {
			t.Errorf("%s twice", s.Name)
		}
		seen[s.Name] = true
		if s.Help == "" || s.Group == 0 || s.set == nil {
			t.Errorf("%s is incomplete", s.Name)
		}
		if !s.Secret && s.Example == "" {
			t.Errorf("%s has no example", s.Name)
		}
		for _, text := range []string{s.Default, s.Example} {
			if text == "" {
				continue
			}
			if err := s.set(&Settings{}, text); err != nil {
				t.Errorf("%s: its own %q is refused: %v", s.Name, text, err)
			}
		}
	}
}

func TestLookup(t *testing.T) {
	for _, name := range []string{"listing_ttl", "listing-ttl", "--listing-ttl"} {
		if s, err := Lookup(name); err != nil || s.Name != "listing-ttl" {
			t.Errorf("%s: %v, %v", name, s.Name, err)
		}
	}
	if _, err := Lookup("layuot"); err == nil || !strings.Contains(err.Error(), `did you mean "layout"?`) {
		t.Error(err)
	}
	if _, err := Lookup("zzz"); err == nil || !strings.Contains(err.Error(), "help settings") {
		t.Error(err)
	}
}
