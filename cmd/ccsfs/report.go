package main

import (
	"context"
	"io"
	"slices"

	"github.com/spf13/cobra"

	"ccsfs/cmd/ccsfs/internal/completeness"
	"ccsfs/cmd/ccsfs/internal/tree"
	"ccsfs/internal/catalog"
)

func reportCommand(env environment) *cobra.Command {
	var asJSON, asCSV bool
	cmd := &cobra.Command{
		Use:   "report [flags] [CONTRACT…]",
		Short: "Show which documents there are by month, and which are missing",
		Long: `Show, for each contract and document type, how many documents there are of each
month, which months are missing between the first and the last, and the sum of the
amounts that the API tells. Nothing is downloaded but listings. What the API refuses,
listings that are old, and those that it may have cut short, are said.`,
		Example: `  ccsfs report
  ccsfs report --types=bills,invoices OCB0001234
  ccsfs report --csv >documents.csv
  ccsfs report --json | jq -r '.[] | .contract as $c | .types[] | [$c, .type, .missing[]] | @tsv'`,
		ValidArgsFunction: completePaths(env, false),
		RunE: func(cmd *cobra.Command, args []string) error {
			if asJSON && asCSV {
				return fail(exitUsage, "--json and --csv: choose one")
			}
			return withAccount(env, cmd, func(ctx context.Context, a oneShot) error {
				write := a.writeReportTable
				switch {
				case asJSON:
					write = a.writeReportJSON
				case asCSV:
					write = a.writeReportCSV
				}
				return a.report(ctx, args, write)
			})
		},
	}
	cmd.Flags().BoolVar(&asJSON, "json", false, "print one JSON array")
	cmd.Flags().BoolVar(&asCSV, "csv", false, "print CSV, a row for each contract, type, month and currency")
	addSettings(cmd, accountGroups()...)
	return cmd
}

func (o oneShot) report(ctx context.Context, args []string, write func(io.Writer, []completeness.Contract) error) error {
	var failed failures
	entries, err := o.contractsNamed(ctx, args, &failed)
	if err != nil {
		return explainAPI(err)
	}
	contracts := []completeness.Contract{} // an empty array, not null
	for _, l := range o.listings(ctx, entries) {
		if l.err != nil {
			failed.add(l.entry.Name, l.err)
			continue
		}
		failed.succeeded++
		contracts = append(contracts, completeness.Build(l.entry, l.listing))
	}
	if ctx.Err() != nil {
		return fail(exitFailed, "interrupted")
	}
	if len(contracts) > 0 || len(failed.all) == 0 {
		if err := printing(o.env, func(w io.Writer) error { return write(w, contracts) }); err != nil {
			return err
		}
	}
	return failed.result(o.env)
}

// contractsNamed finds contracts by the names of their directories; all,
// without a name.
func (o oneShot) contractsNamed(ctx context.Context, names []string, failed *failures) ([]catalog.ContractEntry, error) {
	contracts, err := o.catalog.Contracts(ctx)
	if err != nil {
		return nil, err
	}
	if contracts.Stale != nil {
		say(o.env.stderr, "warning: the contracts are those of %s: %s", readable(contracts.FetchedAt), contracts.Stale)
	}
	if len(names) == 0 {
		o.missingContracts(contracts, failed)
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

func (o oneShot) writeReportTable(w io.Writer, contracts []completeness.Contract) error {
	return completeness.WriteTable(w, contracts, plain)
}

func (o oneShot) writeReportJSON(w io.Writer, contracts []completeness.Contract) error {
	o.warnReport(contracts)
	return encodeJSON(w, contracts)
}

func (o oneShot) writeReportCSV(w io.Writer, contracts []completeness.Contract) error {
	o.warnReport(contracts)
	return completeness.WriteCSV(w, contracts)
}

// warnReport says on standard error what a program that reads the output might
// pass over.
func (o oneShot) warnReport(contracts []completeness.Contract) {
	for _, c := range contracts {
		for _, w := range c.Warnings() {
			say(o.env.stderr, "warning: %s: %s", c.ID, w)
		}
	}
}
