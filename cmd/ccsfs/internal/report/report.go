// Package report is `ccsfs report`: which documents there are by month, which are missing,
// and what they cost. What that means is up to completeness, costs and amounts.
package report

import (
	"context"
	"fmt"
	"io"
	"slices"

	"github.com/spf13/cobra"

	"ccsfs/cmd/ccsfs/internal/choice"
	"ccsfs/cmd/ccsfs/internal/cmdutil"
	"ccsfs/cmd/ccsfs/internal/completeness"
	"ccsfs/cmd/ccsfs/internal/completion"
	"ccsfs/cmd/ccsfs/internal/exitcode"
	"ccsfs/cmd/ccsfs/internal/localpath"
	"ccsfs/cmd/ccsfs/internal/session"
	"ccsfs/cmd/ccsfs/internal/term"
	"ccsfs/internal/billing"
	"ccsfs/internal/catalog"
	"ccsfs/internal/folder"
)

// reportOptions are the flags of report.
type reportOptions struct {
	json, csv, check bool
	choice           choice.Flags
	sieve            *choice.Sieve
	costOptions
}

// Command is `ccsfs report`.
func Command(env cmdutil.Environment) *cobra.Command {
	var o reportOptions
	cmd := &cobra.Command{
		Use:        "report [flags] [CONTRACT…]",
		Short:      "Show which documents there are by month, which are missing, and what they cost",
		SuggestFor: []string{"summary", "costs", "spend", "sum", "total", "missing", "months", "audit", "completeness"},
		Long: `Show, for each contract and document type, how many documents there are of each
month, which months are missing, and the sum of the amounts that the API tells. Nothing
is downloaded but listings. What the API refuses, listings that are old, and those that
it may have cut short, are said.

A type has a rhythm: a document every month, or every third, sixth or twelfth. It is due
from the first month of any type of that rhythm in the contract on, until the last month
that has been over for a week. Documents of the running month are never due, nor are
those of types that the contract never had. But of a type that was named (--types), which
other contracts shown have, a contract without any is told.

--since, --until, --name and --min-amount choose what is counted; what is missing is
measured by all documents, and is told of the months from --since to --until.
` + choice.Help + `

With --costs, or --by, it is what documents cost: sums by contract, type, year and month.
A bill, its invoice and the reports are about the same money, so that amounts of
different types are never added together: without --types it is those of bills. What the
API does not tell is read from documents in the cache, of a few forms that are known, and
marked (*); --read fetches the others, a call each. What is in no sum is said, and the
exit status is 6.

A CONTRACT may be a pattern, in quotes, or the directory of one in a mount.

With --check the exit status is 7 if something is missing, or may be, also for five
weeks after a contract has dropped off the list of contracts, or all documents of a type
off that of a contract.`,
		Example: `  ccsfs report
  ccsfs report 'OCB00018*'
  ccsfs report --check --since=2026-01 --types=bills,invoices
  ccsfs report --since=last-year --until=last-year
  ccsfs report --costs --by=contract,month --since=this-year
  ccsfs report --costs --read --by=year --csv >costs.csv
  ccsfs report --xlsx=costs.xlsx --since=last-year
  ccsfs report --csv >documents.csv
  ccsfs report --json | jq -r '.[] | .contract as $c | .types[] | [$c, .type, .missing[]] | @tsv'`,
		Args:              cmdutil.Takes(0, -1, ""),
		ValidArgsFunction: completion.Paths(env, false),
		RunE: func(cmd *cobra.Command, args []string) error {
			if o.json && o.csv {
				return exitcode.Errorf(exitcode.Usage, "--json and --csv: choose one")
			}
			chosen, err := o.choice.Parse(env.Now())
			if err == nil {
				err = o.costOptions.check(cmd, o.json || o.csv)
			}
			if err != nil {
				return err
			}
			o.sieve = chosen.Sieve()
			span := completeness.Span{Now: env.Now()}
			span.Since, span.Until = chosen.Months()
			return localpath.WithAccount(env, cmd, session.Copying, args, func(ctx context.Context, a session.Session, args []string) error {
				return report(ctx, a, args, o, span)
			})
		},
	}
	cmd.Flags().BoolVar(&o.json, "json", false, "print one JSON array; of costs, an object")
	cmd.Flags().BoolVar(&o.csv, "csv", false, "print CSV, a row for each contract, type, month and currency")
	cmd.Flags().BoolVar(&o.check, "check", false, "exit with 7 if something is missing")
	o.choice.Add(cmd)
	o.costOptions.add(cmd)
	cmdutil.AddSettings(cmd, cmdutil.AccountGroups()...)
	return cmd
}

