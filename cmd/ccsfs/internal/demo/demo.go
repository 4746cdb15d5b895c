// Package demo is `ccsfs demo`: a simulated account, mounted, and a tour of it.
package demo

import (
	"context"
	"fmt"
	"os"

	"github.com/spf13/cobra"

	"ccsfs/apiclient/apisim"
	"ccsfs/cmd/ccsfs/internal/cmdutil"
	"ccsfs/cmd/ccsfs/internal/exitcode"
	"ccsfs/cmd/ccsfs/internal/mounting"
	"ccsfs/cmd/ccsfs/internal/settings"
	"ccsfs/cmd/ccsfs/internal/settings/flags"
	"ccsfs/cmd/ccsfs/internal/simulated"
	"ccsfs/cmd/ccsfs/internal/term"
)

// Command is `ccsfs demo`.
func Command(env cmdutil.Environment) *cobra.Command {
	cmd := &cobra.Command{
		Use:        "demo [flags] [MOUNTPOINT] [-- COMMAND [ARG…]]",
		Short:      "Try it on a simulated account",
		SuggestFor: []string{"try", "example", "tour"},
		Long: `Mount a simulated account that is built in: no credentials, no network, no
settings. With COMMAND, run it inside, as exec does. With MOUNTPOINT, stay mounted
there until Ctrl-C. With neither, show around and end.`,
		Example: `  ccsfs demo
  ccsfs demo -- bash
  ccsfs demo --layout=period ~/demo`,
		Args: cmdutil.TakesCommand(0, ""),
		RunE: func(cmd *cobra.Command, args []string) error {
			point, command, err := demoArguments(cmd, args)
			if err != nil {
				return err
			}
			return demo(cmd.Context(), env, flags.Values(cmd.Flags()), point, command)
		},
	}
	cmdutil.AddFlags(cmd, settings.GroupTree, settings.GroupTraffic, settings.GroupMount, settings.GroupLog)
	return cmd
}

// demoArguments splits what stands before and after "--".
func demoArguments(cmd *cobra.Command, args []string) (point string, command []string, err error) {
	if dash := cmd.ArgsLenAtDash(); dash >= 0 {
		args, command = args[:dash], args[dash:]
		if len(command) == 0 {
			return "", nil, exitcode.Errorf(exitcode.Usage, "COMMAND is missing after --")
		}
	}
	switch {
	case len(args) > 1:
		return "", nil, exitcode.Errorf(exitcode.Usage, "unexpected argument %q; a command stands after --, as in: ccsfs demo -- ls -l", args[1])
	case len(args) == 1 && command != nil:
		return "", nil, exitcode.Errorf(exitcode.Usage, "give a MOUNTPOINT or a COMMAND, not both")
	case len(args) == 1:
		point = args[0]
	}
	return point, command, nil
}

func demo(ctx context.Context, env cmdutil.Environment, flags map[string]string, point string, command []string) (err error) {
	cache, err := os.MkdirTemp(env.Dirs.Temp, "ccsfs-demo-")
	if err != nil {
		return exitcode.Errorf(exitcode.Failed, "cannot make a temporary directory: %w; set TMPDIR to a place where you can", err)
	}
	defer func() { err = exitcode.Also(err, os.RemoveAll(cache)) }()
	s, err := settings.Load(settings.Isolated(flags, cache, env.Dirs.Work))
	if err != nil {
		return cmdutil.SettingsError(err)
	}
	api, err := simulated.Serve(ctx, &apisim.Server{}, "127.0.0.1:0")
	if err != nil {
		return exitcode.Errorf(exitcode.Failed, "cannot serve the simulated API: %w", err)
	}
	defer func() { err = exitcode.Also(err, api.Close()) }()
	api.Credentials(s)
	if s.Source("rate-limit").Origin == settings.FromDefault {
		s.API.RateLimit = 0 // the limit protects the real API
	}
	switch {
	case command != nil:
		return mounting.RunMounted(ctx, env, s, command)
	case point != "":
		cmdutil.Quietly(s)
		return mounting.Account(ctx, env, s, point, nil, fmt.Sprintf("\nTry, in another shell:\n"+
			"  ls -l %[1]s/*\n  find %[1]s -name '*.pdf' -size +1k\n  cp -r %[1]s/OCB0001234 /tmp/copy", term.Quote(point)))
	default:
		return walkthrough(ctx, env, s)
	}
}
