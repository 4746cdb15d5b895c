// Package du is `ccsfs du`: how large documents are, by directory.
package du

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"strconv"

	"github.com/spf13/cobra"
	"golang.org/x/sync/errgroup"

	"ccsfs/cmd/ccsfs/internal/choice"
	"ccsfs/cmd/ccsfs/internal/cmdutil"
	"ccsfs/cmd/ccsfs/internal/completion"
	"ccsfs/cmd/ccsfs/internal/exitcode"
	"ccsfs/cmd/ccsfs/internal/localpath"
	"ccsfs/cmd/ccsfs/internal/session"
	"ccsfs/cmd/ccsfs/internal/term"
	"ccsfs/internal/folder"
)

// options are the flags of du.
type options struct {
	summarize, all, total, bytes, json, csv, ask bool
	choice                                       choice.Flags
	sieve                                        *choice.Sieve
}

// Command is `ccsfs du`.
func Command(env cmdutil.Environment) *cobra.Command {
	var o options
	cmd := &cobra.Command{
		Use:        "du [flags] [PATH…]",
		Short:      "Show how large documents are, by directory",
		SuggestFor: []string{"size", "sizes", "usage", "space", "df"},
		Long: `Show how large the documents of each directory are together, as du(1) does: of
contracts, and of the directories of the layout (--layout=period: years and months).
Without PATH, of everything. A PATH may be a pattern, in quotes: 'OCB*'.
` + localpath.Help + `

The API tells a size only with the document: what is not known yet is in no sum, and
counted, and the exit status is 6. With --all-sizes it is asked for, a call for each
document, which mostly brings the document into the cache, too.

With --json, one array of objects with the keys path, kind (directory, document, file or
total), bytes (of what is known; null if nothing is), documents, and unknown, how many
of them are in no sum.

` + choice.Help,
		Example: `  ccsfs du
  ccsfs du -s --layout=period 'OCB*/2026'
  ccsfs du -b OCB0001234 | cut -f1
  ccsfs du --all-sizes --since=last-month`,
		Args:              cmdutil.Takes(0, -1, ""),
		ValidArgsFunction: completion.Paths(env, true),
		RunE: func(cmd *cobra.Command, args []string) error {
			if len(args) == 0 {
				args = []string{""}
			}
			if o.json && o.csv {
				return exitcode.Errorf(exitcode.Usage, "--json and --csv: choose one")
			}
			if o.summarize && o.all {
				return exitcode.Errorf(exitcode.Usage, "-s and -a: choose one")
			}
			chosen, err := o.choice.Parse(env.Now())
			if err != nil {
				return err
			}
			o.sieve = chosen.Sieve()
			return localpath.WithAccount(env, cmd, session.Looking, args, func(ctx context.Context, a session.Session, args []string) error {
				return usage(ctx, a, args, o)
			})
		},
	}
	f := cmd.Flags()
	f.BoolVarP(&o.summarize, "summarize", "s", false, "show only what was named")
	f.BoolVarP(&o.all, "all", "a", false, "show documents, too")
	f.BoolVarP(&o.total, "total", "c", false, "show a total, too")
	f.BoolVarP(&o.bytes, "bytes", "b", false, "show sizes in bytes, and a tab behind them")
	f.BoolVar(&o.ask, "all-sizes", false, "ask for sizes that are not known, a call each")
	f.BoolVar(&o.json, "json", false, "print one JSON array")
	f.BoolVar(&o.csv, "csv", false, "print CSV with the same columns")
	o.choice.Add(cmd)
	f.BoolP("human-readable", "h", true, "") // which everybody types
	f.Lookup("human-readable").Hidden = true
	f.Bool("help", false, "help for du")
	cmdutil.AddSettings(cmd, cmdutil.AccountGroups()...)
	return cmd
}

// entry is a line of the output.
type entry struct {
	Path, Kind string
	Bytes      int64 // of the documents whose size is known
	Documents  int
	Unknown    int // documents whose size is not known
}

// known tells whether the size says something.
func (e entry) known() bool { return e.Unknown < e.Documents || e.Documents == 0 }

// entryJSON is an entry in JSON. Its keys do not change.
type entryJSON struct {
	Path      string `json:"path"`
	Kind      string `json:"kind"`
	Bytes     *int64 `json:"bytes"`
	Documents int    `json:"documents"`
	Unknown   int    `json:"unknown"`
}

