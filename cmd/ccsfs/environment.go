package main

import (
	"context"
	"io"
	"os"
	"os/signal"
	"os/user"
	"strings"
	"sync/atomic"
	"time"

	"github.com/adrg/xdg"
	"golang.org/x/sys/unix"
)

// environment is everything a command gets from outside but its arguments.
type environment struct {
	stdin          io.Reader
	stdout, stderr io.Writer
	args           []string // as typed, without the program's name
	vars           map[string]string
	dirs           directories
	version        string
	quiet          bool // what went well is not told
	now            func() time.Time

	stopped *atomic.Int32 // the signal by which a command was asked to stop, 0 if none

	// notify asks for these signals on a channel, until stop is called.
	notify func(...os.Signal) (signals <-chan os.Signal, stop func())
}

// directories are absolute paths, "" where there is none.
type directories struct {
	work, home, temp, config, cache, state, runtime string
}

// processEnvironment is the environment of this process.
func processEnvironment() environment {
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
	return environment{
		stdin: os.Stdin, stdout: os.Stdout, stderr: os.Stderr,
		vars: vars,
		dirs: directories{
			work: work, home: xdg.Home, temp: os.TempDir(),
			config: xdg.ConfigHome, cache: xdg.CacheHome, state: xdg.StateHome, runtime: xdg.RuntimeDir,
		},
		version: buildVersion(),
		now:     clock(vars[clockVariable]),
		stopped: &atomic.Int32{},
		notify:  notifySignals,
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

// interruptible returns a context that ends with the first signal that asks
// the program to stop, for commands that need no more of signals than that. The
// exit code tells of it; a second signal ends the program at once.
func (e environment) interruptible(ctx context.Context) (context.Context, func()) {
	ctx, cancel := context.WithCancel(ctx)
	signals, stop := e.notify(unix.SIGINT, unix.SIGTERM, unix.SIGHUP, unix.SIGQUIT)
	go func() {
		select {
		case s := <-signals:
			if s, ok := s.(unix.Signal); ok {
				e.stopped.Store(int32(s))
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
