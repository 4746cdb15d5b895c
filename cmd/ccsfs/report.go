package main

import (
	"context"
	"fmt"
	"io"
	"slices"

	"github.com/spf13/cobra"

	"ccsfs/cmd/ccsfs/internal/completeness"
	"ccsfs/cmd/ccsfs/internal/month"
	"ccsfs/cmd/ccsfs/internal/tree"
	"ccsfs/internal/catalog"
)

// reportOptions are the flags of report.
type reportOptions struct {
	json, csv, check bool
	since            string
}

func reportCommand(env environment) *cobra.Command {
	var o reportOptions
	cmd := &cobra.Command{
		Use:   "report [flags] [CONTRACT…]",
		Short: "Show which documents there are by month, and which are missing",
		Long: `Show, for each contract and document type, how many documents there are of each
month, which months are missing, and the sum of the amounts that the API tells. Nothing
is downloaded but listings. What the API refuses, listings that are old, and those that
it may have cut short, are said.

A type has a rhythm: a document every month, or every third, sixth or twelfth. It is due
from the first month of any type of that rhythm in the contract on, until the last month
that has been over for a week. Documents of the running month are never due, nor are
those of types that the contract never had. But of a type that was named (--types), which
other contracts shown have, a contract without any is told.

With --check the exit status is 7 if something is missing, or may be, also for five
weeks after a contract has dropped off the list of contracts, or all documents of a type
off that of a contract.`,
		Example: `  ccsfs report
  ccsfs report --check --since=2026-01 --types=bills,invoices
  ccsfs report --csv >documents.csv
  ccsfs report --json | jq -r '.[] | .contract as $c | .types[] | [$c, .type, .missing[]] | @tsv'`,
		Args:              takes(0, -1, ""),
		ValidArgsFunction: completePaths(env, false),
		RunE: func(cmd *cobra.Command, args []string) error {
			if o.json && o.csv {
				return fail(exitUsage, "--json and --csv: choose one")
			}
			span := completeness.Span{Now: env.now()}
			if o.since != "" {
				var err error
				if span.Since, _, err = month.Parse(o.since); err != nil {
					return fail(exitUsage, "--since %q %w", o.since, err)
				}
			}
			return withAccount(env, cmd, copying, func(ctx context.Context, a oneShot) error {
				return a.report(ctx, args, o, span)
			})
		},
	}
	cmd.Flags().BoolVar(&o.json, "json", false, "print one JSON array")
	cmd.Flags().BoolVar(&o.csv, "csv", false, "print CSV, a row for each contract, type, month and currency")
	cmd.Flags().BoolVar(&o.check, "check", false, "exit with 7 if something is missing")
	cmd.Flags().StringVar(&o.since, "since", "", "months before this `MONTH` (2026-01) are not missing")
	addSettings(cmd, accountGroups()...)
	return cmd
}

func (o oneShot) report(ctx context.Context, args []string, opt reportOptions, span completeness.Span) error {
	var failed failures
	entries, err := o.contractsNamed(ctx, args, &failed)
	if err != nil {
		return explainAPI(o.settings, err)
	}
	contracts := []completeness.Contract{} // an empty array, not null
	for _, l := range o.listings(ctx, entries) {
		if l.err != nil {
			failed.add(l.entry.Name, l.err)
			continue
		}
		failed.succeeded++
		contracts = append(contracts, completeness.Build(l.entry, l.listing, span))
	}
	if ctx.Err() != nil {
		return fail(exitFailed, "interrupted")
	}
	completeness.Compare(contracts, o.settings.Listings.Types)
	var unprinted error
	if len(contracts) > 0 || len(failed.all) == 0 {
		unprinted = printing(o.env, func(w io.Writer) error { return o.writeReport(w, contracts, opt) })
	}
	lacking := opt.check && o.sayMissing(contracts)
	if err := o.printed(unprinted, &failed); err != nil || !lacking {
		return err
	}
	return silently(exitMissing)
}

// sayMissing says what --check found, if anything. What the API says itself that it
// left out is a failure, which every command says.
func (o oneShot) sayMissing(contracts []completeness.Contract) (lacking bool) {
	lacks := func(format string, args ...any) {
		lacking = true
		say(o.env.stderr, "missing: %s", plain(fmt.Sprintf(format, args...)))
	}
	told := make(map[string]bool)
	for _, one := range o.catalog.Shortfalls() {
		switch {
		case one.Kind == catalog.Unlisted:
			lacking = lacking || len(one.Types) == 0 // which every command says
		case one.Kind == catalog.Gone:
			lacking = lacking || len(o.goneOf([]catalog.Shortfall{one})) > 0 // the same
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

func (o oneShot) writeReport(w io.Writer, contracts []completeness.Contract, opt reportOptions) error {
	if !opt.json && !opt.csv {
		return completeness.WriteTable(w, contracts, plain)
	}
	if opt.json {
		return encodeJSON(w, contracts)
	}
	return completeness.WriteCSV(w, contracts)
}

// contractsNamed finds contracts by the names of their directories; all,
// without a name.
func (o oneShot) contractsNamed(ctx context.Context, names []string, failed *failures) ([]catalog.ContractEntry, error) {
	contracts, err := o.catalog.Contracts(ctx)
	if err != nil {
		return nil, err
	}
	if len(names) == 0 {
		o.showsAll(ctx)
		return contracts.Entries, nil
	}
	var entries []catalog.ContractEntry
	for _, name := range names {
		e, ok := tree.Contract(contracts, name)
		switch {
		case !ok:
			failed.add(name, tree.NoContract(contracts, name))
		case !slices.Contains(entries, e):
			entries = append(entries, e)
		}
	}
	return entries, nil
}