// MarshalJSON implements json.Marshaler.
func (e entry) MarshalJSON() ([]byte, error) {
	j := entryJSON{Path: e.Path, Kind: e.Kind, Documents: e.Documents, Unknown: e.Unknown}
	if e.known() {
		j.Bytes = &e.Bytes
	}
	return json.Marshal(j)
}

func (e *entry) add(o entry) {
	e.Bytes, e.Documents, e.Unknown = e.Bytes+o.Bytes, e.Documents+o.Documents, e.Unknown+o.Unknown
}

// root is what an argument stands for.
type root struct {
	name  string
	nodes []folder.Node // the contracts, of the account; else one
	whole bool          // it is the account
}

// key names a document wherever it is met.
type key struct{ contract, id string }

func keyOf(n folder.Node) key { return key{n.Doc.ContractID, n.Doc.ID} }

// walk gathers the lines.
type walk struct {
	session.Session
	options
	failed session.Failures
	sizes  map[key]int64 // of the documents that are asked for; -1: not known
	lines  []entry
}

func usage(ctx context.Context, a session.Session, args []string, o options) error {
	w := &walk{Session: a, options: o, sizes: map[key]int64{}}
	roots := w.roots(ctx, args)
	if err := w.findSizes(ctx, roots); err != nil {
		return err
	}
	for _, r := range roots {
		e := entry{Path: r.name, Kind: "directory"}
		for _, n := range r.nodes {
			e.add(w.measure(ctx, n, cmp.Or(n.Path, r.name), !r.whole))
		}
		if r.whole {
			w.lines = append(w.lines, e)
		}
	}
	if note := o.sieve.Note(); note != "" {
		term.Say(a.Env.Stderr, "%s", note)
	}
	all := w.all()
	if o.total {
		w.lines = append(w.lines, all)
	}
	if all.Unknown > 0 {
		hint := ""
		if !o.ask {
			hint = "; --all-sizes asks for them, a call each"
		}
		w.failed.Add("", exitcode.Errorf(exitcode.Some, "%d of %s not known, and in no sum%s", all.Unknown, term.Plural(all.Documents, "size"), hint))
	}
	var unprinted error
	if len(w.lines) > 0 || len(w.failed.All) == 0 {
		unprinted = cmdutil.Printing(a.Env, w.print)
	}
	return a.Printed(unprinted, &w.failed)
}

// roots finds what the arguments stand for.
func (w *walk) roots(ctx context.Context, args []string) (all []root) {
	found := w.Match(ctx, args, &w.failed)
	w.ShowsMatches(ctx, args, &w.failed)
	for _, m := range found {
		switch {
		case m.IsRoot():
			w.ShowsAll(ctx)
			all = append(all, root{cmp.Or(m.Name, "."), w.contracts(ctx), true})
		case m.IsDir() && m.Listing == nil: // a contract that a pattern matched
			l, err := w.Catalog.Listing(ctx, m.Contract.ID)
			if err != nil {
				w.failed.Add(m.Name, err)
				continue
			}
			m.Listing, m.Dir = l, l.Tree
			fallthrough
		default:
			all = append(all, root{m.Name, []folder.Node{m.Node}, false})
			w.failed.Succeeded++
		}
	}
	return all
}

// contracts are all of the account, listed.
func (w *walk) contracts(ctx context.Context) (all []folder.Node) {
	contracts, err := w.Catalog.Contracts(ctx)
	if err != nil {
		w.failed.Add("", err)
		return nil
	}
	for _, l := range w.Listings(ctx, contracts.Entries) {
		if l.Err != nil {
			w.failed.Add(l.Entry.Name, l.Err)
			continue
		}
		w.failed.Succeeded++
		all = append(all, folder.Node{Path: l.Entry.Name, Contract: &l.Entry, Listing: l.Listing, Dir: l.Listing.Tree})
	}
	return all
}

// findSizes tells the sizes that are known; if all are wanted, it finds the others out, as
// many at a time as there are connections.
func (w *walk) findSizes(ctx context.Context, roots []root) error {
	var far []folder.Node
	for _, r := range roots {
		for _, top := range r.nodes {
			top.Documents(func(n folder.Node) {
				if _, met := w.sizes[keyOf(n)]; met || !w.sieve.Holds(n.Path, n.Doc) {
					return
				}
				info, known := w.Folder.Peek(n)
				if w.sizes[keyOf(n)] = info.Size; !known {
					w.sizes[keyOf(n)] = -1
					far = append(far, n)
				}
			})
		}
	}
	if w.ask {
		w.askFor(ctx, far)
	}
	if ctx.Err() != nil {
		return exitcode.Errorf(exitcode.Failed, "interrupted")
	}
	return nil
}

