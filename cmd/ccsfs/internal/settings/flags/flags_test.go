package flags

import (
	"testing"

	"github.com/spf13/pflag"

	"ccsfs/cmd/ccsfs/internal/settings"
)

func TestFlags(t *testing.T) {
	set := pflag.NewFlagSet("", pflag.ContinueOnError)
	Add(set, settings.GroupAccount, settings.GroupTree)
	if set.Lookup("api-key") != nil {
		t.Error("a secret has a flag")
	}
	if set.Lookup("umask") != nil {
		t.Error("a flag of a group not asked for")
	}
	if err := set.Parse([]string{"--contract", "A", "--insecure", "--contract=B,C"}); err != nil {
		t.Fatal(err)
	}
	got := Values(set)
	if len(got) != 2 || got["contract"] != "A,B,C" || got["insecure"] != "true" {
		t.Errorf("got %v", got)
	}
}
