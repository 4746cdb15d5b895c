package status

import (
	"fmt"

	"ccsfs/cmd/ccsfs/internal/cmdutil"
	"ccsfs/cmd/ccsfs/internal/daemon/control"
	"ccsfs/cmd/ccsfs/internal/exitcode"
	"ccsfs/cmd/ccsfs/internal/mounts"
	"ccsfs/cmd/ccsfs/internal/term"
)

// graver tells which of two exit codes says more: whoever must act first.
func graver(a, b int) int {
	for _, code := range []int{exitcode.Settings, exitcode.Unreachable, exitcode.Mount, exitcode.Some} {
		if a == code || b == code {
			return code
		}
	}
	return exitcode.Done
}

// checked is the end of status --check: the gravest of what is wrong, and a line
// for each mount of which something is.
func checked(env cmdutil.Environment, all []*control.Status, dead []mounts.SickMount) error {
	code := exitcode.Done
	if len(dead) > 0 {
		code = exitcode.Mount
	}
	for _, s := range all {
		h := s.Health()
		code = graver(code, h.Code)
		if h.Code != exitcode.Done {
			term.Say(env.Stderr, "%s", term.Plain(fmt.Sprintf("%s: %s", s.Mountpoint, h.Line())))
		}
	}
	return exitcode.Silently(code)
}