func report(ctx context.Context, o session.Session, args []string, opt reportOptions, span completeness.Span) error {
	if opt.read && o.Settings.API.Offline {
		return exitcode.Errorf(exitcode.Usage, "--read asks the API, which --offline forbids: choose one")
	}
	var failed session.Failures
	entries, err := contractsNamed(ctx, o, args, &failed)
	if err != nil {
		return session.ExplainAPI(o.Settings, err)
	}
	spent := spender{Session: o, options: opt.costOptions, sieve: opt.sieve.Choice().Sieve(), refs: map[*billing.Document]folder.Node{}}
	contracts := []completeness.Contract{} // an empty array, not null
	for _, l := range o.Listings(ctx, entries) {
		if l.Err != nil {
			failed.Add(l.Entry.Name, l.Err)
			continue
		}
		failed.Succeeded++
		its := span
		its.Chosen = chosenOf(opt.sieve, l.Entry, l.Listing)
		contracts = append(contracts, completeness.Build(l.Entry, l.Listing, its))
		if opt.wanted() {
			spent.take(folder.Node{Path: l.Entry.Name, Contract: &l.Entry, Listing: l.Listing, Dir: l.Listing.Tree})
		}
	}
	if note := opt.sieve.Note(); note != "" && !opt.check && !opt.wanted() { // which speaks of what is missing alone
		term.Say(o.Env.Stderr, "%s", note)
	}
	if ctx.Err() != nil {
		return exitcode.Errorf(exitcode.Failed, "interrupted")
	}
	completeness.Compare(contracts, o.Settings.Listings.Types)
	var unprinted error
	switch {
	case len(contracts) == 0 && len(failed.All) > 0:
	case opt.wanted():
		if unprinted = spent.print(ctx, contracts, opt, &failed); ctx.Err() != nil {
			return unprinted
		}
	default:
		unprinted = cmdutil.Printing(o.Env, func(w io.Writer) error { return writeReport(o, w, contracts, opt) })
	}
	lacking := opt.check && sayMissing(o, contracts)
	if err := o.Printed(unprinted, &failed); err != nil || !lacking {
		return err
	}
	return exitcode.Silently(exitcode.Missing)
}

// chosenOf tells which documents of a contract are asked for, nil if all are.
func chosenOf(sieve *choice.Sieve, e catalog.ContractEntry, l *catalog.Listing) func(*billing.Document) bool {
	if sieve.Choice().All() {
		return nil
	}
	at := map[string]string{} // paths by id
	folder.Node{Path: e.Name, Contract: &e, Listing: l, Dir: l.Tree}.Documents(func(n folder.Node) {
		at[n.Doc.ID] = n.Path
	})
	return func(d *billing.Document) bool { return sieve.Holds(at[d.ID], d) }
}

// sayMissing says what --check found, if anything. What the API says itself that it
// left out is a failure, which every command says.
func sayMissing(o session.Session, contracts []completeness.Contract) (lacking bool) {
	lacks := func(format string, args ...any) {
		lacking = true
		term.Say(o.Env.Stderr, "missing: %s", term.Plain(fmt.Sprintf(format, args...)))
	}
	told := make(map[string]bool)
	for _, one := range o.Catalog.Shortfalls() {
		switch {
		case one.Kind == catalog.Unlisted:
			lacking = lacking || len(one.Types) == 0 // which every command says
		case one.Kind == catalog.Gone:
			lacking = lacking || len(o.GoneOf([]catalog.Shortfall{one})) > 0 // the same
		case one.Kind != catalog.Suspect:
		case one.Told:
			told[one.ContractID] = true
		case one.ContractID == "": // contracts that are not listed have no report
			lacks("%s", one.Err)
		}
	}
	for _, c := range contracts {
		if text := c.Lacks(); text != "" {
			lacks("%s: %s", c.ID, text)
		}
		if c.Suspect != "" && !told[c.ID] {
			lacks("%s: %s", c.ID, c.Suspect)
		}
	}
	return lacking
}

// tableWidth is how wide tables may be where the output goes, in columns; 0: as wide as
// they are.
func tableWidth(env cmdutil.Environment) int {
	return term.ScreenOf(env.Vars, env.Stdout).TableWidth()
}

func writeReport(o session.Session, w io.Writer, contracts []completeness.Contract, opt reportOptions) error {
	if !opt.json && !opt.csv {
		return completeness.WriteTable(w, tableWidth(o.Env), contracts, term.Plain)
	}
	if opt.json {
		return term.EncodeJSON(w, contracts)
	}
	return completeness.WriteCSV(w, contracts)
}

// contractsNamed finds contracts by the names of their directories, or patterns of them;
// all, without a name.
func contractsNamed(ctx context.Context, o session.Session, names []string, failed *session.Failures) ([]catalog.ContractEntry, error) {
	contracts, err := o.Catalog.Contracts(ctx)
	if err != nil {
		return nil, err
	}
	if len(names) == 0 || slices.Contains(names, "") { // the root of a mount
		o.ShowsAll(ctx)
		return contracts.Entries, nil
	}
	var entries []catalog.ContractEntry
	for _, name := range names {
		found, err := contractsAt(contracts, name)
		if err != nil {
			failed.Add(name, err)
		}
		for _, e := range found {
			if !slices.Contains(entries, e) {
				entries = append(entries, e)
			}
		}
	}
	o.ShowsMatches(ctx, names, failed)
	return entries, nil
}

// contractsAt finds the contract of a name, or those that a pattern matches.
func contractsAt(contracts *catalog.Contracts, name string) ([]catalog.ContractEntry, error) {
	switch parts := folder.Split(name); {
	case len(parts) > 1:
		return nil, exitcode.Errorf(exitcode.Usage, "%s leads into a contract, and a report is of whole ones; to choose documents: ccsfs report --name=%s %s",
			name, term.Quote(parts[len(parts)-1]), term.Quote(parts[0]))
	case len(parts) == 1:
		name = parts[0]
	}
	e, err := folder.Contract(contracts, name)
	if err == nil {
		return []catalog.ContractEntry{e}, nil
	}
	if !folder.IsPattern(name) {
		return nil, err
	}
	shown, hidden := folder.ContractsAt(contracts, name)
	switch {
	case len(shown) > 0:
		return shown, nil
	case len(hidden) > 0:
		return nil, &folder.HiddenError{Name: name}
	case contracts.Stale != nil: // it says that the list is old
		return nil, err
	}
	return nil, &folder.NoMatchError{Pattern: name}
}
