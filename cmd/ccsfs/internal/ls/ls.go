// Package ls is `ccsfs ls`: what a mount would show, without one.
package ls

import (
	"cmp"
	"context"
	"fmt"
	"io"
	"path"
	"strings"
	"time"

	"github.com/dustin/go-humanize"
	"github.com/spf13/cobra"
	"golang.org/x/sync/errgroup"

	"ccsfs/cmd/ccsfs/internal/choice"
	"ccsfs/cmd/ccsfs/internal/cmdutil"
	"ccsfs/cmd/ccsfs/internal/completion"
	"ccsfs/cmd/ccsfs/internal/exitcode"
	"ccsfs/cmd/ccsfs/internal/localpath"
	"ccsfs/cmd/ccsfs/internal/session"
	"ccsfs/cmd/ccsfs/internal/term"
	"ccsfs/internal/catalog/layout"
	"ccsfs/internal/folder"
)

// listOptions are the flags of ls.
type listOptions struct {
	long, all, json, csv, recursive bool
	order                           order
	choice                          choice.Flags
	sieve                           *choice.Sieve
}

// Command is `ccsfs ls`.
func Command(env cmdutil.Environment) *cobra.Command {
	var o listOptions
	cmd := &cobra.Command{
		Use:        "ls [flags] [PATH…]",
		Short:      "List contracts, or the documents of a contract, without a mount",
		SuggestFor: []string{"list", "dir", "find", "documents", "contracts", "tree"},
		Long: `List what a mount would show, under the same names. Without PATH, the contracts.
A PATH may be a pattern, in quotes: 'OCB*/Invoice_*'.
` + localpath.Help + `

With -l, sizes, dates (UTC) and names; a size that is not known yet is asked for,
once and for all. With --json, one array of objects with the keys path, name, kind
(contract, directory, document or file), size and modified (null if not known), and
what is known of contracts and documents besides; --csv has the most of it in columns,
for a spreadsheet. If anything shown is old, also since
the API lists nothing where it listed something within the hour, the exit status is 6.

-t, -S, -r and -R are those of ls(1); -S asks for the sizes, too. Names come one a line,
and sizes as 1.2 MiB, without -1 and -h, too.

` + choice.Help + ` Directories in which
nothing is left are not shown; contracts are, without -R.`,
		Example: `  ccsfs ls
  ccsfs ls -l OCB0001234
  ccsfs ls -lt OCB0001234 | head
  ccsfs ls -l '*/Invoice_*_202610.pdf'
  ccsfs ls -lR --since=last-month --min-amount=1000
  ccsfs ls --csv --types=bills 'OCB*/*' >bills.csv
  ccsfs ls --layout=period OCB0001234/2026/10
  ccsfs ls --json OCB0001234 | jq -r '.[] | select(.type == "invoices") | .path'`,
		Args:              cmdutil.Takes(0, -1, ""),
		ValidArgsFunction: completion.Paths(env, true),
		RunE: func(cmd *cobra.Command, args []string) error {
			if len(args) == 0 {
				args = []string{""}
			}
			if o.json && o.csv {
				return exitcode.Errorf(exitcode.Usage, "--json and --csv: choose one")
			}
			chosen, err := o.choice.Parse(env.Now())
			if err != nil {
				return err
			}
			o.sieve = chosen.Sieve()
			return localpath.WithAccount(env, cmd, session.Looking, args, func(ctx context.Context, a session.Session, args []string) error {
				return list(ctx, a, args, o)
			})
		},
	}
	cmd.Flags().BoolVarP(&o.long, "long", "l", false, "show sizes and dates")
	cmd.Flags().BoolVarP(&o.all, "all", "a", false, "show "+layout.ContractFile+" and "+layout.DocumentsFile+" too")
	cmd.Flags().BoolVarP(&o.recursive, "recursive", "R", false, "show directories below, too; without PATH, everything")
	cmd.Flags().BoolVarP(&o.order.byTime, "time", "t", false, "the latest first")
	cmd.Flags().BoolVarP(&o.order.bySize, "size", "S", false, "the largest first")
	cmd.Flags().BoolVarP(&o.order.reverse, "reverse", "r", false, "the other way round")
	cmd.Flags().BoolVar(&o.json, "json", false, "print one JSON array")
	cmd.Flags().BoolVar(&o.csv, "csv", false, "print CSV, a row for each contract, directory and document")
	o.choice.Add(cmd)
	for name, letter := range map[string]string{"one": "1", "human-readable": "h"} { // which everybody types
		cmd.Flags().BoolP(name, letter, true, "")
		cmd.Flags().Lookup(name).Hidden = true
	}
	cmd.Flags().Bool("help", false, "help for ls")
	cmdutil.AddSettings(cmd, cmdutil.AccountGroups()...)
	return cmd
}

// listed is a node and what ls says of it.
type listed struct {
	folder.Node
	size     int64 // bytes, -1 if not known
	sha256   string
	modified time.Time // zero if not known
	err      error     // why the size cannot be had
}

// section is what one argument stands for.
type section struct {
	arg   string
	dir   bool
	nodes []listed
}

