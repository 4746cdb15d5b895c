// Package pull is `ccsfs pull`: copies of documents in a directory, only of what is new or
// changed. What becomes of the directory is up to mirror.
package pull

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"time"

	"github.com/dustin/go-humanize"
	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"ccsfs/cmd/ccsfs/internal/choice"
	"ccsfs/cmd/ccsfs/internal/cmdutil"
	"ccsfs/cmd/ccsfs/internal/completion"
	"ccsfs/cmd/ccsfs/internal/exitcode"
	"ccsfs/cmd/ccsfs/internal/hooks"
	"ccsfs/cmd/ccsfs/internal/localpath"
	"ccsfs/cmd/ccsfs/internal/progress"
	"ccsfs/cmd/ccsfs/internal/session"
	"ccsfs/cmd/ccsfs/internal/term"
	"ccsfs/internal/mirror"
)

// pullOptions are the flags of pull.
type pullOptions struct {
	verify, force, quiet, refetch, verbose, json, dry bool
	delete                                            string
	choice                                            choice.Flags
	hooks                                             hooks.Options
}

// Command is `ccsfs pull`.
func Command(env cmdutil.Environment) *cobra.Command {
	var o pullOptions
	cmd := &cobra.Command{
		Use:        "pull [flags] [PATH…] DEST",
		Short:      "Copy documents into a directory, only what is new or changed",
		SuggestFor: []string{"download", "sync", "copy", "cp", "fetch", "get", "export", "rsync", "backup", "mirror"},
		Long:       help(),
		Example: `  ccsfs pull ~/bills
  ccsfs pull --since=2026-01 --types=bills,invoices ~/bills
  ccsfs pull --since=last-month --until=last-month ~/last-month
  ccsfs pull OCB0001234 /srv/accounting && echo complete
  ccsfs pull '*/Invoice_*_202610.pdf' october
  ccsfs pull OCB0001234/Invoice_OCB0001234_202610.pdf ./october.pdf
  ccsfs pull --dry-run ~/bills
  ccsfs pull -q --on-new=/usr/local/bin/book-invoice --types=invoices /srv/accounting
  ccsfs pull --layout='{year}/{type}/{filename}' /srv/accounting
  ccsfs pull --refetch --since=2026-10 --types=invoices ~/invoices`,
		Args:              cmdutil.Takes(1, -1, "DEST"),
		ValidArgsFunction: completePull(env),
		RunE: func(cmd *cobra.Command, args []string) error {
			chosen, err := o.check(env.Now())
			if err != nil {
				return err
			}
			kind := env.Vars["TERM"]
			if o.quiet || o.verbose || o.json || o.dry {
				kind = "dumb" // no bar, and no word of waiting
			}
			console := progress.NewConsole(env.Stderr, kind)
			env := env
			env.Stderr = console
			last := len(args) - 1
			return localpath.WithAccount(env, cmd, session.Copying, args[:last], func(ctx context.Context, a session.Session, paths []string) error {
				if err := o.checkDelete(a.Settings.API.Offline); err != nil {
					return err
				}
				if o.refetch && a.Settings.API.Offline {
					return exitcode.Errorf(exitcode.Usage, "--refetch asks the API, which --offline forbids: choose one")
				}
				if o.refetch {
					a.Content.AskAgain()
				}
				p := puller{Session: a, options: o, choice: chosen, console: console}
				return p.run(ctx, paths, args[last])
			})
		},
	}
	o.flags(cmd.Flags())
	o.choice.Add(cmd)
	o.hooks.AddOnNew(cmd.Flags())
	_ = cmd.RegisterFlagCompletionFunc("delete", cobra.FixedCompletions([]cobra.Completion{deletePartial, deleteGone}, cobra.ShellCompDirectiveNoFileComp)) // fails only for a flag that is not there
	cmdutil.AddSettings(cmd, cmdutil.AccountGroups()...)
	return cmd
}

