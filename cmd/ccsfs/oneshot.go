package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"unicode"

	"github.com/spf13/cobra"
	"golang.org/x/sys/unix"

	"ccsfs/cmd/ccsfs/internal/settings"
)

// oneShot is what a command gets that asks the account something and ends.
type oneShot struct {
	*account
	env      environment
	settings *settings.Settings
}

// withAccount loads the settings, opens the account, and runs use until it is
// done or interrupted.
func withAccount(env environment, cmd *cobra.Command, purpose purpose, use func(ctx context.Context, o oneShot) error) (err error) {
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
	a, err := wireAccount(env, s, logger, purpose)
	if err != nil {
		return err
	}
	defer func() { err = alsoFailed(err, a.Close()) }()
	defer watchAPI(env.stderr, isTerminal(env.stderr), a.stand)()
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
