package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/dustin/go-humanize"
	"github.com/spf13/cobra"

	"ccsfs/cmd/ccsfs/internal/month"
	"ccsfs/cmd/ccsfs/internal/progress"
	"ccsfs/cmd/ccsfs/internal/pull"
	"ccsfs/cmd/ccsfs/internal/tree"
)

// pullOptions are the flags of pull.
type pullOptions struct {
	verify, force, quiet, refetch bool
	since, until                  string
}

func pullCommand(env environment) *cobra.Command {
	var o pullOptions
	cmd := &cobra.Command{
		Use:   "pull [flags] [PATH…] DEST",
		Short: "Copy documents into a directory, only what is new or changed",
		Long: `Copy the documents at PATH (all of them, without one) into the directory DEST,
under the paths that "ccsfs ls" shows. A file that is there with the size and the
date of its document is skipped; what there is now is asked for each time, unless
--listing-ttl says how long a listing is believed. The rest is fetched in parallel,
within the rate limit, and put in place whole or not at all. After an interruption, the
same command again fetches what is missing.

Files are read-only and bear the date of their document. Documents of the running
month are copied again when they have changed. A file that somebody changed is kept,
and counts as failed, unless --force is given; ` + pull.JournalName + ` in DEST tells the
difference. With --verify, contents are compared and not only sizes and dates. One pull
at a time writes to a DEST; others wait for it.

Files in DEST are never removed. A copy whose document is called otherwise now, as two
are that have one name, gets that name; a copy of what the account does not list any
more is named once, and counted each time. Where another document has its name now, it
becomes "NAME~earlier-…"; one in a directory that has another name now is named once,
and stays. An account that lists no contract at all is exit status 6.

A document of which the account lists no new version is taken for unchanged, and not
asked for again. With --refetch it is, one call each: choose a month with it.

--since and --until choose by the month that a document is about. Documents of which
no month is known are always copied.`,
		Example: `  ccsfs pull ~/bills
  ccsfs pull --since=2026-01 --types=bills,invoices ~/bills
  ccsfs pull OCB0001234 /srv/accounting && echo complete
  ccsfs pull --refetch --since=2026-10 --types=invoices ~/invoices`,
		Args:              takes(1, -1, "DEST"),
		ValidArgsFunction: completePull(env),
		RunE: func(cmd *cobra.Command, args []string) error {
			months, err := o.months()
			if err != nil {
				return err
			}
			kind := env.vars["TERM"]
			if o.quiet {
				kind = "dumb" // no bar, and no word of waiting
			}
			console := progress.NewConsole(env.stderr, kind)
			env := env
			env.stderr = console
			return withAccount(env, cmd, copying, func(ctx context.Context, a oneShot) error {
				last := len(args) - 1
				if o.refetch && a.settings.API.Offline {
					return fail(exitUsage, "--refetch asks the API, which --offline forbids: choose one")
				}
				if o.refetch {
					a.content.AskAgain()
				}
				p := puller{oneShot: a, options: o, months: months, console: console}
				return p.run(ctx, args[:last], args[last])
			})
		},
	}
	f := cmd.Flags()
	f.BoolVar(&o.verify, "verify", false, "compare the contents of files that are there")
	f.BoolVar(&o.force, "force", false, "replace files that somebody changed")
	f.BoolVar(&o.refetch, "refetch", false, "ask the API for each document again, a call each")
	f.StringVar(&o.since, "since", "", "only documents of this `MONTH` (2026-01) or later")
	f.StringVar(&o.until, "until", "", "only documents of this `MONTH` or earlier")
	f.BoolVarP(&o.quiet, "quiet", "q", false, "print failures only")
	addSettings(cmd, accountGroups()...)
	return cmd
}

// completePull completes paths of the account, and directories for DEST.
func completePull(env environment) cobra.CompletionFunc {
	paths := completePaths(env, true)
	return func(cmd *cobra.Command, args []string, typed string) ([]cobra.Completion, cobra.ShellCompDirective) {
		words, directive := paths(cmd, args, typed)
		if len(words) == 0 {
			return nil, cobra.ShellCompDirectiveFilterDirs
		}
		return words, directive
	}
}

// months is the range that --since and --until leave.
type months struct{ since, until month.Month } // until 0: no end

func (o pullOptions) months() (m months, err error) {
	if o.since != "" {
		if m.since, _, err = month.Parse(o.since); err != nil {
			return m, fail(exitUsage, "--since %q %w", o.since, err)
		}
	}
	if o.until != "" {
		if _, m.until, err = month.Parse(o.until); err != nil {
			return m, fail(exitUsage, "--until %q %w", o.until, err)
		}
		if m.until < m.since {
			return m, fail(exitUsage, "--until %s lies before --since %s", o.until, o.since)
		}
	}
	return m, nil
}

