// Package status is `ccsfs status`: how running mounts are doing.
package status

import (
	"context"
	"io"

	"github.com/spf13/cobra"

	"ccsfs/cmd/ccsfs/internal/cmdutil"
	"ccsfs/cmd/ccsfs/internal/daemon/control"
	"ccsfs/cmd/ccsfs/internal/exitcode"
	"ccsfs/cmd/ccsfs/internal/mounts"
	"ccsfs/cmd/ccsfs/internal/term"
)

// Command is `ccsfs status`.
func Command(env cmdutil.Environment) *cobra.Command {
	var asJSON, check bool
	cmd := &cobra.Command{
		Use:        "status [flags] [MOUNTPOINT]",
		Short:      "Show how a running mount is doing",
		SuggestFor: []string{"ps", "info", "stats", "mounts"},
		Long: `Show what a running mount knows, keeps and asks for, and what is wrong if something
is; without MOUNTPOINT, of all mounts of yours. With --check the exit status tells, too:
0 if all is well, 3 if the credentials or the account are refused, 4 if the API is out
of reach, 5 if a mount is dead, left by a crash, 6 if only some of what is shown is old,
some contract is refused, none is listed, or one, or all documents of a type, are not
listed any more, for five weeks.`,
		Example: `  ccsfs status
  ccsfs status --json ~/bills | jq .api.calls
  ccsfs status --json | jq -r '.[] | select(.health.exit_status != 0) | .mountpoint + ": " + .health.problem'
  ccsfs status --check ~/bills >/dev/null || echo 'look after it'`,
		Args:              cmdutil.Takes(0, 1, ""),
		ValidArgsFunction: mounts.Complete(env),
		RunE: func(cmd *cobra.Command, args []string) error {
			ctx, done := env.Interruptible(cmd.Context())
			defer done()
			return showStatus(ctx, env, args, asJSON, check)
		},
	}
	cmd.Flags().BoolVar(&asJSON, "json", false, "print as JSON: an object, or without MOUNTPOINT a list of them")
	cmd.Flags().BoolVar(&check, "check", false, "exit with 3, 4, 5 or 6 if something is wrong")
	return cmd
}

func showStatus(ctx context.Context, env cmdutil.Environment, args []string, asJSON, check bool) error {
	all := []*control.Status{}
	if len(args) == 1 {
		r, err := mounts.FindRunning(ctx, env, args)
		if err != nil {
			return err
		}
		all = append(all, r.State)
	}
	var silent []error
	for _, m := range askUnless(ctx, env, len(args) == 1) {
		if m.Err != nil {
			silent = append(silent, m.Err)
			continue
		}
		all = append(all, m.Status)
	}
	var dead []mounts.SickMount
	if len(args) == 0 {
		var err error
		if dead, _, err = mounts.SickMounts(env); err != nil {
			return exitcode.Errorf(exitcode.Failed, "%w", err)
		}
	}
	switch {
	case len(all) == 0 && len(silent) > 0:
		return silent[0]
	case len(all) == 0 && len(dead) > 0:
		code := exitcode.Failed
		if check {
			code = exitcode.Mount
		}
		err := exitcode.Errorf(code, "%s", mounts.Joined(dead))
		if asJSON {
			err = exitcode.Also(err, cmdutil.Printing(env, func(w io.Writer) error { return printJSON(w, nil, dead, false) }))
		}
		return err
	case len(all) == 0:
		return mounts.NoneRunning()
	}
	err := cmdutil.Printing(env, func(w io.Writer) error {
		if asJSON {
			return printJSON(w, all, dead, len(args) == 1)
		}
		screen := term.ScreenOf(env.Vars, env.Stdout)
		screen.W = w
		return statusText(screen, all)
	})
	if err != nil {
		return err
	}
	for _, m := range dead {
		term.Say(env.Stderr, "%s", term.Plain(m.String()))
	}
	if check {
		err = checked(env, all, dead)
	}
	for _, one := range silent {
		err = exitcode.Also(err, one)
	}
	return err
}

// askUnless is askMounts, unless one was asked already.
func askUnless(ctx context.Context, env cmdutil.Environment, one bool) []mounts.RunningMount {
	if one {
		return nil
	}
	return mounts.AskMounts(ctx, env)
}
