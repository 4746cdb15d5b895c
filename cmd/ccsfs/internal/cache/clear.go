package cache

import (
	"bufio"
	"context"
	"fmt"
	"os"
	"strings"

	"github.com/spf13/cobra"

	"ccsfs/cmd/ccsfs/internal/cmdutil"
	"ccsfs/cmd/ccsfs/internal/exitcode"
	"ccsfs/cmd/ccsfs/internal/session"
	"ccsfs/cmd/ccsfs/internal/settings"
	"ccsfs/cmd/ccsfs/internal/term"
	"ccsfs/internal/account"
)

type clearOptions struct{ yes, listings, quiet, asJSON bool }

func clearCommand(env cmdutil.Environment) *cobra.Command {
	var o clearOptions
	cmd := &cobra.Command{
		Use:   "clear [flags] [ACCOUNT…]",
		Short: "Remove all documents from the cache",
		Long: `Remove all documents from the cache, of all accounts, or of those named as "ccsfs cache
info" does. It asks first; without a terminal it wants --yes.

Mounts and commands go on meanwhile: what is removed is fetched again when it is asked
for, with a call of the API each, and is not to be had while the API is away. Listings
stay: they are what is shown then, and by them what drops off the account is noticed.
With --listings they go, too, and what is known of sizes and hashes. How often the API
was asked lately, and what it has refused, is always kept: who forgets that may lose the
access. Nothing else in the directory is touched.`,
		Example: `  ccsfs cache clear
  ccsfs cache clear --yes --listings 639a88206976df73`,
		ValidArgsFunction: completeAccounts(env),
		Args:              cmdutil.Takes(0, -1, "ACCOUNT"),
		RunE: func(cmd *cobra.Command, args []string) error {
			s, ctx, done, err := load(env, cmd)
			if err != nil {
				return err
			}
			defer done()
			return clearAll(ctx, env, s, o, args)
		},
	}
	f := cmd.Flags()
	f.BoolVarP(&o.yes, "yes", "y", false, "do not ask")
	f.BoolVar(&o.listings, "listings", false, "remove listings and what is known of documents, too")
	f.BoolVarP(&o.quiet, "quiet", "q", false, "print failures only")
	f.BoolVar(&o.asJSON, "json", false, "print a JSON object for each account")
	cmdutil.AddSettings(cmd, settings.GroupCache)
	return cmd
}

func clearAll(ctx context.Context, env cmdutil.Environment, s *settings.Settings, o clearOptions, names []string) error {
	all, err := cacheOf(ctx, s, names)
	if err != nil {
		return err
	}
	if len(all) > 0 && !o.yes {
		if err := confirm(ctx, env, s, all, o.listings); err != nil {
			return err
		}
	}
	var failed session.Failures
	var results []removedJSON
	for _, a := range all {
		r := a.remove(ctx, a.Content.Documents, false, &failed)
		if o.listings && ctx.Err() == nil {
			r.Listings = a.forget(&failed)
		}
		results = append(results, r)
	}
	return finish(ctx, env, s, results, o.quiet, o.asJSON, &failed)
}

// forget removes listings and indexes of an account, and returns how many files it removed.
func (a accountCache) forget(failed *session.Failures) int {
	saved, err := account.ForgetListings(a.dir)
	cleaner := account.Cleaner(a.dir)
	defer func() { _ = cleaner.Close() }() // nothing is written
	n, err2 := cleaner.Forget()
	for _, err := range []error{err, err2} {
		if err != nil {
			failed.Add(a.name, fmt.Errorf("cannot remove listings: %s", problem(err)))
		}
	}
	failed.Succeeded += saved.Files + n
	return saved.Files + n
}

// confirm asks somebody at a terminal.
func confirm(ctx context.Context, env cmdutil.Environment, s *settings.Settings, all []accountCache, listings bool) error {
	n, bytes := 0, int64(0)
	for _, a := range all {
		n += len(a.Content.Documents)
		bytes += a.Content.Bytes()
	}
	what := fmt.Sprintf("%s (%s) of %s", term.Plural(n, "document"), term.BytesText(bytes), term.Plural(len(all), "account"))
	if listings {
		what += ", with the listings,"
	}
	in, ok := env.Stdin.(*os.File)
	if !ok || !term.IsTerminal(in) {
		return exitcode.Errorf(exitcode.Usage, "this removes %s from %s; to do so without being asked: --yes", what, s.Cache.Dir)
	}
	fmt.Fprintf(env.Stderr, "Remove %s from %s? [y/N] ", what, term.Plain(s.Cache.Dir))
	answer := make(chan string, 1)
	go func() { // a signal must not have to wait for the next key
		line, _ := bufio.NewReader(in).ReadString('\n') // no answer is none
		answer <- strings.ToLower(strings.TrimSpace(line))
	}()
	select {
	case a := <-answer:
		if a == "y" || a == "yes" {
			return nil
		}
	case <-ctx.Done():
		fmt.Fprintln(env.Stderr)
	}
	return exitcode.Errorf(exitcode.Failed, "nothing was removed")
}
