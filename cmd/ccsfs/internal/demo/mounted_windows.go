package demo

import (
	"context"

	"ccsfs/cmd/ccsfs/internal/cmdutil"
	"ccsfs/cmd/ccsfs/internal/exitcode"
	"ccsfs/cmd/ccsfs/internal/settings"
)

// demo would mount the account.
func demo(context.Context, cmdutil.Environment, *settings.Settings, string, []string, string) error {
	return exitcode.Errorf(exitcode.Mount, "Windows has no FUSE, so that nothing can be mounted here; `ccsfs demo --serve` shows the same account in the browser")
}
