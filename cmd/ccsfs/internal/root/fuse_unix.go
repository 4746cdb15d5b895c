//go:build !windows

package root

import (
	"github.com/spf13/cobra"

	"ccsfs/cmd/ccsfs/internal/chdirexec"
	"ccsfs/cmd/ccsfs/internal/cmdutil"
	"ccsfs/cmd/ccsfs/internal/exec"
	"ccsfs/cmd/ccsfs/internal/mount"
	"ccsfs/cmd/ccsfs/internal/unmount"
)

// mountCommands are those that take FUSE.
func mountCommands(env cmdutil.Environment) []*cobra.Command {
	return []*cobra.Command{mount.Command(env), unmount.Command(env), exec.Command(env)}
}

// innerCommands are what other programs and this one call, and nobody types.
func innerCommands(env cmdutil.Environment) []*cobra.Command {
	return []*cobra.Command{chdirexec.Command(), mount.HelperCommand(env, execute)}
}

// helperPage is the command of which there is a man page for mount(8), nil if there is none.
func helperPage(env cmdutil.Environment) (*cobra.Command, string) {
	return mount.HelperCommand(env, execute), mount.HelperName
}

// arguments are those of a process, of which the first one tells whether it was called by
// mount(8).
func arguments(argv []string) []string { return mount.Arguments(argv) }
