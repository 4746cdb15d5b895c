package mounts

import (
	"os"
	"strconv"

	"github.com/spf13/cobra"

	"ccsfs/cmd/ccsfs/internal/cmdutil"
)

// Complete completes the mountpoints of mounts that are the user's, by the table of mounts:
// none of them is touched. What is typed otherwise is completed as a file.
func Complete(env cmdutil.Environment) cobra.CompletionFunc {
	return func(_ *cobra.Command, args []string, _ string) ([]cobra.Completion, cobra.ShellCompDirective) {
		all, err := mountsInSight(env)
		if err != nil || len(args) > 0 {
			return nil, cobra.ShellCompDirectiveDefault
		}
		var points []cobra.Completion
		for _, m := range all {
			if m.User == "" || m.User == strconv.Itoa(os.Geteuid()) {
				points = append(points, m.Point)
			}
		}
		return points, cobra.ShellCompDirectiveDefault
	}
}
