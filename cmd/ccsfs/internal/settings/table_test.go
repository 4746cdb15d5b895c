package settings

import (
	"strings"
	"testing"

	"github.com/spf13/pflag"
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

func TestFlags(t *testing.T) {
	flags := pflag.NewFlagSet("", pflag.ContinueOnError)
	AddFlags(flags, GroupAccount, GroupTree)
	if flags.Lookup("api-key") != nil {
		t.Error("a secret has a flag")
	}
	if flags.Lookup("umask") != nil {
		t.Error("a flag of a group not asked for")
	}
	if err := flags.Parse([]string{"--contract", "A", "--insecure", "--contract=B,C"}); err != nil {
		t.Fatal(err)
	}
	got := FlagValues(flags)
	if len(got) != 2 || got["contract"] != "A,B,C" || got["insecure"] != "true" {
		t.Errorf("got %v", got)
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
