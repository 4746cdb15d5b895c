// Package cmdutil is what every command needs, whether it opens an account or not: what it
// gets from the process around it, its arguments, its settings and flags, its log, and its
// output. What is about an account belongs into session, and what is about a terminal into
// term.
package cmdutil

import (
	"context"
	"io"
	"os"
	"os/signal"
	"os/user"
	"strings"
	"sync/atomic"
	"syscall"
	"time"

	"github.com/adrg/xdg"
)

// Environment is everything a command gets from outside but its arguments.
type Environment struct {
	Stdin          io.Reader
	Stdout, Stderr io.Writer
	Args           []string // as typed, without the program's name
	Vars           map[string]string
	Dirs           Directories
	Version        string
	Quiet          bool // what went well is not told
	Now            func() time.Time

	Stopped *atomic.Int32 // the signal by which a command was asked to stop, 0 if none
	Printed *atomic.Int64 // when something was last printed on Stdout, in nanoseconds since 1970, 0 if nothing was

	// notify asks for these signals on a channel, until stop is called.
	Notify func(...os.Signal) (signals <-chan os.Signal, stop func())
}

// LastPrinted is when something was last printed on Stdout, zero if nothing was.
func (e Environment) LastPrinted() time.Time {
	if at := e.Printed.Load(); at != 0 {
		return time.Unix(0, at)
	}
	return time.Time{}
}

// Directories are absolute paths, "" where there is none.
type Directories struct {
	Work, Home, Temp, Config, Cache, State, Runtime string
}

// ProcessEnvironment is the environment of this process, which is of that version.
func ProcessEnvironment(version string) Environment {
	vars := map[string]string{}
	for _, v := range os.Environ() {
		name, value, _ := strings.Cut(v, "=")
		vars[name] = value
	}
	work, err := os.Getwd()
	if err != nil {
		work = "/" // the directory we were started in is gone
	}
	if os.Getenv("HOME") == "" { // else settings and cache would be looked for in the root directory
		if u, err := user.Current(); err == nil && u.HomeDir != "" && os.Setenv("HOME", u.HomeDir) == nil {
			vars["HOME"] = u.HomeDir
			xdg.Reload()
		}
	}
	return Environment{
		Stdin: os.Stdin, Stdout: os.Stdout, Stderr: os.Stderr,
		Vars: vars,
		Dirs: Directories{
			Work: work, Home: xdg.Home, Temp: os.TempDir(),
			Config: xdg.ConfigHome, Cache: xdg.CacheHome, State: xdg.StateHome, Runtime: xdg.RuntimeDir,
		},
		Version: version,
		Now:     clock(vars[clockVariable]),
		Stopped: &atomic.Int32{},
		Printed: &atomic.Int64{},
		Notify:  notifySignals,
	}
}

// clockVariable stops the clock of what is asked and reported, in tests: what is due
// depends on it.
const clockVariable = "CCSFS_INTERNAL_NOW"

func clock(fixed string) func() time.Time {
	if t, err := time.Parse(time.RFC3339, fixed); err == nil {
		return func() time.Time { return t }
	}
	return time.Now
}

func notifySignals(which ...os.Signal) (<-chan os.Signal, func()) {
	c := make(chan os.Signal, 8)
	signal.Notify(c, which...)
	return c, func() { signal.Stop(c) }
}

// Interruptible returns a context that ends with the first signal that asks
// the program to stop, for commands that need no more of signals than that. The
// exit code tells of it; a second signal ends the program at once.
func (e Environment) Interruptible(ctx context.Context) (context.Context, func()) {
	ctx, cancel := context.WithCancel(ctx)
	signals, stop := e.Notify(syscall.SIGINT, syscall.SIGTERM, syscall.SIGHUP, syscall.SIGQUIT)
	go func() {
		select {
		case s := <-signals:
			if s, ok := s.(syscall.Signal); ok {
				e.Stopped.Store(int32(s))
			}
			stop()
			cancel()
		case <-ctx.Done():
		}
	}()
	return ctx, func() {
		stop()
		cancel()
	}
}
