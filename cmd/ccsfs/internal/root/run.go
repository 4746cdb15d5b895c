package root

import (
	"context"
	"io"
	"runtime/debug"
	"slices"

	"ccsfs/cmd/ccsfs/internal/cmdutil"
	"ccsfs/cmd/ccsfs/internal/exitcode"
	"ccsfs/cmd/ccsfs/internal/term"
	"ccsfs/cmd/ccsfs/internal/version"
)

// Main is the program, in this process: of the version that was linked in, "" for
// none, with the arguments, its own name included, of which the first tells whether it
// was called as the helper of mount(8).
func Main(ctx context.Context, linked string, args []string) (code int) {
	return run(ctx, cmdutil.ProcessEnvironment(version.Of(linked)), arguments(args))
}

// run is the whole program but for the process around it.
func run(ctx context.Context, env cmdutil.Environment, args []string) (code int) {
	defer func() {
		if p := recover(); p != nil {
			code = reportPanic(env, args, p)
		}
	}()
	err := execute(ctx, env, args)
	printError(env.Stderr, err)
	if s := env.Stopped.Load(); err != nil && s != 0 {
		return exitcode.Signal + int(s) // whatever else it says: it was told to stop
	}
	return exitcode.Of(err)
}

// execute runs the command that args are.
func execute(ctx context.Context, env cmdutil.Environment, args []string) error {
	env.Args = args
	root := rootCommand(env)
	root.SetArgs(args)
	return root.ExecuteContext(ctx)
}

// printError prints what went wrong, lines after the first one indented.
func printError(w io.Writer, err error) {
	if err == nil || exitcode.IsSilent(err) {
		return
	}
	term.Say(w, "%s", err)
}

// reportPanic tells of a mistake in the program itself.
func reportPanic(env cmdutil.Environment, args []string, p any) int {
	term.Say(env.Stderr, "something went wrong inside ccsfs itself: %v\n"+
		"  This is a mistake in the program, not yours. Please report it, with the version (%s)\n"+
		"  and what you did; the same again with --log-level=debug shows where it happened.", p, env.Version)
	if wantsDebug(env, args) {
		_, _ = env.Stderr.Write(debug.Stack())
	}
	return exitcode.Failed
}

// wantsDebug tells whether debugging was asked for, without the settings: they
// may be what went wrong.
func wantsDebug(env cmdutil.Environment, args []string) bool {
	i := slices.Index(args, "--log-level")
	return slices.Contains(args, "--log-level=debug") ||
		i >= 0 && i+1 < len(args) && args[i+1] == "debug" ||
		env.Vars["CCSFS_LOG_LEVEL"] == "debug"
}
