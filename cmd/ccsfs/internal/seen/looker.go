package seen

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"time"

	"ccsfs/cmd/ccsfs/internal/change"
	"ccsfs/cmd/ccsfs/internal/choice"
	"ccsfs/cmd/ccsfs/internal/cmdutil"
	"ccsfs/cmd/ccsfs/internal/durable"
	"ccsfs/cmd/ccsfs/internal/exitcode"
	"ccsfs/cmd/ccsfs/internal/session"
	"ccsfs/cmd/ccsfs/internal/settings"
	"ccsfs/cmd/ccsfs/internal/term"
	"ccsfs/internal/billing"
	"ccsfs/internal/folder"
	"ccsfs/internal/lease"
	"ccsfs/internal/turn"
)

// Looker is somebody who looks at an account, by name.
type Looker struct {
	name, dir string
	root      *os.Root // of dir
	turns     *lease.Table
}

// CheckName refuses what cannot be the name of a looker: it is part of the name of a file.
func CheckName(name string) error {
	if !regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$`).MatchString(name) {
		return exitcode.Errorf(exitcode.Usage, "--as %q is no name for a looker: letters, digits, dots, dashes and underscores, at most 64", name)
	}
	return nil
}

// OpenLooker makes the place where is kept what a looker has seen of the account of the
// settings. Close it.
func OpenLooker(env cmdutil.Environment, s *settings.Settings, name string) (*Looker, error) {
	dir := filepath.Join(env.Dirs.State, "ccsfs", "seen", filepath.Base(session.AccountPath(s)))
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, exitcode.Errorf(exitcode.Failed, "there is no place to keep what was seen: %w", err)
	}
	root, err := os.OpenRoot(dir)
	if err != nil {
		return nil, exitcode.Errorf(exitcode.Failed, "there is no place to keep what was seen: %w", err)
	}
	return &Looker{name: name, dir: dir, root: root, turns: lease.Open(filepath.Join(dir, name+".lock"))}, nil
}

// Close gives back what OpenLooker took, once no turn is held any more.
func (l *Looker) Close() error { return errors.Join(l.turns.Close(), l.root.Close()) }

// Name is what --as says.
func (l *Looker) Name() string { return l.name }

// QueueDir is where is kept what the looker has seen and hooks were not told yet.
func (l *Looker) QueueDir() string { return filepath.Join(l.dir, l.name+".queue") }

// ending is how long a process that was killed may seem to hold what it held: what it was
// about to run has a copy, until it runs.
const ending = 2 * time.Second

// patience is how long is waited for somebody else's look without a word: most take less.
const patience = 2 * time.Second

// Alone is the right to do something lasting as the looker; false if another process has it.
func (l *Looker) Alone(ctx context.Context) (*lease.Lease, bool) {
	ctx, cancel := context.WithTimeout(ctx, ending)
	defer cancel()
	alone, err := l.turns.Acquire(ctx, "stay", nil)
	return alone, err == nil
}

// Turn waits for the right to look, and reads what was seen: two that look at once take
// turns, and each piece of news is told once. Whom it waits for is said if that takes long;
// it fails with a turn.StandsStillError where that one does nothing. End it after Record.
func (l *Looker) Turn(ctx context.Context, env cmdutil.Environment) (end func(), s *Seen, err error) {
	place := turn.Place{Root: l.root, File: l.name + ".lock", Name: "look"}
	t, err := turn.Take(ctx, place, turn.Waiting{After: patience, Tell: func(who string) {
		term.Say(env.Stderr, "waiting for another command that looks as %q, %s (--as=NAME is another looker)", l.name, term.Plain(who))
	}})
	var still turn.StandsStillError
	switch {
	case errors.As(err, &still):
		return nil, nil, exitcode.Errorf(exitcode.Failed, "another command looks as %q and stands still: %w (--as=NAME is another looker)", l.name, err)
	case err != nil:
		return nil, nil, exitcode.Errorf(exitcode.Failed, "interrupted while somebody else looks as %q", l.name)
	}
	end = func() { _ = t.End() } // nothing is written by closing it
	path := filepath.Join(l.dir, l.name+".json")
	durable.RemoveLeftovers(path)
	if s, err = read(path); err != nil {
		end()
		return nil, nil, exitcode.With(exitcode.Failed, err)
	}
	return end, s, nil
}

// Sight is what there is to tell of a look.
type Sight struct {
	News      []change.Change
	Contracts int // those that could be listed
	Documents int // those that are listed now
}

// Look sees what the account lists now, of what is chosen. What could not be listed is added to failed, and
// keeps its news. Of a first look there are none.
func (s *Seen) Look(ctx context.Context, a session.Session, chosen choice.Choice, failed *session.Failures) (Sight, error) {
	var out Sight
	err := EachContract(ctx, a, failed, func(n folder.Node) {
		found := s.look(n.Listing, a.Settings.Listings.Types, chosen, func(f func(path string, d *billing.Document)) {
			n.Documents(func(d folder.Node) { f(d.Path, d.Doc) })
		})
		out.Contracts++
		out.Documents += len(n.Listing.Documents)
		if !s.first {
			out.News = append(out.News, found...)
		}
	})
	return out, err
}

// EachContract calls f for each contract that can be listed, in order.
func EachContract(ctx context.Context, a session.Session, failed *session.Failures, f func(folder.Node)) error {
	contracts, err := a.Catalog.Contracts(ctx)
	if err != nil {
		return session.ExplainAPI(a.Settings, err)
	}
	a.ShowsAll(ctx)
	for _, l := range a.Listings(ctx, contracts.Entries) {
		if l.Err != nil {
			failed.Add(l.Entry.Name, l.Err)
			continue
		}
		failed.Succeeded++
		f(folder.Node{Path: l.Entry.Name, Contract: &l.Entry, Listing: l.Listing, Dir: l.Listing.Tree})
	}
	if ctx.Err() != nil {
		return exitcode.Errorf(exitcode.Failed, "interrupted")
	}
	return nil
}

// FirstLook words what a first look has seen; next is what tells the news.
func FirstLook(documents int, next, month string) string {
	return fmt.Sprintf("the first look: %s remembered; %s tells what came since (to see some now: ccsfs new --since=%s)",
		term.Plural(documents, "document"), next, month)
}
