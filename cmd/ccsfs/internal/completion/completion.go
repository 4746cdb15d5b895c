// Package completion completes paths in a shell, from what is saved: it asks nobody.
package completion

import (
	"context"
	"os"
	"path"
	"strings"

	"github.com/spf13/cobra"

	"ccsfs/cmd/ccsfs/internal/cmdutil"
	"ccsfs/cmd/ccsfs/internal/session"
	"ccsfs/internal/folder"
)

// Paths completes contracts, and with below what is in them, from the
// listings that are saved: a press of the tab key never asks the network, and
// never waits for it. What is no such path may still be a file of one's own.
func Paths(env cmdutil.Environment, below bool) cobra.CompletionFunc {
	return func(cmd *cobra.Command, _ []string, typed string) ([]cobra.Completion, cobra.ShellCompDirective) {
		dir, _ := path.Split(typed)
		if dir != "" && !below {
			return nil, cobra.ShellCompDirectiveNoFileComp
		}
		nodes, err := savedNodes(env, cmd, dir)
		if err != nil {
			return nil, cobra.ShellCompDirectiveNoFileComp
		}
		var words []cobra.Completion
		directive := cobra.ShellCompDirectiveNoFileComp
		for _, n := range nodes {
			word := n.Path
			if !strings.HasPrefix(word, typed) {
				continue
			}
			if n.IsDir() && below {
				word, directive = word+"/", directive|cobra.ShellCompDirectiveNoSpace
			}
			if n.IsContract() && session.About(n.Contract) != "" {
				word = cobra.CompletionWithDesc(word, session.About(n.Contract))
			}
			words = append(words, word)
		}
		return words, directive
	}
}

// savedNodes lists a directory of the tree as it was saved.
func savedNodes(env cmdutil.Environment, cmd *cobra.Command, dir string) ([]folder.Node, error) {
	s, err := cmdutil.Load(env, cmd)
	if err != nil {
		return nil, err
	}
	if _, err := os.Stat(s.Cache.Dir); err != nil {
		return nil, err // nothing saved: make no directory either
	}
	a, err := session.Saved(s, session.AccountPath(s))
	if err != nil {
		return nil, err
	}
	defer func() { _ = a.Close() }() // nothing was written
	n, err := a.Folder.Find(context.Background(), dir)
	if err != nil || !n.IsDir() {
		return nil, err
	}
	return a.Folder.Children(context.Background(), n, false)
}
