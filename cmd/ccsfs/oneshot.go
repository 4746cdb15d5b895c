package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"unicode"

	"github.com/spf13/cobra"
	"golang.org/x/sys/unix"

	"ccsfs/apiclient"
	"ccsfs/cmd/ccsfs/internal/settings"
	"ccsfs/internal/catalog"
)

// oneShot is what a command gets that asks the account something and ends.
type oneShot struct {
	*account
	env      environment
	settings *settings.Settings
}

// withAccount loads the settings, opens the account, and runs use until it is
// done or interrupted.
func withAccount(env environment, cmd *cobra.Command, use func(ctx context.Context, o oneShot) error) (err error) {
	s, err := load(env, cmd)
	if err != nil {
		return err
	}
	warn(env, s)
	quietly(s)
	logger, logs, err := newLogger(env, s)
	if err != nil {
		return err
	}
	defer func() { _ = logs.Close() }()
	ctx, done := env.interruptible(cmd.Context())
	defer done()
	a, err := wireAccount(env, s, logger, true)
	if err != nil {
		return err
	}
	defer func() { err = alsoFailed(err, a.Close()) }()
	return use(ctx, oneShot{a, env, s})
}

// printing hands out a buffered standard output. If whoever reads it has left,
// as head does, the command ends quietly, with the status that a shell gives to
// SIGPIPE.
func printing(env environment, use func(w io.Writer) error) error {
	_, stop := env.notify(unix.SIGPIPE) // else the signal ends the program before it has cleaned up
	defer stop()
	out := &output{w: env.stdout}
	w := bufio.NewWriterSize(out, 64<<10)
	err := use(w)
	if flushed := w.Flush(); err == nil {
		err = flushed
	}
	switch {
	case errors.Is(out.err, unix.EPIPE):
		return silently(exitSignal + int(unix.SIGPIPE))
	case out.err != nil:
		return fail(exitFailed, "cannot write the output: %w", out.err)
	}
	return err
}

// output remembers why it could not be written to.
type output struct {
	w   io.Writer
	err error
}

// Write implements io.Writer.
func (o *output) Write(p []byte) (int, error) {
	n, err := o.w.Write(p)
	if err != nil {
		o.err = err
	}
	return n, err
}

// maxNamed bounds how many failures are named one by one.
const maxNamed = 10

// failures collects what went wrong in a command that goes on with the rest.
type failures struct {
	all       []failure
	succeeded int
}

type failure struct {
	what string
	err  error
}

func (f *failures) add(what string, err error) { f.all = append(f.all, failure{what, err}) }

// result names the failures, the first ones with their reasons, and is the
// error that ends the command: exit 6 if something else went well, else the
// exit code of the first failure.
func (f *failures) result(env environment) error {
	if len(f.all) == 0 {
		return nil
	}
	for i, one := range f.all {
		if errors.Is(one.err, context.Canceled) {
			return fail(exitFailed, "interrupted")
		}
		if i < maxNamed {
			say(env.stderr, "%s", described(one))
		}
	}
	if more := len(f.all) - maxNamed; more > 0 {
		say(env.stderr, "… and %d more failed", more)
	}
	first := f.all[0].err
	if f.succeeded > 0 {
		return silently(exitSome)
	}
	if hint := hintFor(first); hint != "" {
		say(env.stderr, "%s", hint)
	}
	return silently(codeFor(first))
}

// described words a failure; the error may name the thing itself.
func described(f failure) string {
	text := f.err.Error()
	if f.what == "" || strings.HasPrefix(text, f.what) {
		return text
	}
	return f.what + ": " + text
}

// codeFor returns the exit code of a failure to get one thing of the account.
func codeFor(err error) int {
	var e *exitError
	switch {
	case errors.As(err, &e):
		return e.code
	case apiclient.Refused(err), ofTheAccount(err):
		return exitSettings
	case errors.Is(err, apiclient.ErrNotFound):
		return exitFailed
	case apiclient.Temporary(err):
		return exitUnreachable
	}
	return exitFailed
}

// hintFor says what to do about a failure that has nothing to do with the
// thing that was asked for; "" where there is nothing to say.
func hintFor(err error) string {
	if errors.Is(err, apiclient.ErrNotFound) && !ofTheAccount(err) {
		return ""
	}
	var said *exitError
	if errors.As(err, &said) {
		return ""
	}
	_, hint, _ := strings.Cut(explainAPI(err).Error(), "\n")
	return strings.TrimSpace(hint)
}

// ofTheAccount tells that it is the address of the API where nothing was found,
// and not a document.
func ofTheAccount(err error) bool {
	var e *apiclient.Error
	return errors.Is(err, apiclient.ErrNotFound) && errors.As(err, &e) && (e.Op == "contracts" || e.Op == "token")
}

// missingContracts notes those of --contract that the account does not have: what
// is left out must not look like all there is.
func (o oneShot) missingContracts(c *catalog.Contracts, failed *failures) {
	for _, id := range o.settings.Listings.Contracts {
		if !slices.ContainsFunc(c.Entries, func(e catalog.ContractEntry) bool { return e.ID == id }) {
			failed.add("", fail(exitSettings, "contract %s, of --contract, is not among those of the account", id))
		}
	}
}

// plain makes a text from outside safe on a line of a terminal: control
// characters, and those that reorder or break the line, become question marks.
func plain(text string) string {
	return strings.Map(func(r rune) rune {
		if unsafeOnTerminal(r) {
			return '?'
		}
		return r
	}, text)
}

func unsafeOnTerminal(r rune) bool {
	return unicode.IsControl(r) || unicode.Is(unicode.Bidi_Control, r) || r == '\u2028' || r == '\u2029'
}

// plural is a number and its noun.
func plural(n int, one string) string {
	if n == 1 {
		return "1 " + one
	}
	return fmt.Sprintf("%d %ss", n, one)
}
