// Package completion completes paths, contracts and months in a shell, from what is saved: it
// asks nobody.
package completion

import (
	"context"
	"maps"
	"os"
	"path"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"ccsfs/cmd/ccsfs/internal/cmdutil"
	"ccsfs/cmd/ccsfs/internal/month"
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

// Contracts completes the ids of contracts.
func Contracts(env cmdutil.Environment) cobra.CompletionFunc {
	return func(cmd *cobra.Command, _ []string, _ string) ([]cobra.Completion, cobra.ShellCompDirective) {
		var words []cobra.Completion
		_ = withSaved(env, cmd, func(f *folder.Folder) error { // without any, nothing is completed
			contracts, err := f.Children(context.Background(), folder.Node{}, false)
			for _, n := range contracts {
				words = append(words, cobra.CompletionWithDesc(n.Contract.ID, session.About(n.Contract)))
			}
			return err
		})
		return words, cobra.ShellCompDirectiveNoFileComp
	}
}

// Months completes months: the words that there are for some, and behind them those that
// documents are of, the newest first.
func Months(env cmdutil.Environment) cobra.CompletionFunc {
	return func(cmd *cobra.Command, _ []string, _ string) ([]cobra.Completion, cobra.ShellCompDirective) {
		there := map[month.Month]bool{}
		_ = withSaved(env, cmd, func(f *folder.Folder) error { // without any, words are completed
			contracts, err := f.Children(context.Background(), folder.Node{}, false)
			for _, n := range contracts {
				listed, err := f.Find(context.Background(), n.Path)
				if err != nil {
					continue // of one that was never listed nothing is saved
				}
				listed.Documents(func(d folder.Node) {
					if m, ok := month.OfDocument(d.Doc); ok {
						there[m] = true
					}
				})
			}
			return err
		})
		words := month.Words()
		months := slices.Sorted(maps.Keys(there))
		slices.Reverse(months)
		for _, m := range months {
			words = append(words, m.String())
		}
		return words, cobra.ShellCompDirectiveNoFileComp | cobra.ShellCompDirectiveKeepOrder
	}
}

// savedNodes lists a directory of the tree as it was saved.
func savedNodes(env cmdutil.Environment, cmd *cobra.Command, dir string) (nodes []folder.Node, err error) {
	err = withSaved(env, cmd, func(f *folder.Folder) error {
		n, err := f.Find(context.Background(), dir)
		if err != nil || !n.IsDir() {
			return err
		}
		nodes, err = f.Children(context.Background(), n, false)
		return err
	})
	return nodes, err
}

// withSaved shows the account as it was saved.
func withSaved(env cmdutil.Environment, cmd *cobra.Command, show func(*folder.Folder) error) error {
	s, err := cmdutil.Load(env, cmd)
	if err != nil {
		return err
	}
	if _, err := os.Stat(s.Cache.Dir); err != nil {
		return err // nothing saved: make no directory either
	}
	a, err := session.Saved(s, session.AccountPath(s))
	if err != nil {
		return err
	}
	defer func() { _ = a.Close() }() // nothing was written
	return show(a.Folder)
}