// flags are those of pull alone.
func (o *pullOptions) flags(f *pflag.FlagSet) {
	f.BoolVarP(&o.dry, "dry-run", "n", false, "say what would be done, and do nothing")
	f.StringVar(&o.delete, "delete", "", "delete copies that are over: `WHAT` is partial (of a running month that is over) or gone (also what is not listed any more)")
	f.Lookup("delete").NoOptDefVal = deletePartial
	f.BoolVar(&o.verify, "verify", false, "compare the contents of files that are there")
	f.BoolVar(&o.force, "force", false, "replace files that somebody changed")
	f.BoolVar(&o.refetch, "refetch", false, "ask the API for each document again, a call each")
	f.BoolVarP(&o.quiet, "quiet", "q", false, "print failures only")
	f.BoolVarP(&o.verbose, "verbose", "v", false, "name each document that is copied")
	f.BoolVar(&o.json, "json", false, "print what is done as JSON, an object a line")
}

// help is what pull --help says.
func help() string {
	return `Copy the documents at PATH (all of them, without one) into the directory DEST,
under the paths that "ccsfs ls" shows. A file that is there with the size and the date
of its document is skipped; what there is now is asked for each time, unless
--listing-ttl says how long a listing is believed. The rest is fetched in parallel,
within the rate limit, and put in place whole or not at all. What failed for a reason that
may pass is asked for once more at the end. After an interruption, the same command again
fetches what is missing.

Of one document DEST may be a file: one that is there, or one that ends as the document
does (.pdf). One that holds something else is kept, unless --force is given.

Files are read-only and bear the date of their document. Documents of the running
month are copied again when they have changed. A file that somebody changed is kept,
and counts as failed, unless --force is given; ` + mirror.JournalName + ` in DEST tells the
difference. With --verify, contents are compared and not only sizes and dates. One pull
at a time writes to a DEST; others wait for it.

Files in DEST are never removed without --delete. A copy whose document is called
otherwise now, as two are that have one name, gets that name; a copy of what the account
does not list any more is named once, and counted each time. Where another document has
its name now, it becomes "NAME~earlier-…"; one in a directory that has another name now
is named once, and stays. An account that lists no contract at all is exit status 6.

By another layout, copies that are there are moved, and nothing is fetched for that. A
--layout that is given is DEST's own from then on, whatever the settings say later; PATHs
are always those of "ccsfs ls".

With --delete, copies of documents of the running month are deleted once that is over,
they are not listed any more, and a later one is there or the final one of their month.
With --delete=gone so are copies of documents that the account does not list any more,
once an earlier run has told of them: there may be no other copy anywhere. Only what pull
left and nobody has changed is deleted, by listings that are fresh and complete, of
contracts that are pulled as a whole, if all could be copied, and not more than half of
all copies unless --force is given.

A document of which the account lists no new version is taken for unchanged, and not
asked for again. With --refetch it is, one call each: choose a month with it.

` + choice.Help + `

` + localpath.Help + `

With --on-new=COMMAND a program is run for each document that is new or changed, once its
file is in place, with CCSFS_CHANGE, CCSFS_FILE, CCSFS_PATH, CCSFS_CONTRACT, CCSFS_TYPE,
CCSFS_PERIOD, CCSFS_AMOUNT and others in its environment. One that fails is run again by
the next pull into DEST, and the exit status is 6. See "ccsfs help watch".

With -v each document is named once its file is in place. With --json there is one object
a line instead: {"event":"copied", "path", "contract", "id", "type", "period", "bytes",
"updated"}, {"event":"renamed", "from", "path"}, {"event":"deleted", "path", "reason"},
{"event":"failed", "path", "error"}, and at the end {"event":"done", "copied", "upToDate",
"bytes", "failed", "left", "notListed", "calls", "seconds", "deleted"}.

--dry-run says the same of what would be done, and ends as the run would, as far as that
can be known. It asks for listings and for no document, and changes nothing in DEST. In
its objects "would" is in the place of "event"; "bytes" is left out where a size is not
known yet, and {"would":"asked", "path"} is a document of which only the API can tell
whether it has changed.`
}

// check finds flags that do not go together, and reads what is chosen.
func (o pullOptions) check(now time.Time) (choice.Choice, error) {
	if o.quiet && (o.verbose || o.json) || o.verbose && o.json {
		return choice.Choice{}, exitcode.Errorf(exitcode.Usage, "--quiet, --verbose and --json: choose one")
	}
	return o.choice.Parse(now)
}

