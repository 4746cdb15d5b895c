// Package program runs a program for a message, within bounds: of time, for it and all that
// it starts, and of what is said of its output.
//
// Not here: what it is told, which one it is, and what becomes of a failure.
package program

import (
	"bytes"
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"time"

	"ccsfs/cmd/ccsfs/internal/term"
	"ccsfs/internal/osfile"
)

// How a program is ended: when ccsfs ends it is given a moment to finish (Finishing), as webhooks are,
// when its time is over it is not; then it is asked, with all that it has started, then killed.
const (
	Finishing = 2 * time.Second
	asking    = 2 * time.Second
	// lingering is how long is waited for the output of a program that has ended, while
	// something that it started holds it open.
	lingering = time.Second
)

// Program is a program that is run for each message.
type Program struct {
	Path    string
	Args    []string // the name included
	Dir     string
	Vars    map[string]string // the environment, without secrets
	Timeout time.Duration
	// Inherits are files that it has open from descriptor 3 on.
	Inherits []*os.File
}

// Run runs the program once, with more variables (they win) and with what it is to read.
// What it prints is said, a line each. An exit status that is not 0, and an end by a signal,
// are errors.
func (p Program) Run(ctx context.Context, vars map[string]string, stdin []byte, say func(format string, args ...any)) error {
	cmd := exec.Command(p.Path)
	cmd.Args, cmd.Dir = p.Args, p.Dir
	for _, from := range []map[string]string{p.Vars, vars} { // the last one wins
		for name, value := range from {
			cmd.Env = append(cmd.Env, name+"="+value)
		}
	}
	in, err := whole(stdin)
	if err != nil {
		return err
	}
	defer func() { _ = in.Close() }()
	out := &lines{say: say}
	cmd.Stdin, cmd.Stdout, cmd.Stderr = in, out, out
	cmd.ExtraFiles = p.Inherits
	cmd.WaitDelay = lingering
	group, err := startGroup(cmd)
	if err != nil {
		return err
	}
	defer group.close()
	ended := make(chan error, 1)
	go func() { ended <- cmd.Wait() }()
	inTime, err := p.wait(ctx, ended, group)
	out.end()
	switch {
	case !inTime:
		return fmt.Errorf("it took longer than --hook-timeout (%v)", p.Timeout)
	case errors.Is(err, exec.ErrWaitDelay): // it has ended well, and left something running
		return nil
	}
	return err
}

// whole is a file with these bytes, which has no name any more. A program must not be given
// them by a pipe: if this process is killed it would take a part for the whole, and send
// half a mail.
func whole(b []byte) (*os.File, error) {
	f, err := osfile.Open(filepath.Join(os.TempDir(), "ccsfs-hook-"+rand.Text()), os.O_RDWR|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return nil, fmt.Errorf("there is no place for what the program is to read: %w", err)
	}
	_, err = f.Write(b)
	err = errors.Join(err, osfile.Remove(f.Name()))
	if err == nil {
		_, err = f.Seek(0, io.SeekStart)
	}
	if err != nil {
		_ = f.Close()
		return nil, fmt.Errorf("there is no place for what the program is to read: %w", err)
	}
	return f, nil
}

// wait waits for the end of a program, and brings it about if it is time. inTime is false
// if it took too long.
func (p Program) wait(ctx context.Context, ended <-chan error, group *group) (inTime bool, err error) {
	timer := time.NewTimer(p.Timeout)
	defer timer.Stop()
	inTime = true
	select {
	case err := <-ended:
		return true, err
	case <-timer.C:
		inTime = false
	case <-ctx.Done():
		select {
		case err := <-ended:
			return true, err
		case <-time.After(Finishing):
		}
	}
	group.ask()
	select {
	case err = <-ended:
	case <-time.After(asking):
		group.kill()
		err = <-ended
	}
	group.kill() // what it has started, and what ignores a request
	return inTime, err
}

// The bounds of what is said of the output of a program.
const (
	MostOutput = 64 << 10 // bytes, said of one run
	mostLine   = 2 << 10
)

// lines says what is written to it, a line each, up to a bound.
type lines struct {
	say func(format string, args ...any)

	mu    sync.Mutex // the copying may go on for a moment after the end
	line  []byte
	said  int
	ended bool
}

// Write implements io.Writer. It takes everything.
func (l *lines) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	n := len(p)
	for !l.ended {
		i := bytes.IndexByte(p, '\n')
		if i < 0 {
			l.take(p)
			break
		}
		l.take(p[:i])
		l.flush()
		p = p[i+1:]
	}
	return n, nil
}

func (l *lines) take(p []byte) { l.line = append(l.line, p[:min(len(p), mostLine-len(l.line))]...) }

func (l *lines) flush() {
	switch {
	case l.said > MostOutput:
	case l.said+len(l.line) > MostOutput:
		l.say("… and more")
		l.said = MostOutput + 1
	default:
		l.say("%s", term.Plain(strings.TrimRight(string(l.line), "\r")))
		l.said += len(l.line) + 1
	}
	l.line = l.line[:0]
}

func (l *lines) end() {
	l.mu.Lock()
	defer l.mu.Unlock()
	if len(l.line) > 0 {
		l.flush()
	}
	l.ended = true
}

var _ io.Writer = (*lines)(nil)