// askFor asks for the sizes of documents.
func (w *walk) askFor(ctx context.Context, far []folder.Node) {
	if len(far) > 0 && term.ScreenOf(w.Env.Vars, w.Env.Stderr).Terminal {
		term.Say(w.Env.Stderr, "asking for %s", term.Plural(len(far), "size"))
	}
	sizes, errs := make([]int64, len(far)), make([]error, len(far))
	var g errgroup.Group
	g.SetLimit(w.Settings.API.Connections)
	for i, n := range far {
		if ctx.Err() != nil {
			return
		}
		g.Go(func() error {
			info, err := w.Folder.Settle(ctx, n)
			sizes[i], errs[i] = info.Size, err
			return nil
		})
	}
	_ = g.Wait() // failures are kept with the documents
	for i, n := range far {
		if errs[i] != nil {
			w.failed.Add(n.Path, errs[i])
			continue
		}
		w.sizes[keyOf(n)] = sizes[i]
	}
}

// measure adds up what is below a node, and notes the lines that are to be shown, as du(1)
// does: what is below comes first.
func (w *walk) measure(ctx context.Context, n folder.Node, name string, named bool) entry {
	e := entry{Path: name, Kind: "directory"}
	switch {
	case n.Doc != nil:
		size, asked := w.sizes[keyOf(n)]
		if !asked {
			return e
		}
		e.Kind, e.Documents = "document", 1
		if size < 0 {
			e.Unknown = 1
		} else {
			e.Bytes = size
		}
	case n.IsDir():
		children, err := w.Folder.Children(ctx, n, false)
		if err != nil { // its listing is here
			w.failed.Add(name, err)
		}
		for _, child := range children {
			e.add(w.measure(ctx, child, child.Path, false))
		}
	case !named: // a file that is made here is no document
		return e
	default:
		info, err := w.Folder.Stat(ctx, n)
		if err != nil {
			w.failed.Add(name, err)
			return e
		}
		e.Kind, e.Bytes = "file", info.Size
	}
	if named || !w.summarize && (n.IsDir() && e.Documents > 0 || w.options.all) {
		w.lines = append(w.lines, e)
	}
	return e
}

// all is everything, each document once, however often it was named.
func (w *walk) all() entry {
	e := entry{Path: "total", Kind: "total", Documents: len(w.sizes)}
	for _, size := range w.sizes {
		if size < 0 {
			e.Unknown++
		} else {
			e.Bytes += size
		}
	}
	return e
}

func (w *walk) print(out io.Writer) error {
	if w.json {
		if w.lines == nil {
			w.lines = []entry{}
		}
		return term.EncodeJSON(out, w.lines)
	}
	if w.csv {
		return printCSV(out, w.lines)
	}
	for _, e := range w.lines {
		if _, err := fmt.Fprintln(out, e.line(w.bytes)); err != nil {
			return err
		}
	}
	return nil
}

// printCSV writes a row for each entry. Bytes are empty where nothing is known.
func printCSV(w io.Writer, entries []entry) error {
	rows := [][]string{{"path", "kind", "bytes", "documents", "unknown"}}
	for _, e := range entries {
		bytes := ""
		if e.known() {
			bytes = strconv.FormatInt(e.Bytes, 10)
		}
		rows = append(rows, []string{term.Cell(e.Path), e.Kind, bytes, strconv.Itoa(e.Documents), strconv.Itoa(e.Unknown)})
	}
	return term.WriteCSV(w, rows)
}

// line is what a person sees; with bytes, what cut(1) takes apart.
func (e entry) line(bytes bool) string {
	size := "?"
	if e.known() {
		if size = term.BytesText(e.Bytes); bytes {
			size = strconv.FormatInt(e.Bytes, 10)
		}
	}
	name := term.Plain(e.Path)
	if bytes {
		return size + "\t" + name
	}
	text := fmt.Sprintf("%9s  %s", size, name)
	if e.Unknown > 0 && e.Documents > 1 {
		text += fmt.Sprintf("  (%d of %d known)", e.Documents-e.Unknown, e.Documents)
	}
	return text
}
