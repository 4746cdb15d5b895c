// Package cat is `ccsfs cat`: the bytes of documents, without a mount.
package cat

import (
	"context"
	"errors"
	"io"

	"github.com/spf13/cobra"

	"ccsfs/cmd/ccsfs/internal/cmdutil"
	"ccsfs/cmd/ccsfs/internal/completion"
	"ccsfs/cmd/ccsfs/internal/exitcode"
	"ccsfs/cmd/ccsfs/internal/localpath"
	"ccsfs/cmd/ccsfs/internal/session"
	"ccsfs/cmd/ccsfs/internal/term"
	"ccsfs/internal/folder"
)

// Command is `ccsfs cat`.
func Command(env cmdutil.Environment) *cobra.Command {
	cmd := &cobra.Command{
		Use:        "cat [flags] PATH…",
		Short:      "Print documents, without a mount",
		SuggestFor: []string{"show", "print", "open", "view", "less", "read"},
		Long: `Print the bytes of documents, one after the other, as they arrive. Paths are those
that "ccsfs ls" shows, or patterns, in quotes: 'OCB*/Invoice_*'. What was fetched once
comes from the cache.

` + localpath.Help,
		Example: `  ccsfs cat OCB0001234/Invoice_OCB0001234_202610.pdf >invoice.pdf
  ccsfs cat OCB0001234/.contract.json | jq .customer`,
		Args:              cmdutil.Takes(1, -1, "PATH"),
		ValidArgsFunction: completion.Paths(env, true),
		RunE: func(cmd *cobra.Command, args []string) error {
			return localpath.WithAccount(env, cmd, session.Looking, args, cat)
		},
	}
	cmdutil.AddSettings(cmd, cmdutil.AccountGroups()...)
	return cmd
}

func cat(ctx context.Context, a session.Session, args []string) error {
	var failed session.Failures
	found := a.Match(ctx, args, &failed)
	a.ShowsMatches(ctx, args, &failed)
	err := cmdutil.Printing(a.Env, func(w io.Writer) error {
		for _, m := range found {
			switch err := catOne(ctx, a, w, m); {
			case isWrite(err):
				return err
			case err != nil:
				failed.Add(m.Name, err)
			default:
				failed.Succeeded++
			}
		}
		return nil
	})
	return a.Printed(err, &failed)
}

func catOne(ctx context.Context, a session.Session, w io.Writer, m session.Matched) error {
	if m.IsDir() {
		return exitcode.Errorf(exitcode.Failed, "%s is a directory; `ccsfs ls %s` lists it", m.Name, term.Quote(m.Name))
	}
	f, err := a.Folder.Open(ctx, m.Node)
	if err != nil {
		return err
	}
	defer f.Close()
	return f.WriteTo(ctx, w)
}

// isWrite tells a failure of the output, after which nothing can be printed.
func isWrite(err error) bool {
	var w *folder.WriteError
	return errors.As(err, &w)
}
