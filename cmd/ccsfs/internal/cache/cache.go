// Package cache is `ccsfs cache`: what is kept on disk, how much of it, and how to get rid
// of it, while mounts go on.
package cache

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"ccsfs/cmd/ccsfs/internal/cmdutil"
	"ccsfs/cmd/ccsfs/internal/exitcode"
	"ccsfs/cmd/ccsfs/internal/month"
	"ccsfs/cmd/ccsfs/internal/session"
	"ccsfs/cmd/ccsfs/internal/settings"
	"ccsfs/internal/account"
	"ccsfs/internal/content/blobstore"
	"ccsfs/internal/folder"
)

// Command is `ccsfs cache`.
func Command(env cmdutil.Environment) *cobra.Command {
	cmd := &cobra.Command{
		Use:        "cache",
		Short:      "What is kept on disk, and removing it",
		SuggestFor: []string{"clean", "gc", "prune", "purge", "du", "df", "clear"},
		Example: `  ccsfs cache info
  ccsfs cache prune --older-than=90d
  ccsfs cache clear`,
		Args: cmdutil.KnownCommand,
		RunE: func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	cmd.AddCommand(infoCommand(env), pruneCommand(env), clearCommand(env))
	return cmd
}

// accountCache is the part of the cache that an account has.
type accountCache struct {
	name    string // of its directory: what stands for API and client id
	dir     string
	current bool // of the account that the settings name
	account.Stock
}

// cacheOf looks at the parts of the cache, all or those named.
func cacheOf(ctx context.Context, s *settings.Settings, names []string) ([]accountCache, error) {
	dirs, err := account.In(s.Cache.Dir)
	if err != nil {
		return nil, exitcode.With(exitcode.Settings, err)
	}
	var all []accountCache
	for _, dir := range dirs {
		name := filepath.Base(dir)
		if info, err := os.Lstat(dir); err != nil || !info.IsDir() || !account.IsPath(name) || len(names) > 0 && !slices.Contains(names, name) {
			continue
		}
		a := accountCache{name: name, dir: dir, current: dir == session.AccountPath(s)}
		if a.Stock, err = account.TakeStock(ctx, dir); err != nil {
			return nil, failure(ctx, err)
		}
		all = append(all, a)
	}
	for _, name := range names {
		if !slices.ContainsFunc(all, func(a accountCache) bool { return a.name == name }) {
			return nil, exitcode.Errorf(exitcode.Usage, "no account %q has a cache in %s; `ccsfs cache info` names those that have", name, s.Cache.Dir)
		}
	}
	return all, nil
}

// failure gives an error its exit code; that of a command that was interrupted says so.
func failure(ctx context.Context, err error) error {
	if ctx.Err() != nil {
		return exitcode.Errorf(exitcode.Failed, "interrupted")
	}
	return exitcode.With(exitcode.Failed, err)
}

// known is what the saved listings tell of an account.
type known struct {
	contracts []string                      // ids
	months    map[blobstore.Key]month.Month // of the documents whose month is known
}

// lookUp reads the saved listings of an account. What cannot be read is not known.
func lookUp(s *settings.Settings, dir string) known {
	k := known{months: map[blobstore.Key]month.Month{}}
	all := *s
	all.Listings.Contracts = nil // a filter is of what is shown, and not of what is kept
	a, err := session.Saved(&all, dir)
	if err != nil {
		return k
	}
	defer func() { _ = a.Close() }() // nothing was written
	contracts, err := a.Catalog.Contracts(context.Background())
	if err != nil {
		return k
	}
	for _, e := range contracts.Entries {
		k.contracts = append(k.contracts, e.ID)
		l, err := a.Catalog.Known(e.ID)
		if err != nil || l == nil {
			continue
		}
		of, _ := folder.At(e, l, nil) // cannot fail: nothing is looked up below it
		of.Documents(func(d folder.Node) {
			if m, ok := month.OfDocument(d.Doc); ok {
				k.months[blobstore.KeyOf(d.Doc.ContractID, d.Doc.ID)] = m
			}
		})
	}
	return k
}

// emptyText says that there is no cache.
func emptyText(s *settings.Settings) string { return "nothing is cached in " + s.Cache.Dir }

// problem words why something could not be removed, without the path of ours in it.
func problem(err error) string {
	var p *fs.PathError
	if errors.As(err, &p) {
		return fmt.Sprintf("%s: %v", filepath.Base(filepath.Dir(p.Path)), p.Err)
	}
	return strings.ReplaceAll(err.Error(), "\n", "; ")
}

// load reads the settings and begins a command that a signal can end.
func load(env cmdutil.Environment, cmd *cobra.Command) (*settings.Settings, context.Context, func(), error) {
	s, err := cmdutil.Load(env, cmd)
	if err != nil {
		return nil, nil, nil, err
	}
	cmdutil.Warn(env, s)
	ctx, done := env.Interruptible(cmd.Context())
	return s, ctx, done, nil
}

// completeAccounts completes the names of accounts.
func completeAccounts(env cmdutil.Environment) cobra.CompletionFunc {
	return func(cmd *cobra.Command, _ []string, _ string) ([]cobra.Completion, cobra.ShellCompDirective) {
		s, err := cmdutil.Load(env, cmd)
		if err != nil {
			return nil, cobra.ShellCompDirectiveNoFileComp
		}
		var names []string
		dirs, _ := account.In(s.Cache.Dir) // none: nothing to complete
		for _, dir := range dirs {
			names = append(names, filepath.Base(dir))
		}
		return names, cobra.ShellCompDirectiveNoFileComp
	}
}
