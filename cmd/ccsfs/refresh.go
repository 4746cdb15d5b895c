package main

import (
	"context"
	"errors"
	"fmt"

	"github.com/spf13/cobra"
	"golang.org/x/sync/errgroup"

	"ccsfs/cmd/ccsfs/internal/control"
)

func refreshCommand(env environment) *cobra.Command {
	return &cobra.Command{
		Use:   "refresh [MOUNTPOINT] [CONTRACT]",
		Short: "Ask the API anew for what exists",
		Long: `Have a running mount ask the API now what contracts and documents there are, instead
of when --listing-ttl has passed: for one contract, or for all that were looked at.
A path into the mount names both. With neither, all mounts of yours are refreshed;
exit status 6 says that some of them could not be, and the others were. An API that is
out of reach is waited for, for three times --timeout of the mount. Contracts that are
not listed any more are named.`,
		Example: `  ccsfs refresh
  ccsfs refresh ~/bills/OCB0001234`,
		Args: takes(0, 2, ""),
		RunE: func(cmd *cobra.Command, args []string) error {
			ctx, done := env.interruptible(cmd.Context())
			defer done()
			defer tellWaiting(env.stderr, isTerminal(env.stderr))()
			return refreshRunning(ctx, env, args)
		},
	}
}

func refreshRunning(ctx context.Context, env environment, args []string) error {
	if len(args) == 0 {
		return refreshAll(ctx, env)
	}
	r, err := findRunning(ctx, env, args)
	if err != nil {
		return err
	}
	if len(r.paths) > 1 {
		return fail(exitUsage, "name one contract, or none for all")
	}
	path := ""
	if len(r.paths) == 1 {
		path = r.paths[0]
	}
	err = r.Refresh(ctx, path)
	if path == "" {
		sayGone(ctx, env, r.Client, err)
	}
	if err != nil {
		return explainControl(ctx, err)
	}
	return nil
}

// sayGone says what is not listed any more, of a mount that was asked for everything
// anew, with a result.
func sayGone(ctx context.Context, env environment, client *control.Client, result error) {
	var failed *control.Failure
	if result != nil && !errors.As(result, &failed) {
		return // it does not answer
	}
	status, err := client.Status(ctx)
	if err != nil {
		return // whoever wants to know how it is doing asks for that
	}
	for _, p := range status.Catalog.Gone {
		say(env.stderr, "%s", plain(fmt.Sprintf("warning: %s: %s", status.Mountpoint, p.Cause)))
	}
}

// refreshAll refreshes every mount of the user. They are asked at once: one that
// waits for its API may not keep the others old.
func refreshAll(ctx context.Context, env environment) error {
	mounts := askMounts(ctx, env)
	if len(mounts) == 0 {
		return noneRunning()
	}
	errs := make([]error, len(mounts))
	var g errgroup.Group
	for i, m := range mounts {
		if m.err != nil {
			continue
		}
		g.Go(func() error {
			errs[i] = m.client.Refresh(ctx, "")
			return nil
		})
	}
	_ = g.Wait() // the errors are in errs
	var failed failures
	for i, err := range errs {
		if silent := mounts[i].err; silent != nil {
			failed.add("", silent)
			continue
		}
		sayGone(ctx, env, mounts[i].client, err)
		if err == nil {
			failed.succeeded++
			continue
		}
		failed.add(mounts[i].status.Mountpoint, explainControl(ctx, err))
	}
	return failed.result(env)
}
