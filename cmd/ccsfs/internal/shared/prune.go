package shared

import (
	"context"
	"fmt"
	"io"
	"time"

	"github.com/spf13/cobra"

	"ccsfs/cmd/ccsfs/internal/cmdutil"
	"ccsfs/cmd/ccsfs/internal/exitcode"
	"ccsfs/cmd/ccsfs/internal/progress"
	"ccsfs/cmd/ccsfs/internal/term"
	"ccsfs/internal/catalog"
	"ccsfs/internal/content"
	"ccsfs/internal/pool"
)

// listedFor is how much older than the listing of its contract a document must be to go:
// what members put there since may be in a later listing, and their clocks differ.
const listedFor = time.Hour

// pruning is what prune did. Its keys in JSON do not change.
type pruning struct {
	Account   string         `json:"account"`
	Would     bool           `json:"would,omitempty"` // with --dry-run: nothing was done
	Removed   int            `json:"removed"`
	Bytes     int64          `json:"bytes"`     // removed, as they lay in the store
	Contracts []prunedOf     `json:"contracts"` // of which something went
	Left      []leftContract `json:"left"`      // of which nothing was looked at
}

type prunedOf struct {
	Contract string `json:"contract"`
	Removed  int    `json:"removed"`
	Bytes    int64  `json:"bytes"`
}

// leftContract is one whose documents are left alone, since nobody knows which are listed.
type leftContract struct {
	Contract string `json:"contract"`
	Reason   string `json:"reason"`
}

func pruneCommand(env cmdutil.Environment) *cobra.Command {
	var dry, asJSON bool
	cmd := &cobra.Command{
		Use:   "prune [flags]",
		Short: "Take out of the shared store what no listing has any more",
		Long: `Take out of the shared store the documents that the listings of their contracts do not
have any more. What is listed is known by the listings in the shared store: the API is asked
for nothing, and these are as old as whoever looked last. What was put there less than an
hour before the listing, or after it, stays. So does all of a contract whose listing is not
there or may not be whole, which is told, and of contracts that the account does not list:
access to these may come back.

Machines go on meanwhile, and do not put there again what they have in their caches. A
document that is listed again is asked for once, and is back.

The exit code is 6 if there are documents of a contract that could not be looked at. With
--json there is one object: {"account", "removed", "bytes", "contracts", "left"}.`,
		Example: `  ccsfs shared prune --dry-run
  ccsfs shared prune --json | jq .bytes`,
		Args: cmdutil.Takes(0, 0, ""),
		RunE: func(cmd *cobra.Command, _ []string) error {
			console := progress.NewConsole(env.Stderr, env.Vars["TERM"])
			return withPool(env, cmd, func(ctx context.Context, p *pool.Pool) error {
				return prune(ctx, env, p, console, dry, asJSON)
			})
		},
	}
	cmd.Flags().BoolVarP(&dry, "dry-run", "n", false, "say what would be removed, and remove nothing")
	cmd.Flags().BoolVar(&asJSON, "json", false, "print one JSON object")
	addSettings(cmd)
	return cmd
}

func prune(ctx context.Context, env cmdutil.Environment, p *pool.Pool, console *progress.Console, dry, asJSON bool) error {
	if !p.Keeps() {
		return exitcode.Errorf(exitcode.Settings, "there is no shared store: shared-store is not set")
	}
	contracts, err := catalog.ContractsInPool(ctx, p)
	switch {
	case err != nil:
		return failure(err)
	case contracts == nil:
		return exitcode.Errorf(exitcode.Failed, "the shared store has no list of contracts, so that nobody knows what is listed; a command that looks at the account puts it there: ccsfs ls")
	}
	done := &pruning{Account: p.Account(), Would: dry, Contracts: []prunedOf{}, Left: []leftContract{}}
	meter := console.Start("pruned", len(contracts.Entries))
	for _, c := range contracts.Entries {
		if err = done.one(ctx, p, c.Contract.ID, env.Now()); err != nil {
			err = fmt.Errorf("contract %s: %w", c.Contract.ID, err)
			break
		}
		meter.Done()
	}
	meter.Close()
	for _, l := range done.Left {
		term.Say(env.Stderr, "%s", term.Plain(fmt.Sprintf("contract %s is left alone: %s", l.Contract, l.Reason)))
	}
	printed := cmdutil.Printing(env, func(w io.Writer) error {
		if asJSON {
			return term.EncodeJSON(w, done)
		}
		return done.print(w)
	})
	switch {
	case ctx.Err() != nil:
		return exitcode.Errorf(exitcode.Failed, "interrupted; what was removed stays removed")
	case err != nil:
		return exitcode.Also(failure(err), printed)
	case printed == nil && len(done.Left) > 0:
		return exitcode.Silently(exitcode.Some)
	}
	return printed
}

// one prunes a contract, if it is known what that has.
func (d *pruning) one(ctx context.Context, p *pool.Pool, contractID string, now time.Time) error {
	l, err := catalog.ListingInPool(ctx, p, contractID)
	if err != nil {
		return err
	}
	doubt := "its listing is not in the shared store, or access to it was refused"
	if l != nil {
		doubt = l.Doubt(now)
	}
	if doubt != "" {
		there, err := content.InPool(ctx, p, contractID)
		if there {
			d.Left = append(d.Left, leftContract{contractID, doubt})
		}
		return err
	}
	what := content.Prune{ContractID: contractID, Before: l.FetchedAt.Add(-listedFor), Now: now, Dry: d.Would}
	for i := range l.Documents {
		what.Listed = append(what.Listed, l.Documents[i].ID)
	}
	pruned, err := content.PrunePool(ctx, p, what)
	if pruned.Documents > 0 {
		d.Removed += pruned.Documents
		d.Bytes += pruned.Bytes
		d.Contracts = append(d.Contracts, prunedOf{contractID, pruned.Documents, pruned.Bytes})
	}
	return err
}

func (d *pruning) print(w io.Writer) error {
	for _, c := range d.Contracts {
		if _, err := fmt.Fprintf(w, "%s: %s (%s)\n", term.Plain(c.Contract), term.Plural(c.Removed, "document"), term.BytesText(c.Bytes)); err != nil {
			return err
		}
	}
	text := "nothing to remove: all that the shared store has is listed, or too young"
	switch did := term.Plural(d.Removed, "document"); {
	case d.Removed == 0 && len(d.Left) > 0:
		text = "nothing to remove of the contracts whose listings are known"
	case d.Removed == 0:
	case d.Would:
		text = fmt.Sprintf("would remove %s (%s)", did, term.BytesText(d.Bytes))
	default:
		text = fmt.Sprintf("removed %s (%s)", did, term.BytesText(d.Bytes))
	}
	_, err := fmt.Fprintln(w, text)
	return err
}
