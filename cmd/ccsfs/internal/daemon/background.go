//go:build !windows

package daemon

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"os"

	"golang.org/x/sys/unix"

	"ccsfs/cmd/ccsfs/internal/cmdutil"
	"ccsfs/cmd/ccsfs/internal/exitcode"
	"ccsfs/cmd/ccsfs/internal/term"
)

// startReport is what the process in the background says, as one JSON line.
type startReport struct {
	Code    int    `json:"code"`
	Message string `json:"message"`
}

// Daemonize starts this program again, in a session of its own and with its log at
// logPath, and waits until it is mounted.
func Daemonize(ctx context.Context, env cmdutil.Environment, logPath string) error {
	log, err := cmdutil.OpenLog(logPath)
	if err != nil {
		return err
	}
	defer func() { _ = log.Close() }()
	read, write, err := os.Pipe()
	if err != nil {
		return err
	}
	defer func() { _ = read.Close() }()

	cmd := cmdutil.SelfCommand(env.Args...)
	cmd.Env = []string{cmdutil.ReadyVariable + "=3"} // ExtraFiles begin at 3
	for name, value := range env.Vars {
		cmd.Env = append(cmd.Env, name+"="+value)
	}
	cmd.Stderr = log // crashes of the runtime included
	cmd.ExtraFiles = []*os.File{write}
	cmd.SysProcAttr = &unix.SysProcAttr{Setsid: true}
	err = cmd.Start()
	_ = write.Close()
	if err != nil {
		return exitcode.Errorf(exitcode.Failed, "cannot start the process in the background: %w", err)
	}
	ctx, done := env.Interruptible(ctx)
	defer done()
	stop := context.AfterFunc(ctx, func() { _ = cmd.Process.Signal(unix.SIGTERM) })
	defer stop()

	var report startReport
	switch err := json.NewDecoder(read).Decode(&report); {
	case err != nil && !errors.Is(err, io.EOF):
		return err
	case err != nil:
		_ = cmd.Wait() // it is gone: its exit status says no more than the log
		return exitcode.Errorf(exitcode.Failed, "the process in the background ended without a word; its log is %s", logPath)
	case report.Code != exitcode.Done:
		_ = cmd.Wait()
		return exitcode.Errorf(report.Code, "%s", report.Message)
	}
	if report.Message != "" {
		term.Say(env.Stderr, "warning: %s", report.Message)
	}
	if !env.Quiet {
		term.Say(env.Stderr, "mounted in the background; log: %s", logPath)
	}
	return cmd.Process.Release()
}

// Starter is the process that waits for this one to be mounted. A nil starter
// is none.
type Starter struct{ pipe *os.File }

// NewStarter returns the process that waits for this one, nil if none does.
func NewStarter(env cmdutil.Environment) *Starter {
	fd := cmdutil.ReadyPipe(env)
	if fd < 0 {
		return nil
	}
	unix.CloseOnExec(fd) // helpers that we run must not hold it open
	return &Starter{os.NewFile(uintptr(fd), "ready")}
}

// Mounted tells the starter that all is well, but for the note, and leaves
// the directory that this process was started in.
func (p *Starter) Mounted(note string) error {
	if err := os.Chdir("/"); err != nil {
		return err
	}
	return p.tell(startReport{exitcode.Done, note})
}

// Failed tells the starter why there will be no mount; nothing if it has been
// told already.
func (p *Starter) Failed(err error) {
	if p == nil || p.pipe == nil || err == nil {
		return
	}
	_ = p.tell(startReport{exitcode.Of(err), err.Error()}) // it has left: nobody to tell
}

func (p *Starter) tell(r startReport) error {
	err := json.NewEncoder(p.pipe).Encode(r)
	err = errors.Join(err, p.pipe.Close())
	p.pipe = nil
	return err
}
