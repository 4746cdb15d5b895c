package main

import (
	"context"
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/dustin/go-humanize"
	"github.com/spf13/cobra"
	"golang.org/x/sync/errgroup"

	"ccsfs/cmd/ccsfs/internal/tree"
	"ccsfs/internal/catalog"
)

// listOptions are the flags of ls.
type listOptions struct{ long, all, json bool }

func lsCommand(env environment) *cobra.Command {
	var o listOptions
	cmd := &cobra.Command{
		Use:   "ls [flags] [PATH…]",
		Short: "List contracts, or the documents of a contract, without a mount",
		Long: `List what a mount would show, under the same names. Without PATH, the contracts.
With -l, sizes, dates (UTC) and names; a size that is not known yet is asked for,
once and for all. With --json, one array of objects with the keys path, name, kind
(contract, directory, document or file), size and modified (null if not known), and
what is known of contracts and documents besides. If anything shown is old, also since
the API lists nothing where it listed something within the hour, the exit status is 6.`,
		Example: `  ccsfs ls
  ccsfs ls -l OCB0001234
  ccsfs ls --layout=period OCB0001234/2026/10
  ccsfs ls --json OCB0001234 | jq -r '.[] | select(.type == "invoices") | .path'`,
		Args:              takes(0, -1, ""),
		ValidArgsFunction: completePaths(env, true),
		RunE: func(cmd *cobra.Command, args []string) error {
			if len(args) == 0 {
				args = []string{""}
			}
			return withAccount(env, cmd, looking, func(ctx context.Context, a oneShot) error {
				return list(ctx, a, args, o)
			})
		},
	}
	cmd.Flags().BoolVarP(&o.long, "long", "l", false, "show sizes and dates")
	cmd.Flags().BoolVarP(&o.all, "all", "a", false, "show "+catalog.ContractFile+" and "+catalog.DocumentsFile+" too")
	cmd.Flags().BoolVar(&o.json, "json", false, "print one JSON array")
	addSettings(cmd, accountGroups()...)
	return cmd
}

// listed is a node and what ls says of it.
type listed struct {
	tree.Node
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

func list(ctx context.Context, a oneShot, args []string, o listOptions) error {
	var failed failures
	var sections []section
	for _, arg := range args {
		s, err := a.section(ctx, arg, o.all)
		if err != nil {
			failed.add(arg, err)
			continue
		}
		sections = append(sections, s)
	}
	if err := a.findSizes(ctx, sections, o.long); err != nil {
		return err
	}
	err := printing(a.env, func(w io.Writer) error {
		if len(sections) == 0 {
			return nil // all failed: an empty array would say that there is nothing
		}
		if o.json {
			return printJSON(w, sections)
		}
		return printSections(w, sections, o.long)
	})
	for _, s := range sections {
		for _, n := range s.nodes {
			if n.err != nil {
				failed.add(n.Path, n.err)
			} else {
				failed.succeeded++
			}
		}
	}
	return a.printed(err, &failed)
}

// section finds what an argument stands for.
func (a oneShot) section(ctx context.Context, arg string, all bool) (section, error) {
	n, err := tree.Find(ctx, a.catalog, arg)
	if err != nil {
		return section{}, err
	}
	if n.Contract == nil {
		a.showsAll(ctx)
	}
	s := section{arg: arg, dir: n.IsDir()}
	nodes := []tree.Node{n}
	if n.IsDir() {
		if nodes, err = tree.Children(ctx, a.catalog, n, all); err != nil {
			return section{}, err
		}
	}
	for _, n := range nodes {
		s.nodes = append(s.nodes, listed{Node: n, size: -1})
	}
	return s, nil
}

// showsAll notes that all contracts are shown, and says if a filter hides some.
func (a oneShot) showsAll(ctx context.Context) {
	a.whole = true
	contracts, err := a.catalog.Contracts(ctx)
	if err != nil {
		return // who lists them fails with it
	}
	if text := hiddenNote(a.settings, contracts); text != "" {
		say(a.env.stderr, "%s", text)
	}
}

// findSizes tells the sizes that are known; if all are wanted, it finds the
// others out, as many at a time as there are connections.
func (a oneShot) findSizes(ctx context.Context, sections []section, all bool) error {
	var g errgroup.Group
	g.SetLimit(a.settings.API.Connections)
	for _, s := range sections {
		for i := range s.nodes {
			n := &s.nodes[i]
			if n.Doc == nil && (n.Made == "" || !all) {
				n.modified = contractTime(n.Node)
				continue
			}
			g.Go(func() error {
				a.describe(ctx, n, all)
				return nil
			})
		}
	}
	_ = g.Wait() // failures are kept with the nodes
	if ctx.Err() != nil {
		return fail(exitFailed, "interrupted")
	}
	return nil
}

// describe fills in size and time of a file.
func (a oneShot) describe(ctx context.Context, n *listed, all bool) {
	if n.Made != "" {
		data, err := n.Bytes(ctx, a.catalog)
		if err != nil {
			n.err = err
			return
		}
		n.size = int64(len(data))
		return
	}
	n.modified = n.Doc.ModTime()
	ref := n.Ref()
	info, ok := a.content.Peek(ref)
	if !ok {
		if !all {
			return
		}
		if info, n.err = tree.Settled(ctx, a.content, ref, a.settings.Cache.PrefetchLimit); n.err != nil {
			return
		}
	}
	n.size, n.sha256, n.modified = info.Size, info.SHA256, tree.ModTime(n.Doc, info)
}

// contractTime is when a contract was made, for the nodes that are one.
func contractTime(n tree.Node) time.Time {
	if n.Contract == nil || n.Path != n.Contract.Name {
		return time.Time{}
	}
	// The catalog's reading of times, which takes all forms the API may use.
	return (&catalog.Document{CreatedAt: n.Contract.CreatedAt}).ModTime()
}

func printSections(w io.Writer, sections []section, long bool) error {
	for i, s := range sections {
		if len(sections) > 1 && s.dir {
			if i > 0 {
				fmt.Fprintln(w)
			}
			fmt.Fprintf(w, "%s:\n", plain(s.arg))
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
	name = plain(name)
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
		date = readable(n.modified)
	}
	if n.Contract != nil && n.Path == n.Contract.Name {
		name = strings.TrimRight(fmt.Sprintf("%s  %s", name, about(n.Contract)), " ")
	}
	return fmt.Sprintf("%9s  %-16s  %s", size, date, name)
}

// about is what is known of a contract besides its id.
func about(c *catalog.ContractEntry) string {
	switch name, offer := plain(c.Contract.Name), plain(c.Offer); {
	case name == "" || offer == "":
		return name + offer
	default:
		return name + " (" + offer + ")"
	}
}

func readable(t time.Time) string { return t.UTC().Format("2006-01-02 15:04") }