// monthsAsked is how the months were asked for.
func (o pullOptions) monthsAsked() string {
	var flags []string
	if o.since != "" {
		flags = append(flags, "--since="+o.since)
	}
	if o.until != "" {
		flags = append(flags, "--until="+o.until)
	}
	return strings.Join(flags, " ")
}

// holds tells whether a document is to be copied. One of no month always is:
// leaving it out would be silent.
func (m months) holds(n tree.Node) bool {
	of, ok := month.OfDocument(n.Doc)
	return !ok || of >= m.since && (m.until == 0 || of <= m.until)
}

// puller is one run of pull.
type puller struct {
	oneShot
	options pullOptions
	months  months
	console *progress.Console
	hidden  string // what a filter leaves out, "" if nothing
	nothing string // why there is nothing to copy, though there are documents
	listed  *pull.Listed
}

func (p *puller) run(ctx context.Context, paths []string, destination string) (err error) {
	begun := time.Now()
	dir, err := p.checkDestination(destination)
	if err != nil {
		return err
	}
	if err := p.mistaken(ctx, paths, destination, dir); err != nil {
		return err
	}
	var failed failures
	items := p.choose(ctx, paths, &failed)
	if ctx.Err() != nil {
		return fail(exitFailed, "interrupted; nothing was copied")
	}
	if len(items) == 0 && len(failed.all) > 0 {
		return p.oneShot.ended(&failed)
	}
	waited := false
	dest, err := pull.OpenDest(ctx, dir, func(who string) {
		if waited = true; !p.options.quiet {
			say(p.env.stderr, "waiting for another pull into %s: %s", destination, plain(who))
		}
	})
	switch {
	case ctx.Err() != nil:
		return fail(exitFailed, "interrupted; nothing was copied")
	case err != nil:
		return &exitError{exitFailed, err}
	}
	defer func() { err = alsoFailed(err, dest.Close()) }()
	if waited { // for as long as it took: there may be something new
		failed = failures{}
		items = p.choose(ctx, paths, &failed)
	}
	if p.nothing != "" && !p.options.quiet {
		say(p.env.stderr, "%s", p.nothing)
	}
	result := p.copy(ctx, dest, items)
	slices.SortFunc(result.Moved, func(a, b pull.Move) int { return cmp.Compare(a.To, b.To) })
	gone, unnoted := p.tellGone(dest, result)
	defer func() { err = alsoFailed(err, unnoted) }()
	var unprinted error
	if !p.options.quiet {
		unprinted = printing(p.env, func(w io.Writer) error {
			if p.hidden != "" {
				fmt.Fprintln(w, plain(p.hidden))
			}
			for _, m := range result.Moved {
				why := "as its document is called now"
				if m.Aside {
					why = "for another document has its name"
				}
				fmt.Fprintf(w, "renamed %s to %s, %s\n", plain(m.From), plain(m.To), why)
			}
			_, err := fmt.Fprintln(w, p.summary(result, len(failed.all), gone, time.Since(begun)))
			return err
		})
	}
	slices.SortFunc(result.Failed, func(a, b pull.Failure) int { return cmp.Compare(a.Path, b.Path) })
	for _, f := range result.Failed {
		failed.add(f.Path, f.Err)
	}
	failed.succeeded += result.Copied + result.UpToDate
	return p.ended(result, dir, p.printed(unprinted, &failed))
}

// tellGone names the copies of documents that are not listed any more, or elsewhere,
// once, whether quiet or not: an invoice that was withdrawn, or replaced, is still
// there. What it does not name is left to the next run. It returns how many there are.
func (p puller) tellGone(dest *pull.Dest, r pull.Result) (int, error) {
	if r.Stopped != nil {
		return 0, nil
	}
	all, news := dest.Gone(p.listed)
	err := p.tellOnce(news, "the account does not list this document any more; its copy stays", dest.Told)
	if err == nil {
		err = p.tellOnce(dest.Apart(p.listed), "its document is under another path now; this copy stays, and will not be kept up to date", dest.ToldApart)
	}
	return len(all), err
}

// tellOnce tells the same of files, and has noted of which it did.
func (p puller) tellOnce(news []string, text string, told func([]string) error) error {
	named := news
	if len(named) > goneNamed+1 {
		named = named[:goneNamed]
	}
	for i, at := range named {
		if err := tell(p.env.stderr, "%s: %s", plain(at), text); err != nil {
			return told(named[:i]) // nobody was told of the others
		}
	}
	if n := len(news) - len(named); n > 0 {
		say(p.env.stderr, "and %d more, which the next pull names", n)
	}
	return told(named)
}

