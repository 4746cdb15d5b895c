// Package warm is `ccsfs warm`: a mount fetches what is not cached yet.
package warm

import (
	"context"
	"fmt"
	"io"
	"time"

	"github.com/dustin/go-humanize"
	"github.com/spf13/cobra"

	"ccsfs/cmd/ccsfs/internal/choice"
	"ccsfs/cmd/ccsfs/internal/cmdutil"
	"ccsfs/cmd/ccsfs/internal/daemon/control"
	"ccsfs/cmd/ccsfs/internal/exitcode"
	"ccsfs/cmd/ccsfs/internal/mounts"
	"ccsfs/cmd/ccsfs/internal/term"
)

// Command is `ccsfs warm`.
func Command(env cmdutil.Environment) *cobra.Command {
	var chosen choice.Flags
	cmd := &cobra.Command{
		Use:        "warm [flags] [MOUNTPOINT] [CONTRACT…]",
		Short:      "Fetch documents into the cache",
		SuggestFor: []string{"prefetch", "preload", "cache"},
		Long: `Have a running mount fetch all documents that are not in its cache yet, of these
contracts or of all. Whoever reads goes first. Paths into the mount name what to fetch,
too; MOUNTPOINT may be left out if there is one mount. Exit status 6: some could not be
fetched, or not kept, for the cache is too small, and the others were.

` + choice.Help,
		Example: `  ccsfs warm
  ccsfs warm --since=this-year --types=invoices
  ccsfs warm ~/bills/OCB0001234 ~/bills/OCB0001871`,
		Args:              cmdutil.Takes(0, -1, ""),
		ValidArgsFunction: mounts.Complete(env),
		RunE: func(cmd *cobra.Command, args []string) error {
			if _, err := chosen.Parse(env.Now()); err != nil {
				return err
			}
			ctx, done := env.Interruptible(cmd.Context())
			defer done()
			return warmRunning(ctx, env, args, chosen)
		},
	}
	chosen.Add(cmd)
	chosen.AddTypes(cmd)
	return cmd
}

func warmRunning(ctx context.Context, env cmdutil.Environment, args []string, chosen choice.Flags) error {
	r, err := mounts.FindRunning(ctx, env, args)
	if err != nil {
		return err
	}
	w := newWarmReport(env)
	defer w.clear()
	if err := r.Warm(ctx, r.Paths, chosen, w.event); err != nil {
		w.clear()
		return mounts.ExplainControl(ctx, err)
	}
	w.clear()
	return cmdutil.Printing(env, w.summary)
}

// plainEvery is how often progress is told where standard error is no terminal.
const plainEvery = 10 * time.Second

// warmReport tells how warming goes: on a terminal in a line that is written
// over and over, elsewhere in a line now and then.
type warmReport struct {
	stderr   io.Writer
	terminal bool
	last     time.Time
	missing  int
	fetched  int
	failed   int
	bytes    int64
	end      control.Event
}

func newWarmReport(env cmdutil.Environment) *warmReport {
	return &warmReport{stderr: env.Stderr, terminal: term.ScreenOf(env.Vars, env.Stderr).Terminal, last: time.Now()}
}

// event takes in what the mount tells.
func (w *warmReport) event(e control.Event) {
	switch e.Event {
	case control.EventPlan:
		w.missing = e.Missing
		if e.Note != "" {
			term.Say(w.stderr, "%s", e.Note)
		}
	case control.EventContract:
		w.clear()
		w.failed++
		term.Say(w.stderr, "contract %s: %s", e.Contract, e.Error.Text)
	case control.EventDocument:
		if e.Error != nil {
			w.clear()
			w.failed++
			term.Say(w.stderr, "%s (%s, contract %s): %s", e.Name, e.Document, e.Contract, e.Error.Text)
		} else {
			w.fetched++
			w.bytes += e.Bytes
		}
	case control.EventDone:
		w.end = e
	}
	w.progress()
}

func (w *warmReport) progress() {
	every := plainEvery
	if w.terminal {
		every = 100 * time.Millisecond
	}
	if w.missing == 0 || time.Since(w.last) < every {
		return
	}
	w.last = time.Now()
	line := fmt.Sprintf("%d of %d documents, %s", w.fetched+w.failed, w.missing, humanize.IBytes(uint64(w.bytes)))
	if w.terminal {
		_, _ = fmt.Fprintf(w.stderr, "\r\x1b[K%s", line)
	} else {
		term.Say(w.stderr, "%s", line)
	}
}

// clear takes the progress line away.
func (w *warmReport) clear() {
	if w.terminal {
		_, _ = fmt.Fprint(w.stderr, "\r\x1b[K")
	}
}

func (w *warmReport) summary(out io.Writer) error {
	e := w.end
	_, err := fmt.Fprintf(out, "%s: %d were cached, %d fetched (%s in %s), %d failed\n",
		term.Count(int64(e.Documents), "document"), e.Documents-e.Missing, e.Fetched, humanize.IBytes(uint64(e.Bytes)),
		term.Roughly(time.Duration(e.Seconds*float64(time.Second))), e.Failed)
	if e.Evicted > 0 {
		term.Say(w.stderr, "warning: %s found no room: the cache is too small, enlarge it with --cache-size", term.Count(int64(e.Evicted), "document"))
	}
	if err == nil && e.Failed+e.Evicted > 0 {
		return exitcode.Silently(exitcode.Some)
	}
	return err
}
