package hooks

import (
	"bytes"
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"time"

	"ccsfs/cmd/ccsfs/internal/cmdutil"
	"ccsfs/cmd/ccsfs/internal/settings"
	"ccsfs/cmd/ccsfs/internal/term"
	"ccsfs/internal/osfile"
)

// How a program is ended: when ccsfs ends it is given a moment to finish, as webhooks are,
// when its time is over it is not; then it is asked, with all that it has started, then killed.
const (
	finishing = 2 * time.Second
	asking    = 2 * time.Second
	// lingering is how long is waited for the output of a program that has ended, while
	// something that it started holds it open.
	lingering = time.Second
)

// program is a program that is run for each message.
type program struct {
	path    string
	args    []string // the name included
	dir     string
	vars    map[string]string // the environment, without secrets
	timeout time.Duration
	// inherits are files that it has open from descriptor 3 on; see running.
	inherits []*os.File
}

// run runs the program once. What it prints is said, a line each. An exit status that is
// not 0, and an end by a signal, are errors.
func (p program) run(ctx context.Context, vars map[string]string, stdin []byte, say Say) error {
	cmd := exec.Command(p.path)
	cmd.Args, cmd.Dir = p.args, p.dir
	for _, from := range []map[string]string{p.vars, vars} { // the last one wins
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
	cmd.ExtraFiles = p.inherits
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
		return fmt.Errorf("it took longer than --hook-timeout (%v)", p.timeout)
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
func (p program) wait(ctx context.Context, ended <-chan error, group *group) (inTime bool, err error) {
	timer := time.NewTimer(p.timeout)
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
		case <-time.After(finishing):
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

// find finds the program of a name, as a shell in the user's directory would.
func find(env cmdutil.Environment, name string) (string, error) {
	if filepath.Base(name) != name && !filepath.IsAbs(name) {
		name = filepath.Join(env.Dirs.Work, name)
	}
	return exec.LookPath(name)
}

// environmentFor is our environment without the secrets, which hooks have no need of. A
// ccsfs in a hook takes the same settings file, account and cache.
func environmentFor(env cmdutil.Environment, s *settings.Settings) map[string]string {
	vars := maps.Clone(env.Vars)
	for _, setting := range settings.Table() {
		name := setting.Environment()
		switch {
		case setting.Secret:
			delete(vars, name)
		case setting.Name == "account" && s.Account != "":
			vars[name] = s.Account
		case setting.Name == "cache-dir" && s.Cache.Dir != "":
			vars[name] = s.Cache.Dir
		}
	}
	if _, err := os.Stat(s.ConfigFile); err == nil {
		vars[settings.ConfigVariable] = s.ConfigFile
	}
	delete(vars, cmdutil.ReadyVariable)
	for _, name := range []string{"NOTIFY_SOCKET", "WATCHDOG_USEC", "WATCHDOG_PID", "LISTEN_FDS", "LISTEN_PID"} {
		delete(vars, name) // systemd's, for us alone
	}
	return vars
}

// The bounds of what is said of the output of a program.
const (
	mostOutput = 64 << 10 // bytes
	mostLine   = 2 << 10
)

// lines says what is written to it, a line each, up to a bound.
type lines struct {
	say Say

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
	case l.said > mostOutput:
	case l.said+len(l.line) > mostOutput:
		l.say("… and more")
		l.said = mostOutput + 1
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
