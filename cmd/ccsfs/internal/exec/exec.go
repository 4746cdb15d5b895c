//go:build !windows

// Package exec is `ccsfs exec`: a command inside a mount of its own.
package exec

import (
	"github.com/spf13/cobra"

	"ccsfs/cmd/ccsfs/internal/cmdutil"
	"ccsfs/cmd/ccsfs/internal/mounting"
	"ccsfs/cmd/ccsfs/internal/settings"
)

// Command is `ccsfs exec`.
func Command(env cmdutil.Environment) *cobra.Command {
	cmd := &cobra.Command{
		Use:        "exec [flags] -- COMMAND [ARG…]",
		Short:      "Run a command inside a mount made for it",
		SuggestFor: []string{"with", "shell"},
		Long: `Mount the documents on a directory of its own, run COMMAND with the mount as its
working directory, unmount, and exit with the status of COMMAND. Its environment
has CCSFS_MOUNTPOINT and none of the secrets.

What there is now is asked for and waited for, unless --listing-ttl says how long a
listing is believed. If COMMAND ends with 0, but was shown an old listing, or could not
have a document or a listing, the exit status is 6, and a line says why. With --offline
what was saved is shown; how old it is is said, and is no failure.`,
		Example: `  ccsfs exec -- ls -l
  ccsfs exec -- cp -r . ~/copy
  ccsfs exec --types=invoices -- sh -c 'tar cf - . | zstd > ~/invoices.tar.zst'`,
		Args: cmdutil.TakesCommand(1, "COMMAND"),
		RunE: func(cmd *cobra.Command, args []string) error {
			s, err := cmdutil.Load(env, cmd)
			if err != nil {
				return err
			}
			cmdutil.Warn(env, s)
			return mounting.RunMounted(cmd.Context(), env, s, args)
		},
	}
	cmdutil.AddSettings(cmd, append(cmdutil.AccountGroups(), settings.GroupMount)...)
	cmd.Flags().SetInterspersed(false) // what follows COMMAND is COMMAND's
	return cmd
}
