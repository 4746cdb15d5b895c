package main

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strconv"

	"golang.org/x/sys/unix"

	"ccsfs/cmd/ccsfs/internal/settings"
)

// readyVariable tells a process in the background on which descriptor it is
// to say that it is mounted, or why not.
const readyVariable = "CCSFS_INTERNAL_READY_FD"

// startReport is what the process in the background says, as one JSON line.
type startReport struct {
	Code    int    `json:"code"`
	Message string `json:"message"`
}

// daemonize starts this program again, in a session of its own, and waits
// until it is mounted.
func daemonize(ctx context.Context, env environment, s *settings.Settings) error {
	if s.Log.File == "" {
		s.Log.File = filepath.Join(env.dirs.state, "ccsfs", "ccsfs.log")
	}
	log, err := openLog(s.Log.File)
	if err != nil {
		return err
	}
	defer func() { _ = log.Close() }()
	read, write, err := os.Pipe()
	if err != nil {
		return err
	}
	defer func() { _ = read.Close() }()

	cmd := selfCommand(env.args...)
	cmd.Env = []string{readyVariable + "=3"} // ExtraFiles begin at 3
	for name, value := range env.vars {
		cmd.Env = append(cmd.Env, name+"="+value)
	}
	cmd.Stderr = log // crashes of the runtime included
	cmd.ExtraFiles = []*os.File{write}
	cmd.SysProcAttr = &unix.SysProcAttr{Setsid: true}
	err = cmd.Start()
	_ = write.Close()
	if err != nil {
		return fail(exitFailed, "cannot start the process in the background: %w", err)
	}
	ctx, done := env.interruptible(ctx)
	defer done()
	stop := context.AfterFunc(ctx, func() { _ = cmd.Process.Signal(unix.SIGTERM) })
	defer stop()

	var report startReport
	switch err := json.NewDecoder(read).Decode(&report); {
	case err != nil && !errors.Is(err, io.EOF):
		return err
	case err != nil:
		_ = cmd.Wait() // it is gone: its exit status says no more than the log
		return fail(exitFailed, "the process in the background ended without a word; its log is %s", s.Log.File)
	case report.Code != exitDone:
		_ = cmd.Wait()
		return fail(report.Code, "%s", report.Message)
	}
	if report.Message != "" {
		say(env.stderr, "warning: %s", report.Message)
	}
	if !env.quiet {
		say(env.stderr, "mounted in the background; log: %s", s.Log.File)
	}
	return cmd.Process.Release()
}

// selfCommand runs this program again, even if its file was replaced since.
func selfCommand(args ...string) *exec.Cmd {
	path := "/proc/self/exe"
	if runtime.GOOS != "linux" {
		if self, err := os.Executable(); err == nil {
			path = self
		}
	}
	cmd := exec.Command(path, args...)
	cmd.Args[0] = "ccsfs" // not the name of the mount helper
	return cmd
}

// readyPipe returns the descriptor of the starter, -1 if there is none.
func readyPipe(env environment) int {
	fd, err := strconv.Atoi(env.vars[readyVariable])
	if err != nil {
		return -1
	}
	return fd
}

// starter is the process that waits for this one to be mounted. A nil starter
// is none.
type starter struct{ pipe *os.File }

func newStarter(env environment) *starter {
	fd := readyPipe(env)
	if fd < 0 {
		return nil
	}
	unix.CloseOnExec(fd) // helpers that we run must not hold it open
	return &starter{os.NewFile(uintptr(fd), "ready")}
}

// mounted tells the starter that all is well, but for the note, and leaves
// the directory that this process was started in.
func (p *starter) mounted(note string) error {
	if err := os.Chdir("/"); err != nil {
		return err
	}
	return p.tell(startReport{exitDone, note})
}

// failed tells the starter why there will be no mount; nothing if it has been
// told already.
func (p *starter) failed(err error) {
	if p == nil || p.pipe == nil || err == nil {
		return
	}
	_ = p.tell(startReport{codeOf(err), err.Error()}) // it has left: nobody to tell
}

func (p *starter) tell(r startReport) error {
	err := json.NewEncoder(p.pipe).Encode(r)
	err = errors.Join(err, p.pipe.Close())
	p.pipe = nil
	return err
}
