package report

import (
	"cmp"
	"context"
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"ccsfs/cmd/ccsfs/internal/choice"
	"ccsfs/cmd/ccsfs/internal/cmdutil"
	"ccsfs/cmd/ccsfs/internal/completeness"
	"ccsfs/cmd/ccsfs/internal/costs"
	"ccsfs/cmd/ccsfs/internal/exitcode"
	"ccsfs/cmd/ccsfs/internal/month"
	"ccsfs/cmd/ccsfs/internal/reading"
	"ccsfs/cmd/ccsfs/internal/session"
	"ccsfs/cmd/ccsfs/internal/term"
	"ccsfs/internal/billing"
	"ccsfs/internal/content"
	"ccsfs/internal/folder"
)

// costOptions are the flags of report that are about what documents cost.
type costOptions struct {
	costs, read, force bool
	by                 []string
	xlsx               string // a file

	keys []costs.Key
}

func (o *costOptions) add(cmd *cobra.Command) {
	f := cmd.Flags()
	f.BoolVar(&o.costs, "costs", false, "add up what documents cost instead; of bills, unless --types names others")
	f.StringSliceVar(&o.by, "by", nil, "add up by these, a `LIST` of contract, type, year and month (default contract,year)")
	f.BoolVar(&o.read, "read", false, "fetch documents of which the API tells no amount, to read it, a call each")
	f.StringVar(&o.xlsx, "xlsx", "", "write costs, months and documents to a workbook, a new `FILE`")
	f.BoolVar(&o.force, "force", false, "write over the FILE of --xlsx")
	_ = cmd.RegisterFlagCompletionFunc("by", cmdutil.CompleteList([]string{"contract", "type", "year", "month"})) // fails for a flag that is not there alone
}

// wanted tells whether costs are asked for.
func (o *costOptions) wanted() bool { return o.costs || o.read || o.xlsx != "" || len(o.by) > 0 }

// check reads the flags; other tells that the output has another form. Its errors have an
// exit code.
func (o *costOptions) check(cmd *cobra.Command, other bool) (err error) {
	switch {
	case cmd.Flags().Changed("by") && len(o.by) == 0:
		return exitcode.Errorf(exitcode.Usage, "--by is empty: give it a value, or leave it out")
	case o.xlsx != "" && other:
		return exitcode.Errorf(exitcode.Usage, "--json, --csv and --xlsx: choose one")
	case o.xlsx == "-":
		return exitcode.Errorf(exitcode.Usage, "--xlsx takes the name of a file; a workbook is nothing to print")
	case o.force && o.xlsx == "":
		return exitcode.Errorf(exitcode.Usage, "--force is for --xlsx=FILE alone")
	}
	if o.keys, err = costs.ParseKeys(o.by); err != nil {
		return exitcode.Errorf(exitcode.Usage, "--by: %w", err)
	}
	if len(o.keys) == 0 {
		o.keys = []costs.Key{costs.ByContract, costs.ByYear}
	}
	if o.xlsx == "" {
		return nil
	}
	return checkWorkbook(o.xlsx, o.force)
}

// spender gathers what documents cost.
type spender struct {
	session.Session
	options costOptions
	sieve   *choice.Sieve

	refs map[*billing.Document]folder.Node
	docs []costs.Document
}

// take takes in the documents of a contract that are asked for. What is not known of an
// amount yet leaves a document in.
func (s *spender) take(root folder.Node) {
	asked := s.sieve.Choice().Sieve()
	root.Documents(func(n folder.Node) {
		if !asked.Holds(n.Path, n.Doc) {
			s.sieve.Holds(n.Path, n.Doc) // keeps account of it
			return
		}
		s.refs[n.Doc] = n
		s.docs = append(s.docs, costs.NewDocument(root.Contract.Contract.Name, n.Path, n.Doc))
	})
}

// types are those that are added up: those that were named; else all there are, if sums
// are by type; else the bills.
func (s *spender) types() []string {
	if named := s.Settings.Listings.Types; len(named) > 0 {
		return session.Unique(named)
	}
	if !slices.Contains(s.options.keys, costs.ByType) {
		return []string{billing.TypeBills}
	}
	var all []string
	for _, d := range s.docs {
		all = append(all, d.Doc.Type)
	}
	all = session.Unique(all)
	slices.SortFunc(all, func(a, b string) int {
		return cmp.Or(cmp.Compare(completeness.Rank(a), completeness.Rank(b)), cmp.Compare(a, b))
	})
	return all
}

// sum reads what can be read, and adds up.
func (s *spender) sum(ctx context.Context, contracts []completeness.Contract, failed *session.Failures) (*costs.Costs, error) {
	types := s.types()
	more, err := s.read(ctx, types, failed)
	if err != nil {
		return nil, err
	}
	chosen := s.docs[:0]
	for _, d := range s.docs {
		known := *d.Doc // with what was read, for --min-amount
		if d.Source == costs.Read {
			known.Amount, known.Currency = d.Amount, d.Currency
		}
		if !slices.Contains(types, d.Doc.Type) || s.sieve.Holds(d.Path, &known) {
			chosen = append(chosen, d)
		}
	}
	completeness.Compare(contracts, types) // who asks for their costs expects them
	c := costs.Of(chosen, types, s.options.keys, lacks(contracts))
	s.judge(c, contracts, more, failed)
	return c, nil
}

