//go:build !windows

package mount

import (
	"context"
	"errors"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"ccsfs/cmd/ccsfs/internal/cmdutil"
	"ccsfs/cmd/ccsfs/internal/daemon"
	"ccsfs/cmd/ccsfs/internal/exitcode"
	"ccsfs/cmd/ccsfs/internal/mounting"
	"ccsfs/cmd/ccsfs/internal/settings"
	"ccsfs/cmd/ccsfs/internal/term"
)

// several mounts each account of the settings file in a directory of its name below dir,
// by a process in the background for each: what becomes of one harms no other, and each
// has its log, its status and its rate of calls.
func several(ctx context.Context, env cmdutil.Environment, cmd *cobra.Command, dir string) error {
	o, err := cmdutil.LoadOptions(env, cmd)
	if err != nil {
		return err
	}
	all, err := accountsOf(o)
	if err != nil {
		return err
	}
	top := mounting.Mountpoint(env, dir)
	var failed []error
	for _, s := range all {
		if err := mountOne(ctx, env, o, s, filepath.Join(top, s.Account)); err != nil {
			if ctx.Err() != nil {
				return err
			}
			term.Say(env.Stderr, "account %s: %s", s.Account, err)
			failed = append(failed, err)
		}
	}
	switch {
	case len(failed) == 0:
		return nil
	case len(failed) < len(all):
		return exitcode.Silently(exitcode.Some)
	}
	return exitcode.Silently(exitcode.Of(failed[0]))
}

// accountsOf loads the settings of all accounts, and checks them before any is mounted.
func accountsOf(o settings.Options) ([]*settings.Settings, error) {
	file, err := settings.Load(o)
	if err != nil {
		return nil, cmdutil.SettingsError(err)
	}
	if len(file.Accounts) == 0 {
		return nil, exitcode.Errorf(exitcode.Settings, "%s has no sections [account.NAME]; to add one: ccsfs config account add NAME", file.ConfigFile)
	}
	if _, named := o.Flags["account"]; named {
		return nil, exitcode.Errorf(exitcode.Usage, "--account and --all-accounts: choose one")
	}
	var all []*settings.Settings
	metrics := map[string]string{} // accounts by address
	for _, name := range file.Accounts {
		s, err := settings.Load(o.For(name))
		if err != nil {
			return nil, cmdutil.SettingsError(err)
		}
		switch other := metrics[s.MetricsListen]; {
		case !s.Mount.Daemon:
			return nil, exitcode.Errorf(exitcode.Usage, "--all-accounts mounts in the background: add --daemon")
		case other != "" && s.MetricsListen != "" && !strings.HasSuffix(s.MetricsListen, ":0"):
			return nil, exitcode.Errorf(exitcode.Settings, "the accounts %s and %s would serve metrics at one address, %s; give each its own metrics_listen in its section", other, name, s.MetricsListen)
		}
		if err := s.CheckCredentials(); err != nil {
			return nil, exitcode.With(exitcode.Settings, err)
		}
		metrics[s.MetricsListen] = name
		all = append(all, s)
	}
	return all, nil
}

// mountOne starts the process that mounts an account at a directory, which is made if it
// is not there, and waits until it is mounted.
func mountOne(ctx context.Context, env cmdutil.Environment, o settings.Options, s *settings.Settings, point string) error {
	if err := os.MkdirAll(filepath.Dir(point), 0o755); err != nil {
		return exitcode.With(exitcode.Mount, err)
	}
	if err := os.Mkdir(point, 0o700); err != nil && !errors.Is(err, fs.ErrExist) {
		return exitcode.With(exitcode.Mount, err)
	}
	log, err := mounting.BackgroundLog(env, s, point)
	if err != nil {
		return err
	}
	env.Args = []string{"mount", "--account=" + s.Account}
	for _, name := range slices.Sorted(maps.Keys(o.Flags)) {
		env.Args = append(env.Args, "--"+name+"="+o.Flags[name])
	}
	if o.ConfigFlag != "" {
		env.Args = append(env.Args, "--"+cmdutil.ConfigFlag+"="+o.ConfigFlag)
	}
	env.Args = append(env.Args, "--daemon", "--", point)
	return daemon.Daemonize(ctx, env, log)
}
