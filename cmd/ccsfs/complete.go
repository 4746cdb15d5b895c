package main

import (
	"context"
	"os"
	"path"
	"path/filepath"
	"strings"

	"github.com/spf13/cobra"

	"ccsfs/cmd/ccsfs/internal/settings"
	"ccsfs/cmd/ccsfs/internal/tree"
	"ccsfs/internal/catalog"
)

// completePaths completes contracts, and with below what is in them, from the
// listings that are saved: a press of the tab key never asks the network, and
// never waits for it. What is no such path may still be a file of one's own.
func completePaths(env environment, below bool) cobra.CompletionFunc {
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
			if n.Path == n.Contract.Name && about(n.Contract) != "" {
				word = cobra.CompletionWithDesc(word, about(n.Contract))
			}
			words = append(words, word)
		}
		return words, directive
	}
}

// savedNodes lists a directory of the tree as it was saved.
func savedNodes(env environment, cmd *cobra.Command, dir string) ([]tree.Node, error) {
	s, err := load(env, cmd)
	if err != nil {
		return nil, err
	}
	if _, err := os.Stat(s.Cache.Dir); err != nil {
		return nil, err // nothing saved: make no directory either
	}
	account, err := cacheDirectory(s)
	if err != nil {
		return nil, err
	}
	c, err := savedCatalog(s, account)
	if err != nil {
		return nil, err
	}
	defer c.Close()
	n, err := tree.Find(context.Background(), c, dir)
	if err != nil || !n.IsDir() {
		return nil, err
	}
	return tree.Children(context.Background(), c, n, false)
}

// savedCatalog is the catalog that was saved in an account's directory. It
// never asks the API: there is none.
func savedCatalog(s *settings.Settings, account string) (*catalog.Catalog, error) {
	layout, err := catalog.ParseLayout(s.Listings.Layout)
	if err != nil {
		return nil, err
	}
	return catalog.New(catalog.Config{
		Types: s.Listings.Types, Contracts: s.Listings.Contracts, Layout: layout, ContractNames: s.Listings.ContractNames,
		TTL: s.Listings.TTL, Listings: s.Listings.Keep, Dir: filepath.Join(account, "catalog"), Offline: true,
	}, nil)
}
