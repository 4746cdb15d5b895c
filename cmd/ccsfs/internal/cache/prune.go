package cache

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"slices"
	"time"

	"github.com/spf13/cobra"

	"ccsfs/cmd/ccsfs/internal/cmdutil"
	"ccsfs/cmd/ccsfs/internal/exitcode"
	"ccsfs/cmd/ccsfs/internal/month"
	"ccsfs/cmd/ccsfs/internal/session"
	"ccsfs/cmd/ccsfs/internal/settings"
	"ccsfs/cmd/ccsfs/internal/settings/value"
	"ccsfs/cmd/ccsfs/internal/term"
	"ccsfs/internal/account"
	"ccsfs/internal/content"
	"ccsfs/internal/content/blobstore"
)

// unnoted is how old a document must be of which nothing is known: one that is just put
// there is noted in a moment.
const unnoted = 24 * time.Hour

// choice says which documents are not to be kept.
type choice struct {
	limit     int64         // bytes of an account
	olderThan time.Duration // not used for so long; 0: however old
	months    int           // kept, the running one included; 0: all
	now       time.Time
}

// of chooses, the least recently used first. months are those of documents, as far as they
// are known; a document of no known month is kept.
func (c choice) of(a accountCache, months map[blobstore.Key]month.Month) []content.Cached {
	all := slices.Clone(a.Content.Documents)
	slices.SortStableFunc(all, func(x, y content.Cached) int { return x.Used.Compare(y.Used) })
	now := c.now.UTC()
	first := month.New(now.Year(), now.Month()) - month.Month(c.months-1)
	left := a.Content.Bytes()
	var out, kept []content.Cached
	for _, d := range all {
		age := c.now.Sub(d.Used)
		of, dated := months[d.Key]
		switch {
		case !d.Known && age > unnoted:
		case c.olderThan > 0 && age > c.olderThan:
		case c.months > 0 && dated && of < first:
		default:
			kept = append(kept, d)
			continue
		}
		out = append(out, d)
		left -= d.Size
	}
	for _, d := range kept {
		if left <= c.limit {
			break
		}
		out = append(out, d)
		left -= d.Size
	}
	return out
}

type pruneOptions struct {
	olderThan          string
	keepMonths         int
	dry, quiet, asJSON bool
}

func pruneCommand(env cmdutil.Environment) *cobra.Command {
	var o pruneOptions
	cmd := &cobra.Command{
		Use:   "prune [flags] [ACCOUNT…]",
		Short: "Remove documents from the cache: what is too much, too old, or of no use",
		Long: `Remove from the cache what is over --cache-size, the documents that were not used for
longest first; what killed processes have left; and documents of which nothing is known
any more. With --older-than also those that were not used for so long, with --keep-months
also those of earlier months; what has no known month stays then. Of all accounts, or of
those named as "ccsfs cache info" does.

Mounts and commands go on meanwhile: what is removed is fetched again when it is asked
for, with a call of the API each. Nothing else in the directory is touched. With --json
there is an object for each account: {"account", "removed", "bytes", "left", "leftBytes",
"failed"}.`,
		Example: `  ccsfs cache prune
  ccsfs cache prune --older-than=90d
  ccsfs cache prune --keep-months=13 --dry-run`,
		ValidArgsFunction: completeAccounts(env),
		Args:              cmdutil.Takes(0, -1, "ACCOUNT"),
		RunE: func(cmd *cobra.Command, args []string) error {
			s, ctx, done, err := load(env, cmd)
			if err != nil {
				return err
			}
			defer done()
			c := choice{limit: s.Cache.Size, months: o.keepMonths, now: env.Now()}
			if cmd.Flags().Changed("keep-months") && o.keepMonths < 1 {
				return exitcode.Errorf(exitcode.Usage, "--keep-months=%d: at least 1, the running month; to remove all documents: ccsfs cache clear", o.keepMonths)
			}
			if o.olderThan != "" {
				if c.olderThan, err = value.Duration(o.olderThan); err != nil {
					return exitcode.Errorf(exitcode.Usage, "--older-than %q %w; a good one is 90d", o.olderThan, err)
				}
			}
			return prune(ctx, env, s, c, o, args)
		},
	}
	f := cmd.Flags()
	f.StringVar(&o.olderThan, "older-than", "", "also remove what was not used for this `DURATION` (90d)")
	f.IntVar(&o.keepMonths, "keep-months", 0, "also remove what is of earlier months than the last `N`, the running one included")
	f.BoolVarP(&o.dry, "dry-run", "n", false, "say what would be removed, and remove nothing")
	f.BoolVarP(&o.quiet, "quiet", "q", false, "print failures only")
	f.BoolVar(&o.asJSON, "json", false, "print a JSON object for each account")
	cmdutil.AddSettings(cmd, settings.GroupCache)
	return cmd
}