// read fills in what can be known of documents of these types, and returns how many would
// have to be fetched for that.
func (s *spender) read(ctx context.Context, types []string, failed *session.Failures) (more int, err error) {
	r := reading.Reader{
		Content: s.Content, Logger: s.Logger, Connections: s.Settings.API.Connections, Fetch: s.options.read,
		Ref: func(d *billing.Document) content.Ref { return s.refs[d].Ref() },
		Fetching: func(n int) {
			if term.ScreenOf(s.Env.Vars, s.Env.Stderr).Terminal {
				term.Say(s.Env.Stderr, "fetching %s to read what they cost", term.Plural(n, "document"))
			}
		},
	}
	out := r.All(ctx, s.docs, types)
	if ctx.Err() != nil {
		return 0, exitcode.Errorf(exitcode.Failed, "interrupted")
	}
	for _, d := range s.docs { // in order
		if err := out.Wrong[d.Path]; err != nil {
			failed.Add(d.Path, err)
		}
	}
	return out.More, nil
}

// lacks are the months of which something is due and not there, and types of which there
// is nothing at all.
func lacks(contracts []completeness.Contract) (all []costs.Lack) {
	for _, c := range contracts {
		for _, t := range c.Types {
			if len(t.Missing) > 0 {
				all = append(all, costs.Lack{Contract: c.ID, Name: c.Name, Type: t.Type, Months: t.Missing})
			}
		}
		for _, t := range c.None {
			all = append(all, costs.Lack{Contract: c.ID, Name: c.Name, Type: t, Months: []month.Month{}})
		}
	}
	return all
}

// judge says what the sums lack: they are not the whole truth then.
func (s *spender) judge(c *costs.Costs, contracts []completeness.Contract, more int, failed *session.Failures) {
	if text := c.Lacking(); text != "" {
		hint := "; `ccsfs report --json --costs` tells why of each"
		if more > 0 {
			hint = fmt.Sprintf("; --read would fetch %s to look for it, a call each", term.Plural(more, "document"))
		}
		failed.Add("", exitcode.Errorf(exitcode.Some, "%s%s", text, hint))
	}
	if len(s.Settings.Listings.Types) == 0 { // else every command says it
		for _, one := range contracts {
			for _, t := range one.Refused {
				if slices.Contains(c.Types, t) {
					failed.Add(one.ID, exitcode.Errorf(exitcode.Some, "%s, and in no sum", completeness.Refusal([]string{t})))
				}
			}
		}
	}
	if others := s.others(c); len(c.Documents) == 0 && len(others) > 0 {
		term.Say(s.Env.Stderr, "no %s among those asked for, whose amounts are added up unless --types names others: there are %s",
			term.Plain(strings.Join(c.Types, ", ")), term.Plain(strings.Join(others, ", ")))
	}
}

// others are the types of documents that are asked for and not added up.
func (s *spender) others(c *costs.Costs) []string {
	var types []string
	for _, d := range s.docs {
		if !slices.Contains(c.Types, d.Doc.Type) {
			types = append(types, d.Doc.Type)
		}
	}
	return session.Unique(types)
}

// writeCosts writes sums in the form that was asked for; width is that of a table.
func writeCosts(w io.Writer, width int, c *costs.Costs, contracts []completeness.Contract, opt reportOptions) error {
	switch {
	case opt.json:
		return term.EncodeJSON(w, c)
	case opt.csv:
		return c.WriteCSV(w)
	}
	var notes []string
	for _, one := range contracts {
		for _, text := range one.Warnings() {
			notes = append(notes, "! "+one.ID+": "+text)
		}
	}
	if len(c.Documents) == 0 {
		notes = append(notes, "no documents of type "+strings.Join(c.Types, ", ")+" among those asked for")
	}
	return c.WriteTable(w, width, notes, term.Plain)
}

// print gathers, adds up and writes.
func (s *spender) print(ctx context.Context, contracts []completeness.Contract, opt reportOptions, failed *session.Failures) error {
	c, err := s.sum(ctx, contracts, failed)
	if err != nil {
		return err
	}
	if note := s.sieve.Note(); note != "" {
		term.Say(s.Env.Stderr, "%s", note)
	}
	if opt.xlsx != "" {
		if err := writeWorkbook(opt.xlsx, opt.force, c, contracts); err != nil {
			return exitcode.Errorf(exitcode.Failed, "cannot write %s: %w", opt.xlsx, err)
		}
		return nil
	}
	return cmdutil.Printing(s.Env, func(w io.Writer) error { return writeCosts(w, tableWidth(s.Env), c, contracts, opt) })
}