// completePull completes paths of the account, and directories for DEST.
func completePull(env cmdutil.Environment) cobra.CompletionFunc {
	paths := completion.Paths(env, true)
	return func(cmd *cobra.Command, args []string, typed string) ([]cobra.Completion, cobra.ShellCompDirective) {
		words, directive := paths(cmd, args, typed)
		if len(words) == 0 {
			return nil, cobra.ShellCompDirectiveFilterDirs
		}
		return words, directive
	}
}

// puller is one run of pull.
type puller struct {
	session.Session
	options pullOptions
	choice  choice.Choice
	console *progress.Console
	hidden  string // what a filter leaves out, "" if nothing
	shape   shape  // of DEST
	news    *onNew // who is told of what comes; nil: nobody
	note    string // what is to be said of what was chosen, "" if nothing
	listed  *mirror.Listed
}

func (p *puller) run(ctx context.Context, paths []string, destination string) (err error) {
	told, err := p.options.hooks.Hooks(p.Env, p.Settings)
	if err != nil {
		return err
	}
	defer hooks.Close(told)
	begun := time.Now()
	if destination == "-" {
		return exitcode.Errorf(exitcode.Usage, "DEST is a directory or a file; to print documents: ccsfs cat PATH…; a directory of that name is ./-")
	}
	if p.mayBeFile(paths, destination) {
		if done, err := p.one(ctx, paths, destination); done {
			return err
		}
	}
	dir, err := p.checkDestination(destination)
	if err != nil {
		return err
	}
	if err := p.mistaken(ctx, paths, destination, dir); err != nil {
		return err
	}
	if p.shape, err = p.shapeOf(dir); err != nil {
		return err
	}
	var failed session.Failures
	items := p.choose(ctx, paths, &failed)
	if ctx.Err() != nil {
		return exitcode.Errorf(exitcode.Failed, "interrupted; nothing was copied")
	}
	if len(items) == 0 && len(failed.All) > 0 {
		return p.Session.Ended(&failed)
	}
	dest, waited, err := p.open(ctx, dir, destination)
	switch {
	case ctx.Err() != nil:
		return exitcode.Errorf(exitcode.Failed, "interrupted; nothing was copied")
	case err != nil:
		return exitcode.With(exitcode.Failed, err)
	}
	defer func() { err = exitcode.Also(err, dest.Close()) }()
	if waited { // for as long as it took: there may be something new
		if p.shape, err = p.shapeOf(dir); err != nil {
			return err
		}
		failed = session.Failures{}
		items = p.choose(ctx, paths, &failed)
	}
	if p.shape.asked {
		if err := dest.KeepLayout(p.shape.String()); err != nil {
			return exitcode.With(exitcode.Failed, err)
		}
	}
	if p.note != "" && !p.options.quiet {
		term.Say(p.Env.Stderr, "%s", p.note)
	}
	if p.news, err = p.tellHooks(dir, told); err != nil {
		return err
	}
	var result mirror.Result
	var gone int
	var unnoted error
	unprinted := p.printing(func(out *report) error {
		result = p.copy(ctx, dest, items, out)
		slices.SortFunc(result.Moved, func(a, b mirror.Move) int { return cmp.Compare(a.To, b.To) })
		slices.SortFunc(result.Failed, func(a, b mirror.Failure) int { return cmp.Compare(a.Path, b.Path) })
		removed := p.remove(dest, &result, &failed)
		gone, unnoted = p.tellGone(dest, result)
		out.removed(removed)
		return out.end(*p, result, failed.All, gone, time.Since(begun))
	})
	defer func() { err = exitcode.Also(err, unnoted) }()
	for _, f := range result.Failed {
		failed.Add(f.Path, f.Err)
	}
	failed.Succeeded += result.Copied + result.UpToDate + result.Unsure
	err = p.ended(result, dir, p.Printed(unprinted, &failed))
	if p.news.deliver(ctx) && err == nil {
		err = exitcode.Silently(exitcode.Some)
	}
	return err
}

// open opens the destination, and tells whether it had to be waited for.
func (p puller) open(ctx context.Context, dir, typed string) (dest *mirror.Dest, waited bool, err error) {
	if p.options.dry {
		dest, err = mirror.Look(dir)
		return dest, false, err
	}
	dest, err = mirror.OpenDest(ctx, dir, func(who string) {
		if waited = true; !p.options.quiet {
			term.Say(p.Env.Stderr, "waiting for another pull into %s: %s", typed, term.Plain(who))
		}
	})
	return dest, waited, err
}