// removedJSON is what became of the cache of an account. Its keys do not change.
type removedJSON struct {
	Account   string `json:"account"`
	Would     bool   `json:"would,omitempty"` // with --dry-run: nothing was done
	Removed   int    `json:"removed"`
	Bytes     int64  `json:"bytes"` // removed
	Left      int    `json:"left"`
	LeftBytes int64  `json:"leftBytes"`
	Listings  int    `json:"listings,omitempty"` // files of listings and what was known of documents, with clear --listings
	Failed    int    `json:"failed"`
}

func prune(ctx context.Context, env cmdutil.Environment, s *settings.Settings, c choice, o pruneOptions, names []string) error {
	all, err := cacheOf(ctx, s, names)
	if err != nil {
		return err
	}
	var failed session.Failures
	var results []removedJSON
	for _, a := range all {
		var months map[blobstore.Key]month.Month
		if c.months > 0 {
			months = lookUp(s, a.dir).months
			if n := a.undated(months); n > 0 {
				term.Say(env.Stderr, "%s: %s of no known month, by the listings that are saved; --keep-months passes over what is", a.name, term.Plural(n, "document"))
			}
		}
		results = append(results, a.remove(ctx, c.of(a, months), o.dry, &failed))
	}
	return finish(ctx, env, s, results, o.quiet, o.asJSON, &failed)
}

// undated counts the documents whose month is not known.
func (a accountCache) undated(months map[blobstore.Key]month.Month) (n int) {
	for _, d := range a.Content.Documents {
		if _, ok := months[d.Key]; !ok {
			n++
		}
	}
	return n
}

// remove removes documents of an account, and what killed processes have left.
func (a accountCache) remove(ctx context.Context, which []content.Cached, dry bool, failed *session.Failures) removedJSON {
	r := removedJSON{Account: a.name, Would: dry, Left: len(a.Content.Documents), LeftBytes: a.Content.Bytes()}
	cleaner := account.Cleaner(a.dir)
	defer func() { _ = cleaner.Close() }() // nothing is written
	var first error
	others := false
	for _, d := range which {
		if ctx.Err() != nil {
			break
		}
		ok, err := dry, error(nil)
		if !dry {
			ok, err = cleaner.Remove(d)
		}
		switch {
		case err != nil:
			if r.Failed++; first == nil {
				first = err
			}
		case ok:
			r.Removed++
			r.Bytes += d.Size
			r.Left--
			r.LeftBytes -= d.Size
		default:
			others = true // somebody was faster
		}
	}
	if others {
		if now, err := account.TakeStock(ctx, a.dir); err == nil {
			r.Left, r.LeftBytes = len(now.Content.Documents), now.Content.Bytes()
		}
	}
	if !dry && ctx.Err() == nil {
		cleaner.Sweep()
	}
	failed.Succeeded += r.Removed
	if first != nil {
		failed.Add(a.name, fmt.Errorf("cannot remove %s: %s", term.Plural(r.Failed, "document"), problem(first)))
	}
	return r
}

// finish tells what became of all accounts.
func finish(ctx context.Context, env cmdutil.Environment, s *settings.Settings, results []removedJSON, quiet, asJSON bool, failed *session.Failures) error {
	err := cmdutil.Printing(env, func(w io.Writer) error {
		switch {
		case quiet:
			return nil
		case asJSON:
			enc := json.NewEncoder(w)
			for _, r := range results {
				if err := enc.Encode(r); err != nil {
					return err
				}
			}
			return nil
		case len(results) == 0:
			_, err := fmt.Fprintln(w, term.Plain(emptyText(s)))
			return err
		}
		var sum removedJSON
		for _, r := range results {
			sum.Would = r.Would
			sum.Removed += r.Removed
			sum.Bytes += r.Bytes
			sum.Left += r.Left
			sum.LeftBytes += r.LeftBytes
			sum.Listings += r.Listings
		}
		_, err := fmt.Fprintln(w, sum.text())
		return err
	})
	if ctx.Err() != nil {
		return exitcode.Errorf(exitcode.Failed, "interrupted; what was removed stays removed")
	}
	return exitcode.Also(failed.Result(env), err)
}

func (r removedJSON) text() string {
	did := "removed"
	if r.Would {
		did = "would remove"
	}
	text := fmt.Sprintf("%s %s (%s), %d (%s) left", did, term.Plural(r.Removed, "document"), term.BytesText(r.Bytes), r.Left, term.BytesText(r.LeftBytes))
	if r.Listings > 0 {
		text += fmt.Sprintf("; %s of listings, too", term.Plural(r.Listings, "file"))
	}
	return text
}
