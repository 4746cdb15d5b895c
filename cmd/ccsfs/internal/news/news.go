// Package news is `ccsfs new`: which documents came, changed or went since somebody last
// looked.
package news

import (
	"context"
	"io"
	"time"

	"github.com/spf13/cobra"

	"ccsfs/cmd/ccsfs/internal/change"
	"ccsfs/cmd/ccsfs/internal/choice"
	"ccsfs/cmd/ccsfs/internal/cmdutil"
	"ccsfs/cmd/ccsfs/internal/exitcode"
	"ccsfs/cmd/ccsfs/internal/seen"
	"ccsfs/cmd/ccsfs/internal/session"
	"ccsfs/cmd/ccsfs/internal/term"
	"ccsfs/internal/billing"
	"ccsfs/internal/folder"
)

// newOptions are the flags of new.
type newOptions struct {
	choice          choice.Flags
	chosen          choice.Choice
	json, csv, keep bool
	looker          string
	dates           choice.Flags
}

// Command is `ccsfs new`.
func Command(env cmdutil.Environment) *cobra.Command {
	o := newOptions{}
	cmd := &cobra.Command{
		Use:        "new [flags]",
		Short:      "Show which documents came, changed or went since the last look",
		SuggestFor: []string{"news", "changes", "diff", "latest", "recent", "since", "what"},
		Long: `Show which documents are new since the last time that this was asked, which have
changed, and which are not listed any more: one a line, with its date (UTC), type and
amount, if the API tells one. Without news nothing is printed. What there is now is asked
for each time, unless --listing-ttl says how long a listing is believed; no document is
fetched.

The first look shows nothing, but remembers what there is. What was seen is kept for each
user, account and looker: --as=NAME is another looker, so that a person and a job do not
take each other's news. It counts as seen once it is printed. With --keep, it is shown
again the next time. --since and --until show what is dated (see ls -l) since and until
then, whatever was seen before, and what has no date, and leave what was seen as it is.
Here months are of dates, too: an invoice for September that came in October is of
October.

--types, --name and --min-amount choose; what they leave out does not count as seen. A
document of which no amount is known is left in.

What cannot be listed, or may be cut short, is told, and is news once it can be. With
--json, one array of objects with the keys change (new, changed or gone), path, contract,
type and id, and, but for what is gone, period, createdAt, updatedAt, modified, amount
and currency; --csv has the most of it in columns.`,
		Example: `  ccsfs new
  ccsfs new --types=invoices --as=accounting
  ccsfs new --min-amount=10000 --as=controlling
  ccsfs new --since=2026-10
  ccsfs new --since=last-month --until=last-month
  ccsfs new --json --as=robot | jq -r '.[] | select(.change == "new") | .path'`,
		Args: cmdutil.Takes(0, 0, ""),
		RunE: func(cmd *cobra.Command, _ []string) error {
			dated, err := o.check(env.Now())
			if err != nil {
				return err
			}
			if o.chosen, err = o.choice.Parse(env.Now()); err != nil {
				return err
			}
			return session.WithAccount(env, cmd, session.Copying, func(ctx context.Context, a session.Session) error {
				if dated != (span{}) {
					return showDated(ctx, a, o, dated)
				}
				return show(ctx, a, o)
			})
		},
	}
	cmd.Flags().BoolVar(&o.json, "json", false, "print one JSON array")
	cmd.Flags().BoolVar(&o.csv, "csv", false, "print CSV, a row for each")
	cmd.Flags().BoolVar(&o.keep, "keep", false, "what is shown stays new")
	o.choice.AddLasting(cmd)
	cmd.Flags().StringVar(&o.looker, "as", "default", "`NAME` of who looks; each sees all news once")
	o.dates.AddSpans(cmd, "show what is dated since this `DATE` (2026-01-15, 2026-01, last-month), whatever was seen", "show what is dated until this `DATE`, whatever was seen")
	cmdutil.AddSettings(cmd, cmdutil.AccountGroups()...)
	return cmd
}

// span is a stretch of dates: from its first moment to the first one after; zero: no bound.
type span struct{ from, before time.Time }

// check returns what --since and --until stand for, the zero span without them.
func (o newOptions) check(now time.Time) (dated span, err error) {
	if o.json && o.csv {
		return span{}, exitcode.Errorf(exitcode.Usage, "--json and --csv: choose one")
	}
	if err := seen.CheckName(o.looker); err != nil {
		return span{}, err
	}
	chosen, err := o.dates.Parse(now)
	if err != nil {
		return span{}, err
	}
	dated.from, dated.before = chosen.Dates()
	return dated, nil
}

// show tells the news of a looker.
func show(ctx context.Context, a session.Session, o newOptions) (err error) {
	looker, err := seen.OpenLooker(a.Env, a.Settings, o.looker)
	if err != nil {
		return err
	}
	defer func() { err = exitcode.Also(err, looker.Close()) }()
	end, s, err := looker.Turn(ctx, a.Env)
	if err != nil {
		return err
	}
	defer end()
	var failed session.Failures
	sight, err := s.Look(ctx, a, o.chosen, &failed)
	if err != nil {
		return err
	}
	unprinted := printNews(a, sight.News, o)
	err = a.Printed(unprinted, &failed)
	if unprinted != nil || o.keep || failed.Succeeded == 0 && len(failed.All) > 0 {
		return err // nothing counts as seen
	}
	return remember(a, s, sight.Documents, err)
}

// remember keeps what was seen, of those contracts that could be looked at.
func remember(a session.Session, s *seen.Seen, documents int, failed error) error {
	if err := s.Record(a.Env.Now()); err != nil {
		return exitcode.Also(failed, exitcode.With(exitcode.Failed, err))
	}
	if s.First() {
		term.Say(a.Env.Stderr, "%s", seen.FirstLook(documents, "the next one", a.Env.Now().UTC().Format("2006-01")))
	}
	return failed
}

// showDated tells what is dated within a span.
func showDated(ctx context.Context, a session.Session, o newOptions, dated span) error {
	var failed session.Failures
	var news []change.Change
	sieve := o.chosen.Sieve()
	if err := seen.EachContract(ctx, a, &failed, func(n folder.Node) {
		n.Documents(func(d folder.Node) {
			if dated.holds(d.Doc) && sieve.Holds(d.Path, d.Doc) {
				news = append(news, change.Of(change.New, d.Path, d.Doc))
			}
		})
	}); err != nil {
		return err
	}
	return a.Printed(printNews(a, news, o), &failed)
}

// holds tells whether a document is dated within the span. One without any date counts: to
// leave it out would be silent.
func (s span) holds(d *billing.Document) bool {
	at := d.ModTime()
	return at.IsZero() || !at.Before(s.from) && (s.before.IsZero() || at.Before(s.before))
}

func printNews(a session.Session, news []change.Change, o newOptions) error {
	return cmdutil.Printing(a.Env, func(w io.Writer) error {
		switch {
		case o.json:
			return change.PrintArray(w, news)
		case o.csv:
			return change.PrintCSV(w, news)
		}
		return change.PrintLines(w, news)
	})
}
