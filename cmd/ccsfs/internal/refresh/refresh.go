// Package refresh is `ccsfs refresh`: mounts ask the API for everything anew.
package refresh

import (
	"context"
	"errors"
	"fmt"

	"github.com/spf13/cobra"
	"golang.org/x/sync/errgroup"

	"ccsfs/cmd/ccsfs/internal/cmdutil"
	"ccsfs/cmd/ccsfs/internal/daemon/control"
	"ccsfs/cmd/ccsfs/internal/exitcode"
	"ccsfs/cmd/ccsfs/internal/mounts"
	"ccsfs/cmd/ccsfs/internal/session"
	"ccsfs/cmd/ccsfs/internal/term"
)

// Command is `ccsfs refresh`.
func Command(env cmdutil.Environment) *cobra.Command {
	return &cobra.Command{
		Use:        "refresh [MOUNTPOINT] [CONTRACT]",
		Short:      "Ask the API anew for what exists",
		SuggestFor: []string{"update", "reload"},
		Long: `Have a running mount ask the API now what contracts and documents there are, instead
of when --listing-ttl has passed: for one contract, or for all that were looked at.
A path into the mount names both. With neither, all mounts of yours are refreshed;
exit status 6 says that some of them could not be, and the others were. An API that is
out of reach is waited for, for three times --timeout of the mount. Contracts that are
not listed any more are named.`,
		Example: `  ccsfs refresh
  ccsfs refresh ~/bills/OCB0001234`,
		Args:              cmdutil.Takes(0, 2, ""),
		ValidArgsFunction: mounts.Complete(env),
		RunE: func(cmd *cobra.Command, args []string) error {
			ctx, done := env.Interruptible(cmd.Context())
			defer done()
			defer session.TellWaiting(env.Stderr, term.IsTerminal(env.Stderr), "waiting for the API; Ctrl-C leaves, and what is shown stays as it is")()
			return refreshRunning(ctx, env, args)
		},
	}
}

func refreshRunning(ctx context.Context, env cmdutil.Environment, args []string) error {
	if len(args) == 0 {
		return refreshAll(ctx, env)
	}
	r, err := mounts.FindRunning(ctx, env, args)
	if err != nil {
		return err
	}
	if len(r.Paths) > 1 {
		return exitcode.Errorf(exitcode.Usage, "name one contract, or none for all")
	}
	path := ""
	if len(r.Paths) == 1 {
		path = r.Paths[0]
	}
	err = r.Refresh(ctx, path)
	if path == "" {
		sayGone(ctx, env, r.Client, err)
	}
	if err != nil {
		return mounts.ExplainControl(ctx, err)
	}
	return nil
}

// sayGone says what is not listed any more, of a mount that was asked for everything
// anew, with a result.
func sayGone(ctx context.Context, env cmdutil.Environment, client *control.Client, result error) {
	var failed *control.Failure
	if result != nil && !errors.As(result, &failed) {
		return // it does not answer
	}
	status, err := client.Status(ctx)
	if err != nil {
		return // whoever wants to know how it is doing asks for that
	}
	for _, p := range status.Catalog.Gone {
		term.Say(env.Stderr, "%s", term.Plain(fmt.Sprintf("warning: %s: %s", status.Mountpoint, p.Cause)))
	}
}

// refreshAll refreshes every mount of the user. They are asked at once: one that
// waits for its API may not keep the others old.
func refreshAll(ctx context.Context, env cmdutil.Environment) error {
	all := mounts.AskMounts(ctx, env)
	if len(all) == 0 {
		return mounts.NoneRunning()
	}
	errs := make([]error, len(all))
	var g errgroup.Group
	for i, m := range all {
		if m.Err != nil {
			continue
		}
		g.Go(func() error {
			errs[i] = m.Client.Refresh(ctx, "")
			return nil
		})
	}
	_ = g.Wait() // the errors are in errs
	var failed session.Failures
	for i, err := range errs {
		if silent := all[i].Err; silent != nil {
			failed.Add("", silent)
			continue
		}
		sayGone(ctx, env, all[i].Client, err)
		if err == nil {
			failed.Succeeded++
			continue
		}
		failed.Add(all[i].Status.Mountpoint, mounts.ExplainControl(ctx, err))
	}
	return failed.Result(env)
}
