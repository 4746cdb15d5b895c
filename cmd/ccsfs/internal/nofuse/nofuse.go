// Package nofuse is what the commands that mount say where there is no FUSE.
package nofuse

import (
	"github.com/spf13/cobra"

	"ccsfs/cmd/ccsfs/internal/exitcode"
)

// instead is what does the same without.
const instead = "\n  `ccsfs serve` shows the folder as a network drive and in a browser;" +
	"\n  `ccsfs pull DIRECTORY` copies the documents, and later what is new."

// Mounts are `ccsfs mount`, `ccsfs unmount` and `ccsfs exec`.
func Mounts() []*cobra.Command {
	return []*cobra.Command{
		command("mount", "Not on Windows: see serve and pull", "Windows has no FUSE, so that nothing can be mounted here"+instead),
		command("unmount", "Not on Windows", "Windows has no FUSE, so that nothing is mounted that could be unmounted"+instead),
		command("exec", "Not on Windows: see pull", "Windows has no FUSE, so that there is no mount in which a program could run"+instead),
	}
}

// command takes whatever it takes elsewhere, and says why it does nothing here.
func command(name, short, why string) *cobra.Command {
	return &cobra.Command{
		Use: name, Short: short, Long: why, DisableFlagParsing: true,
		RunE: func(cmd *cobra.Command, args []string) error {
			if len(args) == 1 && (args[0] == "--help" || args[0] == "-h") {
				return cmd.Help()
			}
			return exitcode.Errorf(exitcode.Mount, "%s", why)
		},
	}
}
