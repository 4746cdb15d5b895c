package daemon

import (
	"context"

	"ccsfs/cmd/ccsfs/internal/cmdutil"
	"ccsfs/cmd/ccsfs/internal/exitcode"
)

// Daemonize would start this program again in the background, which is not done here.
func Daemonize(context.Context, cmdutil.Environment, string) error {
	return exitcode.Errorf(exitcode.Usage, "there is no --daemon on Windows; leave the window open, or have the task scheduler start it")
}

// Starter is the process that waits for this one to be ready: never one here.
type Starter struct{}

// NewStarter returns nil.
func NewStarter(cmdutil.Environment) *Starter { return nil }

// Mounted is not called.
func (p *Starter) Mounted(string) error { return nil }

// Failed does nothing.
func (p *Starter) Failed(error) {}