// tellGone names the copies of documents that are not listed any more, or elsewhere,
// once, whether quiet or not: an invoice that was withdrawn, or replaced, is still
// there. What it does not name is left to the next run. It returns how many there are.
func (p puller) tellGone(dest *mirror.Dest, r mirror.Result) (int, error) {
	if r.Stopped != nil {
		return 0, nil
	}
	all, news := dest.Gone(p.listed)
	err := p.tellOnce(news, p.goneText(), dest.Told)
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
		if err := term.Tell(p.Env.Stderr, "%s: %s", term.Plain(at), text); err != nil {
			return told(named[:i]) // nobody was told of the others
		}
	}
	if n := len(news) - len(named); n > 0 {
		term.Say(p.Env.Stderr, "and %d more, which the next pull names", n)
	}
	return told(named)
}

// goneNamed is how many of such copies a run names.
const goneNamed = 20

// ended gives a run that was given up its exit code.
func (p puller) ended(r mirror.Result, dir string, failed error) error {
	switch {
	case r.Stopped == nil:
		return failed
	case errors.Is(r.Stopped, mirror.ErrDestination):
		return exitcode.Errorf(exitcode.Failed, "%s: %w\n  %s not copied; make room or choose another directory, then the same command goes on",
			dir, r.Stopped, term.Plural(r.Left, "document"))
	default:
		return exitcode.Errorf(exitcode.Failed, "interrupted; the same command goes on")
	}
}

func (p puller) copy(ctx context.Context, dest *mirror.Dest, items []mirror.Item, out *report) mirror.Result {
	p.ShowsProgress(true)
	defer p.ShowsProgress(false)
	meter := p.meterConsole(out).Start("copied", len(items))
	defer meter.Close()
	return mirror.Run(ctx, dest, p.Content, items, mirror.Options{
		Verify: p.options.verify, Force: p.options.force, Again: p.options.refetch,
		Listed: p.listed, Workers: p.Settings.API.Connections, Prefetch: p.Settings.Cache.PrefetchLimit, Copied: out.copied, Placing: p.news.placing(),
	}, meter)
}

// meterConsole is where the meter goes: nowhere if each document is named, or none.
func (p puller) meterConsole(out *report) *progress.Console {
	if p.options.quiet || out.each() {
		return progress.NewConsole(io.Discard, "")
	}
	return p.console
}

func (p puller) summary(r mirror.Result, contracts, gone, removed int, took time.Duration) string {
	did, size := "copied", humanize.IBytes(uint64(r.Bytes))
	if p.options.dry {
		did = "would copy"
	}
	switch {
	case r.Sizeless > 0 && r.Sizeless == r.Copied:
		size = "of sizes not known yet"
	case r.Sizeless > 0:
		size += " or more"
	}
	text := fmt.Sprintf("%s %s (%s), %d up to date", did, term.Plural(r.Copied, "document"), size, r.UpToDate)
	if r.Unsure > 0 {
		text += fmt.Sprintf(", %d to be asked about", r.Unsure)
	}
	if n := len(r.Failed) + contracts; n > 0 {
		text += fmt.Sprintf(", %d failed", n)
	}
	if gone > 0 {
		text += fmt.Sprintf(", %d not listed any more", gone)
	}
	if r.Left > 0 {
		text += fmt.Sprintf(", %d left", r.Left)
	}
	if removed > 0 {
		deleted := "deleted"
		if p.options.dry {
			deleted = "to be deleted"
		}
		text += fmt.Sprintf(", %d %s", removed, deleted)
	}
	if r.Fetched > 0 {
		text += fmt.Sprintf("; %d of them from the API", r.Fetched)
	}
	return fmt.Sprintf("%s; %s in %s", text, term.Plural(calls(p.Session), "API call"), took.Round(10*time.Millisecond))
}

// calls is how many requests were made, retries included.
func calls(o session.Session) int {
	n := int64(0)
	for _, results := range o.Client.Stats().Calls {
		for _, count := range results {
			n += count
		}
	}
	return int(n)
}
