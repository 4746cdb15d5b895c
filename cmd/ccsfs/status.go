package main

import (
	"context"
	"encoding/json"
	"io"

	"github.com/spf13/cobra"

	"ccsfs/cmd/ccsfs/internal/control"
)

func showStatusCommand(env environment) *cobra.Command {
	var asJSON, check bool
	cmd := &cobra.Command{
		Use:   "status [flags] [MOUNTPOINT]",
		Short: "Show how a running mount is doing",
		Long: `Show what a running mount knows, keeps and asks for, and what is wrong if something
is; without MOUNTPOINT, of all mounts of yours. With --check the exit status tells, too:
0 if all is well, 3 if the credentials or the account are refused, 4 if the API is out
of reach, 5 if a mount is dead, left by a crash, 6 if only some of what is shown is old,
some contract is refused, none is listed, or one, or all documents of a type, are not
listed any more, for five weeks.`,
		Example: `  ccsfs status
  ccsfs status --json ~/bills | jq .api.calls
  ccsfs status --check ~/bills >/dev/null || echo 'look after it'`,
		Args: takes(0, 1, ""),
		RunE: func(cmd *cobra.Command, args []string) error {
			ctx, done := env.interruptible(cmd.Context())
			defer done()
			return showStatus(ctx, env, args, asJSON, check)
		},
	}
	cmd.Flags().BoolVar(&asJSON, "json", false, "print as JSON: an object, or without MOUNTPOINT a list of them")
	cmd.Flags().BoolVar(&check, "check", false, "exit with 3, 4, 5 or 6 if something is wrong")
	return cmd
}

func showStatus(ctx context.Context, env environment, args []string, asJSON, check bool) error {
	all := []*control.Status{}
	if len(args) == 1 {
		r, err := findRunning(ctx, env, args)
		if err != nil {
			return err
		}
		all = append(all, r.status)
	}
	var silent []error
	for _, m := range askUnless(ctx, env, len(args) == 1) {
		if m.err != nil {
			silent = append(silent, m.err)
			continue
		}
		all = append(all, m.status)
	}
	var dead []sickMount
	if len(args) == 0 {
		var err error
		if dead, _, err = sickMounts(env); err != nil {
			return fail(exitFailed, "%w", err)
		}
	}
	switch {
	case len(all) == 0 && len(silent) > 0:
		return silent[0]
	case len(all) == 0 && len(dead) > 0 && check:
		return fail(exitMount, "%s", joined(dead))
	case len(all) == 0 && len(dead) > 0:
		return fail(exitFailed, "%s", joined(dead))
	case len(all) == 0:
		return noneRunning()
	}
	err := printing(env, func(w io.Writer) error { return printStatus(w, screenOf(env, env.stdout), all, asJSON, len(args) == 1) })
	if err != nil {
		return err
	}
	for _, m := range dead {
		say(env.stderr, "%s", plain(m.String()))
	}
	if check {
		err = checked(env, all, dead)
	}
	for _, one := range silent {
		err = alsoFailed(err, one)
	}
	return err
}

// askUnless is askMounts, unless one was asked already.
func askUnless(ctx context.Context, env environment, one bool) []runningMount {
	if one {
		return nil
	}
	return askMounts(ctx, env)
}

func printStatus(w io.Writer, s screen, all []*control.Status, asJSON, single bool) error {
	if asJSON {
		e := json.NewEncoder(w)
		e.SetEscapeHTML(false)
		e.SetIndent("", "  ")
		if single {
			return e.Encode(all[0])
		}
		return e.Encode(all)
	}
	s.w = w
	return statusText(s, all)
}
