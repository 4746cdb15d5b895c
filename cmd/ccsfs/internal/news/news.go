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
	"ccsfs/cmd/ccsfs/internal/month"
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
	since           string
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
again the next time. --since shows what is dated (see ls -l) since then, whatever was
seen before, and what has no date, and leaves what was seen as it is.

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
  ccsfs new --json --as=robot | jq -r '.[] | select(.change == "new") | .path'`,
		Args: cmdutil.Takes(0, 0, ""),
		RunE: func(cmd *cobra.Command, _ []string) error {
			since, err := o.check(env.Now())
			if err != nil {
				return err
			}
			if o.chosen, err = o.choice.Parse(env.Now()); err != nil {
				return err
			}
			return session.WithAccount(env, cmd, session.Copying, func(ctx context.Context, a session.Session) error {
				if !since.IsZero() {
					return showSince(ctx, a, o, since)
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
	cmd.Flags().StringVar(&o.since, "since", "", "show what is dated since this `DATE` (2026-01-15, 2026-01, last-month), whatever was seen")
	cmdutil.AddSettings(cmd, cmdutil.AccountGroups()...)
	return cmd
}

// check returns what --since stands for, zero without it.
func (o newOptions) check(now time.Time) (time.Time, error) {
	if o.json && o.csv {
		return time.Time{}, exitcode.Errorf(exitcode.Usage, "--json and --csv: choose one")
	}
	if err := seen.CheckName(o.looker); err != nil {
		return time.Time{}, err
	}
	if o.since == "" {
		return time.Time{}, nil
	}
	span, err := month.ParseSpan(o.since, now)
	if err != nil {
		return time.Time{}, exitcode.Errorf(exitcode.Usage, "--since %q %w", o.since, err)
	}
	return span.Begin(), nil
}

// show tells the news of a looker.
func show(ctx context.Context, a session.Session, o newOptions) (err error) {
	looker, err := seen.OpenLooker(a.Env, a.Settings, o.looker)
	if err != nil {
		return err
	}
	defer func() { err = exitcode.Also(err, looker.Close()) }()
	turn, s, err := looker.Turn(ctx, a.Env)
	if err != nil {
		return err
	}
	defer turn.Release()
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

// showSince tells what is dated since a time.
func showSince(ctx context.Context, a session.Session, o newOptions, since time.Time) error {
	var failed session.Failures
	var news []change.Change
	sieve := o.chosen.Sieve()
	if err := seen.EachContract(ctx, a, &failed, func(n folder.Node) {
		n.Documents(func(d folder.Node) {
			if datedSince(d.Doc, since) && sieve.Holds(d.Path, d.Doc) {
				news = append(news, change.Of(change.New, d.Path, d.Doc))
			}
		})
	}); err != nil {
		return err
	}
	return a.Printed(printNews(a, news, o), &failed)
}

// datedSince tells whether a document is dated since a time. One without any date counts:
// to leave it out would be silent.
func datedSince(d *billing.Document, since time.Time) bool {
	at := d.ModTime()
	return at.IsZero() || !at.Before(since)
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
