//go:build !windows

// Package mount is `ccsfs mount`, and the helper by which mount(8) and fstab call it.
package mount

import (
	"context"

	"github.com/spf13/cobra"

	"ccsfs/cmd/ccsfs/internal/cmdutil"
	"ccsfs/cmd/ccsfs/internal/daemon"
	"ccsfs/cmd/ccsfs/internal/exitcode"
	"ccsfs/cmd/ccsfs/internal/mounting"
	"ccsfs/cmd/ccsfs/internal/settings"
)

// Command is `ccsfs mount`.
func Command(env cmdutil.Environment) *cobra.Command {
	var all bool
	cmd := &cobra.Command{
		Use:        "mount [flags] MOUNTPOINT",
		Short:      "Show the documents as a folder",
		SuggestFor: []string{"start", "run", "serve"},
		Long: `Show the documents of the account below MOUNTPOINT, an empty directory, until
Ctrl-C, "ccsfs unmount", fusermount3 -u or umount. With --daemon, return as soon as
the folder can be used; the log is then a file of its own, which "ccsfs status" names:
in ~/.local/state/ccsfs, called as MOUNTPOINT with dashes for slashes. SIGHUP begins
another log file, if this one was renamed, and asks for everything anew; a terminal
that is closed sends it, and does not end the mount.

With --all-accounts each account of the settings file (see "ccsfs config account") is
mounted by itself, in a directory of its name below MOUNTPOINT, which is made if it is not
there. If some could not be mounted, the exit status is 6, and the others are.`,
		Example: `  ccsfs mount ~/bills
  ccsfs mount --daemon --layout=period --types=bills,invoices ~/bills
  ccsfs mount --daemon --all-accounts ~/bills
  ccsfs unmount ~/bills`,
		Args: cmdutil.Takes(1, 1, "MOUNTPOINT"),
		RunE: func(cmd *cobra.Command, args []string) error {
			if all {
				return several(cmd.Context(), env, cmd, args[0])
			}
			return mount(cmd.Context(), env, cmd, args[0])
		},
	}
	cmd.Flags().BoolVar(&all, "all-accounts", false, "mount each account of the settings file, in a directory of its name")
	cmdutil.AddSettings(cmd, append(cmdutil.AccountGroups(), settings.GroupMount, settings.GroupDaemon, settings.GroupMetrics)...)
	return cmd
}

// mount is `ccsfs mount`: in the foreground, in the background, or as the
// process in the background that the latter starts.
func mount(ctx context.Context, env cmdutil.Environment, cmd *cobra.Command, mountpoint string) error {
	starter := daemon.NewStarter(env)
	err := func() error {
		s, err := cmdutil.Load(env, cmd)
		if err != nil {
			return err
		}
		if err := s.CheckCredentials(); err != nil {
			return exitcode.With(exitcode.Settings, err)
		}
		if s.Mount.Daemon && starter == nil {
			log, err := mounting.BackgroundLog(env, s, mountpoint)
			if err != nil {
				return err
			}
			return daemon.Daemonize(ctx, env, log)
		}
		return mounting.Account(ctx, env, s, mountpoint, starter, "")
	}()
	starter.Failed(err)
	return err
}
