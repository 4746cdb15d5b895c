package main

import (
	"context"

	"github.com/spf13/cobra"
)

func refreshCommand(env environment) *cobra.Command {
	return &cobra.Command{
		Use:   "refresh [MOUNTPOINT] [CONTRACT]",
		Short: "Ask the API anew for what exists",
		Long: `Have a running mount ask the API now what contracts and documents there are, instead
of when --listing-ttl has passed: for one contract, or for all that were looked at.
A path into the mount names both. MOUNTPOINT may be left out if there is one mount.`,
		Example: `  ccsfs refresh
  ccsfs refresh ~/bills/OCB0001234`,
		Args: takes(0, 2, ""),
		RunE: func(cmd *cobra.Command, args []string) error {
			ctx, done := env.interruptible(cmd.Context())
			defer done()
			return refreshRunning(ctx, env, args)
		},
	}
}

func refreshRunning(ctx context.Context, env environment, args []string) error {
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
	if err := r.Refresh(ctx, path); err != nil {
		return explainControl(ctx, err)
	}
	return nil
}