func list(ctx context.Context, a session.Session, args []string, o listOptions) error {
	var failed session.Failures
	var sections []section
	found := a.Match(ctx, args, &failed)
	a.ShowsMatches(ctx, args, &failed)
	for _, m := range found {
		if m.IsRoot() {
			a.ShowsAll(ctx)
		}
		if m.IsDir() {
			sections = append(sections, openSections(ctx, a, m.Node, m.Name, o, &failed)...)
		} else if o.shows(m.Node) {
			sections = appendFile(sections, m.Node)
		}
	}
	if note := o.sieve.Note(); note != "" {
		term.Say(a.Env.Stderr, "%s", note)
	}
	if err := findSizes(ctx, a, sections, o.long || o.order.bySize); err != nil {
		return err
	}
	for _, s := range sections {
		o.order.sort(s.nodes)
	}
	err := cmdutil.Printing(a.Env, func(w io.Writer) error {
		if len(sections) == 0 && len(failed.All) > 0 {
			return nil // all failed: an empty array would say that there is nothing
		}
		switch {
		case o.json:
			return printJSON(w, sections)
		case o.csv:
			return printCSV(w, sections)
		}
		return printSections(w, sections, o.long)
	})
	for _, s := range sections {
		for _, n := range s.nodes {
			if n.err != nil {
				failed.Add(n.Path, n.err)
			} else {
				failed.Succeeded++
			}
		}
	}
	return a.Printed(err, &failed)
}

// shows tells whether a node is chosen, or holds what is.
func (o listOptions) shows(n folder.Node) bool {
	switch {
	case n.Doc != nil:
		return o.sieve.Holds(n.Path, n.Doc)
	case n.Dir == nil || o.sieve.Choice().All(): // a file that is made here, a contract that is not listed yet
		return true
	}
	holds := false
	look := o.sieve.Choice().Sieve() // who lists them counts them
	n.Documents(func(d folder.Node) { holds = holds || look.Holds(d.Path, d.Doc) })
	return holds
}

// appendFile adds what is no directory to those before it: -t, -S and -r sort them together.
func appendFile(sections []section, n folder.Node) []section {
	if len(sections) == 0 || sections[len(sections)-1].dir {
		sections = append(sections, section{})
	}
	last := &sections[len(sections)-1]
	last.nodes = append(last.nodes, listed{Node: n, size: -1})
	return sections
}

// openSections lists a directory, by the name that it is called by, and those below.
func openSections(ctx context.Context, a session.Session, dir folder.Node, called string, o listOptions, failed *session.Failures) []section {
	nodes, err := a.Folder.Children(ctx, dir, o.all)
	if err != nil {
		failed.Add(cmp.Or(dir.Path, called), err)
		return nil
	}
	s := section{arg: called, dir: true}
	var below []section
	for _, n := range nodes {
		if !o.shows(n) {
			continue
		}
		if o.recursive && n.IsDir() && ctx.Err() == nil {
			failures := len(failed.All)
			its := openSections(ctx, a, n, path.Join(called, n.Name()), o, failed)
			if len(its) == 0 && len(failed.All) == failures { // nothing in it is chosen
				continue
			}
			below = append(below, its...)
		}
		s.nodes = append(s.nodes, listed{Node: n, size: -1})
	}
	if o.recursive && len(s.nodes) == 0 && !o.sieve.Choice().All() {
		return nil
	}
	return append([]section{s}, below...)
}

// findSizes tells the sizes that are known; if all are wanted, it finds the
// others out, as many at a time as there are connections.
func findSizes(ctx context.Context, a session.Session, sections []section, all bool) error {
	var g errgroup.Group
	g.SetLimit(a.Settings.API.Connections)
	for _, s := range sections {
		for i := range s.nodes {
			n := &s.nodes[i]
			g.Go(func() error {
				describe(ctx, a, n, all)
				return nil
			})
		}
	}
	_ = g.Wait() // failures are kept with the nodes
	if ctx.Err() != nil {
		return exitcode.Errorf(exitcode.Failed, "interrupted")
	}
	return nil
}

// describe fills in size and time of a node, as far as they are known; if all are
// wanted, those of files are found out.
func describe(ctx context.Context, a session.Session, n *listed, all bool) {
	info, known := a.Folder.Peek(n.Node)
	if !known && all {
		info, n.err = a.Folder.Settle(ctx, n.Node)
	}
	n.size, n.sha256, n.modified = info.Size, info.SHA256, info.ModTime
}

func printSections(w io.Writer, sections []section, long bool) error {
	for i, s := range sections {
		if len(sections) > 1 && s.dir {
			if i > 0 {
				fmt.Fprintln(w)
			}
			fmt.Fprintf(w, "%s:\n", term.Plain(cmp.Or(s.arg, ".")))
		}
		for _, n := range s.nodes {
			if _, err := fmt.Fprintln(w, n.line(s.dir, long)); err != nil {
				return err
			}
		}
	}
	return nil
}

// line is what a person sees of a node.
func (n listed) line(inDir, long bool) string {
	name := n.Path
	if inDir {
		name = n.Name()
	}
	name = term.Plain(name)
	if !long {
		return name
	}
	size, date := "?", "-"
	switch {
	case n.IsDir():
		size = "-"
	case n.size >= 0:
		size = humanize.IBytes(uint64(n.size))
	}
	if !n.modified.IsZero() {
		date = term.Readable(n.modified)
	}
	if n.IsContract() {
		name = strings.TrimRight(fmt.Sprintf("%s  %s", name, session.About(n.Contract)), " ")
	}
	return fmt.Sprintf("%9s  %-16s  %s", size, date, name)
}
