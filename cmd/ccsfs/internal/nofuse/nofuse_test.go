package nofuse

import (
	"strings"
	"testing"

	"ccsfs/cmd/ccsfs/internal/exitcode"
)

// Whatever flags and arguments they are given, they say why not, and what does it instead.
func TestCommandsSayWhatElse(t *testing.T) {
	for _, cmd := range Mounts() {
		cmd.SetArgs([]string{"--daemon", "/srv/bills", "--", "ls"})
		cmd.SilenceErrors, cmd.SilenceUsage = true, true
		err := cmd.Execute()
		if exitcode.Of(err) != exitcode.Mount || !strings.Contains(err.Error(), "Windows has no FUSE") || !strings.Contains(err.Error(), "`ccsfs ") {
			t.Errorf("%s: %d, %v", cmd.Name(), exitcode.Of(err), err)
		}
	}
}
