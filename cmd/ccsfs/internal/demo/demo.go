// Package demo is `ccsfs demo`: a simulated account, mounted, and a tour of it.
package demo

import (
	"context"
	"os"

	"github.com/spf13/cobra"

	"ccsfs/apiclient/apisim"
	"ccsfs/cmd/ccsfs/internal/cmdutil"
	"ccsfs/cmd/ccsfs/internal/exitcode"
	"ccsfs/cmd/ccsfs/internal/serve/server"
	"ccsfs/cmd/ccsfs/internal/settings"
	"ccsfs/cmd/ccsfs/internal/settings/flags"
	"ccsfs/cmd/ccsfs/internal/simulated"
)

// Command is `ccsfs demo`.
func Command(env cmdutil.Environment) *cobra.Command {
	var serve, open bool
	var picture string
	cmd := &cobra.Command{
		Use:        "demo [flags] [MOUNTPOINT] [-- COMMAND [ARG…]]",
		Short:      "Try it on a simulated account",
		SuggestFor: []string{"try", "example", "tour"},
		Long: `Mount a simulated account that is built in: no credentials, no network, no
settings. With COMMAND, run it inside, as exec does. With MOUNTPOINT, stay mounted
there until Ctrl-C. With neither, show around and end. With --serve, show it in the
browser and as a network drive instead, until Ctrl-C: that takes no FUSE.`,
		Example: `  ccsfs demo
  ccsfs demo --serve --open
  ccsfs demo -- bash
  ccsfs demo --layout=period ~/demo`,
		Args: cmdutil.TakesCommand(0, ""),
		RunE: func(cmd *cobra.Command, args []string) error {
			point, command, err := demoArguments(cmd, args)
			if err != nil {
				return err
			}
			if serve && (point != "" || command != nil) {
				return exitcode.Errorf(exitcode.Usage, "--serve mounts nothing: leave MOUNTPOINT and COMMAND out")
			}
			if open && !serve {
				return exitcode.Errorf(exitcode.Usage, "--open is for --serve")
			}
			return withAccount(cmd.Context(), env, flags.Values(cmd.Flags()), func(s *settings.Settings) error {
				if serve {
					if s.Source("listen").Origin == settings.FromDefault {
						s.Serve.Listen = "127.0.0.1:0" // that of a server of the user's own stays free
					}
					cmdutil.Quietly(s)
					return server.Run(cmd.Context(), env, s, server.Options{Open: open})
				}
				return demo(cmd.Context(), env, s, point, command, picture)
			})
		},
	}
	cmd.Flags().BoolVar(&serve, "serve", false, "show it in the browser and as a network drive, and mount nothing")
	cmd.Flags().StringVar(&picture, "screenshot", "", "keep the picture of the page that the tour makes, where there is a Chromium, in this `FILE`")
	cmd.Flags().BoolVar(&open, "open", false, "with --serve, have the desktop show the page")
	cmdutil.AddFlags(cmd, settings.GroupTree, settings.GroupTraffic, settings.GroupMount, settings.GroupServe, settings.GroupLog)
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

// withAccount runs use with the settings of a simulated account, which is served
// meanwhile.
func withAccount(ctx context.Context, env cmdutil.Environment, flags map[string]string, use func(*settings.Settings) error) (err error) {
	cache, err := os.MkdirTemp(env.Dirs.Temp, "ccsfs-demo-")
	if err != nil {
		return exitcode.Errorf(exitcode.Failed, "cannot make a temporary directory: %w; set TMPDIR to a place where you can", err)
	}
	defer func() { err = exitcode.Also(err, os.RemoveAll(cache)) }()
	s, err := settings.Load(settings.Isolated(flags, cache, env.Dirs.Work))
	if err != nil {
		return cmdutil.SettingsError(err)
	}
	api, err := simulated.Serve(ctx, &apisim.Server{Quirks: apisim.Quirks{Amounts: true}}, "127.0.0.1:0")
	if err != nil {
		return exitcode.Errorf(exitcode.Failed, "cannot serve the simulated API: %w", err)
	}
	defer func() { err = exitcode.Also(err, api.Close()) }()
	api.Credentials(s)
	if s.Source("rate-limit").Origin == settings.FromDefault {
		s.API.RateLimit = 0 // the limit protects the real API
	}
	return use(s)
}
