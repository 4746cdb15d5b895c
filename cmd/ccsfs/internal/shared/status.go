package shared

import (
	"context"
	"fmt"
	"io"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"

	"ccsfs/cmd/ccsfs/internal/cmdutil"
	"ccsfs/cmd/ccsfs/internal/exitcode"
	"ccsfs/cmd/ccsfs/internal/term"
	"ccsfs/internal/catalog"
	"ccsfs/internal/content"
	"ccsfs/internal/pool"
)

// state is what status tells. Its keys in JSON do not change.
type state struct {
	Account     string      `json:"account"`
	KeyID       string      `json:"key_id"`
	Coordinator engineState `json:"coordinator"`
	Members     []member    `json:"members"`
	Rate        rateState   `json:"rate"`
	Store       *storeState `json:"store"` // null: there is none
}

type engineState struct {
	Error string `json:"error,omitempty"` // "": it answers
}

type member struct {
	Host    string    `json:"host,omitempty"` // "": it has told nothing of itself yet
	PID     int       `json:"pid,omitempty"`
	Command string    `json:"command,omitempty"`
	Version string    `json:"version,omitempty"`
	Since   time.Time `json:"since,omitzero"`
	Leases  []string  `json:"leases"`
}

type rateState struct {
	AheadSeconds  float64 `json:"ahead_seconds"` // until the next turn that is free
	PausedSeconds float64 `json:"paused_seconds"`
	Halved        int     `json:"halved"` // how often
}

type storeState struct {
	engineState
	Documents int   `json:"documents"`
	Listings  int   `json:"listings"` // lists of contracts, of documents, details
	Bytes     int64 `json:"bytes"`
}

func statusCommand(env cmdutil.Environment) *cobra.Command {
	var asJSON bool
	cmd := &cobra.Command{
		Use:   "status [flags]",
		Short: "Show the machines that share the account, and what they have in common",
		Long: `Show who shares the account, from which machine, since when, and what each of them is
asking the API for now (its leases); how long a request waits for the rate of all of
them; and how much the shared store keeps. Commands that end within a second may lack.
Asks Redis and the store, and not the API. The exit code is 4 if one of them is out of
reach, 3 if one refuses.`,
		Example: `  ccsfs shared status
  ccsfs shared status --json | jq -r '.members[].host'`,
		Args: cmdutil.Takes(0, 0, ""),
		RunE: func(cmd *cobra.Command, _ []string) error {
			return withPool(env, cmd, func(ctx context.Context, p *pool.Pool) error { return status(ctx, env, p, asJSON) })
		},
	}
	cmd.Flags().BoolVar(&asJSON, "json", false, "print one JSON object")
	addSettings(cmd)
	return cmd
}

func status(ctx context.Context, env cmdutil.Environment, p *pool.Pool, asJSON bool) error {
	survey, away := p.Survey(ctx)
	s := state{Account: p.Account(), KeyID: p.KeyID(), Coordinator: engineState{oneLine(away)}, Members: []member{}}
	s.Rate = rateState{survey.Pace.Ahead.Seconds(), survey.Pace.Paused.Seconds(), survey.Pace.Halved}
	for _, m := range survey.Members {
		one := member{m.Host, m.PID, m.What, m.Version, m.Since, m.Leases}
		if one.Leases == nil {
			one.Leases = []string{}
		}
		s.Members = append(s.Members, one)
	}
	var none error
	if p.Keeps() {
		s.Store, none = takeStock(ctx, p)
	}
	if ctx.Err() != nil {
		return exitcode.Errorf(exitcode.Failed, "interrupted")
	}
	err := cmdutil.Printing(env, func(w io.Writer) error {
		if asJSON {
			return term.EncodeJSON(w, s)
		}
		return s.text(w, env.Now())
	})
	if err != nil {
		return err
	}
	for _, failed := range []error{away, none} {
		if failed != nil {
			return exitcode.Silently(exitcode.Of(failure(failed)))
		}
	}
	return nil
}

// takeStock counts what the store keeps of the account.
func takeStock(ctx context.Context, p *pool.Pool) (*storeState, error) {
	s := &storeState{}
	for info, err := range p.List(ctx, "") {
		if err != nil {
			s.Error = oneLine(err)
			return s, err
		}
		s.Bytes += info.Size
		switch {
		case strings.HasPrefix(info.Name, content.PoolPrefix):
			s.Documents++
		case strings.HasPrefix(info.Name, catalog.PoolPrefix):
			s.Listings++
		}
	}
	return s, nil
}

func (s state) text(w io.Writer, now time.Time) error {
	fmt.Fprintf(w, "account %s, key %s\n", s.Account, s.KeyID)
	if s.Coordinator.Error != "" {
		fmt.Fprintf(w, "Redis: OUT OF REACH: %s\n", term.Plain(s.Coordinator.Error))
	} else {
		fmt.Fprintf(w, "Redis: answers; %s\n", s.Rate.text())
	}
	switch {
	case s.Store == nil:
		fmt.Fprintln(w, "Store: none (shared-store)")
	case s.Store.Error != "":
		fmt.Fprintf(w, "Store: OUT OF REACH: %s\n", term.Plain(s.Store.Error))
	default:
		fmt.Fprintf(w, "Store: %s, %s, %s\n", term.Plural(s.Store.Documents, "document"), term.Plural(s.Store.Listings, "listing"), term.BytesText(s.Store.Bytes))
	}
	if s.Coordinator.Error != "" {
		return nil
	}
	if len(s.Members) == 0 {
		_, err := fmt.Fprintln(w, "nobody else is there now")
		return err
	}
	table := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	for _, m := range s.Members {
		who, since := "a command that has just begun", ""
		if m.Host != "" {
			who = fmt.Sprintf("%s, process %d: ccsfs %s", m.Host, m.PID, m.Command)
			since = "for " + term.Roughly(now.Sub(m.Since)) + ", version " + m.Version
		}
		asks := "asks for nothing now"
		if n := len(m.Leases); n > 0 {
			asks = fmt.Sprintf("%s: %s", term.Plural(n, "lease"), strings.Join(m.Leases[:min(n, 3)], ", "))
			if n > 3 {
				asks += ", …"
			}
		}
		fmt.Fprintf(table, "%s\t%s\t%s\n", term.Plain(who), term.Plain(since), term.Plain(asks))
	}
	return table.Flush()
}

func (r rateState) text() string {
	if r.PausedSeconds > 0 && r.Halved == 0 {
		return fmt.Sprintf("nobody asks the API for %.1f s more, for Redis has just begun to know of the account", r.PausedSeconds)
	}
	if r.PausedSeconds > 0 {
		return fmt.Sprintf("nobody asks the API for %.1f s more, for it refused requests; the rate is halved %s", r.PausedSeconds, term.Plural(r.Halved, "time"))
	}
	text := fmt.Sprintf("the next request waits %.2f s for the rate", r.AheadSeconds)
	if r.Halved > 0 {
		text += fmt.Sprintf(", which is halved %s since the API refused requests", term.Plural(r.Halved, "time"))
	}
	return text
}