// goneNamed is how many of such copies a run names.
const goneNamed = 20

// ended gives a run that was given up its exit code.
func (p puller) ended(r pull.Result, dir string, failed error) error {
	switch {
	case r.Stopped == nil:
		return failed
	case errors.Is(r.Stopped, pull.ErrDestination):
		return fail(exitFailed, "%s: %w\n  %s not copied; make room or choose another directory, then the same command goes on",
			dir, r.Stopped, plural(r.Left, "document"))
	default:
		return fail(exitFailed, "interrupted; the same command goes on")
	}
}

func (p puller) copy(ctx context.Context, dest *pull.Dest, items []pull.Item) pull.Result {
	console := p.console
	if p.options.quiet {
		console = progress.NewConsole(io.Discard, "")
	}
	meter := console.Start("copied", len(items))
	defer meter.Close()
	return pull.Run(ctx, dest, p.content, items, pull.Options{
		Verify: p.options.verify, Force: p.options.force,
		Listed: p.listed, Workers: p.settings.API.Connections, Prefetch: p.settings.Cache.PrefetchLimit,
	}, meter)
}

func (p puller) summary(r pull.Result, contracts, gone int, took time.Duration) string {
	text := fmt.Sprintf("copied %s (%s), %d up to date", plural(r.Copied, "document"), humanize.IBytes(uint64(r.Bytes)), r.UpToDate)
	if n := len(r.Failed) + contracts; n > 0 {
		text += fmt.Sprintf(", %d failed", n)
	}
	if gone > 0 {
		text += fmt.Sprintf(", %d not listed any more", gone)
	}
	if r.Left > 0 {
		text += fmt.Sprintf(", %d left", r.Left)
	}
	return fmt.Sprintf("%s; %s in %s", text, plural(p.calls(), "API call"), took.Round(10*time.Millisecond))
}

// calls is how many requests were made, retries included.
func (o oneShot) calls() int {
	n := int64(0)
	for _, results := range o.client.Stats().Calls {
		for _, count := range results {
			n += count
		}
	}
	return int(n)
}

// choose finds the documents to copy. A contract whose documents cannot be
// listed counts as a failure; the others go on.
func (p *puller) choose(ctx context.Context, paths []string, failed *failures) []pull.Item {
	var nodes []tree.Node
	if len(paths) == 0 {
		paths = []string{""}
	}
	p.listed = pull.NewListed(filepath.Base(accountPath(p.settings)), p.settings.Listings.Types)
	for _, at := range paths {
		n, err := tree.Find(ctx, p.catalog, at)
		if err != nil {
			failed.add(at, err)
			continue
		}
		nodes = append(nodes, p.expand(ctx, n, failed)...)
	}
	seen := map[string]bool{}
	var items []pull.Item
	var there []month.Month // of those that are not copied
	for _, n := range nodes {
		if n.Listing != nil {
			p.listed.Listing(n.Listing, n.Dir == n.Listing.Tree)
		}
		n.Documents(func(d tree.Node) {
			p.listed.Document(d.Path, d.Doc)
			switch {
			case seen[d.Path]:
			case p.months.holds(d):
				items = append(items, pull.Item{Path: d.Path, Doc: d.Doc, Ref: d.Ref()})
			default:
				of, _ := month.OfDocument(d.Doc)
				there = append(there, of)
			}
			seen[d.Path] = true
		})
	}
	p.nothing = ""
	if len(items) == 0 && len(there) > 0 {
		p.nothing = fmt.Sprintf("nothing matches %s: the documents there are are of %s to %s", p.options.monthsAsked(), slices.Min(there), slices.Max(there))
	}
	return items
}

// expand makes of the root its contracts, with their listings.
func (p *puller) expand(ctx context.Context, n tree.Node, failed *failures) []tree.Node {
	if n.Contract != nil {
		return []tree.Node{n}
	}
	contracts, err := p.catalog.Contracts(ctx)
	if err != nil {
		failed.add("", err)
		return nil
	}
	p.whole, p.copied, p.hidden = true, true, hiddenNote(p.settings, contracts)
	p.listed.Account(contracts)
	var nodes []tree.Node
	for _, l := range p.listings(ctx, contracts.Entries) {
		if l.err != nil {
			failed.add(l.entry.Name, l.err)
			continue
		}
		nodes = append(nodes, tree.Node{Path: l.entry.Name, Contract: &l.entry, Listing: l.listing, Dir: l.listing.Tree})
	}
	return nodes
}
