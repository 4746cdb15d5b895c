// Package session is an account that a command has opened to ask it something and end: its
// wiring, what its errors mean and to whom, what was old or left out of the answer, and what
// is said while it waits.
package session

import (
	"context"
	"log/slog"

	"github.com/spf13/cobra"

	"ccsfs/cmd/ccsfs/internal/cmdutil"
	"ccsfs/cmd/ccsfs/internal/exitcode"
	"ccsfs/cmd/ccsfs/internal/settings"
	"ccsfs/cmd/ccsfs/internal/term"
)

// Session is what a command gets that asks the account something and ends.
type Session struct {
	*Account
	Env      cmdutil.Environment
	Settings *settings.Settings

	// OwnLayout is the layout that the settings had, where paths are by another one: that of
	// the mount that they lead into. "": they are not.
	OwnLayout string
}

// WithAccount loads the settings, opens the account, and runs use until it is
// done or interrupted.
func WithAccount(env cmdutil.Environment, cmd *cobra.Command, purpose Purpose, use func(ctx context.Context, o Session) error) error {
	return WithSettings(env, cmd, purpose, func(*settings.Settings) error { return nil }, use)
}

// WithSettings is WithAccount for a command that has a word in its settings, before the
// account is opened.
func WithSettings(env cmdutil.Environment, cmd *cobra.Command, purpose Purpose, adjust func(*settings.Settings) error, use func(ctx context.Context, o Session) error) error {
	s, err := cmdutil.Load(env, cmd)
	if err != nil {
		return err
	}
	if err := adjust(s); err != nil {
		return err
	}
	cmdutil.Warn(env, s)
	cmdutil.Quietly(s)
	logger, logs, err := cmdutil.NewLogger(env, s)
	if err != nil {
		return err
	}
	defer func() { _ = logs.Close() }()
	ctx, done := env.Interruptible(cmd.Context())
	defer done()
	return With(ctx, env, s, logger, purpose, use)
}

// With opens the account of settings that are loaded, and runs use until it is done.
func With(ctx context.Context, env cmdutil.Environment, s *settings.Settings, logger *slog.Logger, purpose Purpose, use func(ctx context.Context, o Session) error) (err error) {
	a, err := WireAccount(env, s, logger, purpose)
	if err != nil {
		return err
	}
	defer func() { err = exitcode.Also(err, a.Close()) }()
	defer watchAPI(env.Stderr, term.IsTerminal(env.Stderr), func() stand {
		now := a.stand()
		now.printed = env.LastPrinted()
		return now
	})()
	return use(ctx, Session{Account: a, Env: env, Settings: s})
}

// ShowsAll notes that all contracts are shown, and says if a filter hides some.
func (a Session) ShowsAll(ctx context.Context) {
	a.Whole = true
	contracts, err := a.Catalog.Contracts(ctx)
	if err != nil {
		return // who lists them fails with it
	}
	if text := HiddenNote(a.Settings, contracts); text != "" {
		term.Say(a.Env.Stderr, "%s", text)
	}
}

// ShowsMatches says if a filter hides contracts that patterns among paths stand for.
func (a Session) ShowsMatches(ctx context.Context, paths []string, failed *Failures) {
	if text := a.HiddenFrom(ctx, paths, failed); text != "" {
		term.Say(a.Env.Stderr, "%s", text)
	}
}
