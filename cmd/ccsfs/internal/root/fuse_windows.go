package root

import (
	"github.com/spf13/cobra"

	"ccsfs/cmd/ccsfs/internal/cmdutil"
	"ccsfs/cmd/ccsfs/internal/nofuse"
)

// mountCommands are those that take FUSE.
func mountCommands(cmdutil.Environment) []*cobra.Command { return nofuse.Mounts() }

// innerCommands are what other programs and this one call, and nobody types.
func innerCommands(cmdutil.Environment) []*cobra.Command { return nil }

// helperPage is the command of which there is a man page for mount(8), nil if there is none.
func helperPage(cmdutil.Environment) (*cobra.Command, string) { return nil, "" }

// arguments are those of a process.
func arguments(argv []string) []string { return argv[min(1, len(argv)):] }
