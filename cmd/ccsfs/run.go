package main

import (
	"context"
	"fmt"
	"io"
	"runtime/debug"
	"slices"
	"strings"
)

// run is the whole program but for the process around it.
func run(ctx context.Context, env environment, args []string) (code int) {
	defer func() {
		if p := recover(); p != nil {
			code = reportPanic(env, args, p)
		}
	}()
	env.args = args
	root := rootCommand(env)
	root.SetArgs(args)
	err := root.ExecuteContext(ctx)
	report(env.stderr, err)
	if s := env.stopped.Load(); err != nil && s != 0 {
		return exitSignal + int(s) // whatever else it says: it was told to stop
	}
	return codeOf(err)
}

// report prints what went wrong, lines after the first one indented.
func report(w io.Writer, err error) {
	if err == nil || isSilent(err) {
		return
	}
	say(w, "%s", err)
}

// isSilent tells an error that says nothing itself, whatever it may wrap.
func isSilent(err error) bool {
	e, ok := err.(*exitError) //nolint:errorlint // one that another error wraps is not alone
	return ok && e.err == nil
}

// say prints a message to the user. Texts from outside may be part of it, so
// it lets no control character through to the terminal.
func say(w io.Writer, format string, args ...any) {
	_ = tell(w, format, args...) // there is nobody else to tell
}

// tell is say for what is noted as said: its error is that nobody heard it.
func tell(w io.Writer, format string, args ...any) error {
	text := strings.TrimRight(fmt.Sprintf(format, args...), "\n")
	_, err := fmt.Fprintf(w, "ccsfs: %s\n", strings.Map(printable, text))
	return err
}

func printable(r rune) rune {
	if r < ' ' && r != '\n' && r != '\t' || r >= 0x7f && r <= 0x9f {
		return '?'
	}
	return r
}

// reportPanic tells of a mistake in the program itself.
func reportPanic(env environment, args []string, p any) int {
	say(env.stderr, "something went wrong inside ccsfs itself: %v\n"+
		"  This is a mistake in the program, not yours. Please report it, with the version (%s)\n"+
		"  and what you did; the same again with --log-level=debug shows where it happened.", p, env.version)
	if wantsDebug(env, args) {
		_, _ = env.stderr.Write(debug.Stack())
	}
	return exitFailed
}

// wantsDebug tells whether debugging was asked for, without the settings: they
// may be what went wrong.
func wantsDebug(env environment, args []string) bool {
	i := slices.Index(args, "--log-level")
	return slices.Contains(args, "--log-level=debug") ||
		i >= 0 && i+1 < len(args) && args[i+1] == "debug" ||
		env.vars["CCSFS_LOG_LEVEL"] == "debug"
}
