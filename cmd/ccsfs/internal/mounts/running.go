// Package mounts finds the mounts of this user that run, and those that are dead or silent.
package mounts

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"syscall"

	"ccsfs/cmd/ccsfs/internal/cmdutil"
	"ccsfs/cmd/ccsfs/internal/daemon/control"
	"ccsfs/cmd/ccsfs/internal/exitcode"
	"ccsfs/cmd/ccsfs/internal/mountinfo"
	"ccsfs/cmd/ccsfs/internal/session"
	"ccsfs/cmd/ccsfs/internal/term"
)

// running is a mount that answers, and what of it was named.
type running struct {
	*control.Client
	point string
	State *control.Status
	Paths []string // below the mountpoint; none: all of it
}

// FindRunning finds the mount that arguments are about: paths to it or into
// it, the address of a server, or, where it is the only one, ids of contracts alone.
func FindRunning(ctx context.Context, env cmdutil.Environment, args []string) (*running, error) {
	r := &running{}
	for _, arg := range args {
		point, below, ok := InsideMount(env, arg)
		if at := servedAt(arg); at != "" {
			point, below, ok = at, "", true
		}
		switch {
		case !ok && (strings.Contains(arg, "/") || arg == "." || arg == ".."):
			return nil, noMountAt(mountinfo.Resolve(filepath.Clean(arg), env.Dirs.Work))
		case !ok:
			r.Paths = append(r.Paths, arg)
		case r.point != "" && r.point != point:
			return nil, exitcode.Errorf(exitcode.Usage, "%s and %s are different mounts; name one at a time", r.point, point)
		default:
			r.point = point
			if below != "" {
				r.Paths = append(r.Paths, below)
			}
		}
	}
	if r.point == "" {
		return r, r.connectOnly(ctx, env)
	}
	var err error
	if r.Client, err = connect(ctx, env, r.point); err != nil {
		return nil, err
	}
	// What it is asked next may take as long as the API does.
	if r.State, err = r.Status(ctx); err != nil {
		return nil, ExplainControl(ctx, err)
	}
	return r, nil
}

// servedAt is the address of a server as it says itself, "" of what is none.
func servedAt(arg string) string {
	switch {
	case strings.HasPrefix(arg, "http://"), strings.HasPrefix(arg, "https://"):
		return strings.TrimSuffix(arg, "/") + "/"
	case strings.HasPrefix(arg, "unix:"):
		return arg
	}
	return ""
}

// InsideMount splits a path into the mountpoint of ours that it lies below,
// and the rest. Without need it does not look at the mount, which may hang.
func InsideMount(env cmdutil.Environment, arg string) (point, below string, ok bool) {
	table, err := mountinfo.Table()
	if err != nil {
		return "", "", false
	}
	path := filepath.Clean(arg)
	if !filepath.IsAbs(path) {
		path = filepath.Join(env.Dirs.Work, path)
	}
	for _, path := range []func() string{func() string { return path }, func() string { return mountinfo.Resolve(path, "/") }} {
		path := path()
		for _, m := range table {
			if m.Ours() && mountinfo.Within(path, m.Point) && len(m.Point) > len(point) {
				point, below, ok = m.Point, strings.Trim(path[len(m.Point):], "/"), true
			}
		}
		if ok {
			return point, below, true
		}
	}
	return "", "", false
}

func noMountAt(path string) error {
	if _, err := os.Lstat(path); err != nil {
		return exitcode.Errorf(exitcode.Failed, "nothing is mounted there: %w", err)
	}
	return exitcode.Errorf(exitcode.Failed, "%s is not in a mount of ccsfs; `findmnt -t fuse.ccsfs` lists those", path)
}

// connect finds the process that serves a mountpoint.
func connect(ctx context.Context, env cmdutil.Environment, point string) (*control.Client, error) {
	c, err := control.Connect(ctx, Places(env), point)
	if err != nil && os.Geteuid() == 0 {
		if other, otherErr := control.Connect(ctx, control.Elsewhere(), point); otherErr == nil {
			return other, nil
		}
	}
	switch {
	case err == nil:
		return c, nil
	case errors.Is(err, context.Canceled):
		return nil, exitcode.Errorf(exitcode.Failed, "interrupted")
	case errors.Is(err, fs.ErrPermission):
		return nil, exitcode.Errorf(exitcode.Failed, "%s belongs to another user, only that one and root may ask about it", point)
	}
	if servedAt(point) != "" {
		return nil, exitcode.Errorf(exitcode.Failed, "no server of yours answers for %s; `ccsfs status` shows those that run", term.Plain(point))
	}
	if _, statErr := os.Lstat(point); errors.Is(statErr, syscall.ENOTCONN) {
		return nil, exitcode.Errorf(exitcode.Failed, "%s is a dead mount, left by a crash; to clear it: ccsfs unmount %s", point, term.Quote(point))
	}
	if m, ok := mountinfo.Find(point); ok && m.User != "" && os.Geteuid() != 0 && m.User != strconv.Itoa(os.Geteuid()) {
		return nil, exitcode.Errorf(exitcode.Failed, "%s is the mount of %s; only that user and root may ask about it", point, m.Owner())
	}
	return nil, exitcode.Errorf(exitcode.Failed, "no process of yours answers for %s\n"+
		"  It may be another user's, or a private one of `ccsfs exec`, or it has no place for its socket: its log says so.", point)
}

// StateOf asks the process that serves a mountpoint how it stands.
func StateOf(ctx context.Context, env cmdutil.Environment, point string) (*control.Status, error) {
	c, err := connect(ctx, env, point)
	if err != nil {
		return nil, err
	}
	s, err := c.Status(ctx)
	if err != nil {
		return nil, ExplainControl(ctx, err)
	}
	return s, nil
}

// connectOnly finds the one mount that there is.
func (r *running) connectOnly(ctx context.Context, env cmdutil.Environment) error {
	all, err := runningMounts(ctx, env)
	switch {
	case err != nil:
		return err
	case len(all) == 0:
		return NoneRunning()
	case len(all) > 1:
		var points []string
		for _, m := range all {
			points = append(points, m.Status.Mountpoint)
		}
		return exitcode.Errorf(exitcode.Usage, "there are several mounts; name one of %s", strings.Join(points, ", "))
	}
	r.Client, r.point, r.State = all[0].Client, all[0].Status.Mountpoint, all[0].Status
	return nil
}

// NoneRunning is the error where a mount is needed and there is none.
func NoneRunning() error {
	return exitcode.Errorf(exitcode.Failed, "no mount of yours is running; %s", howToStart)
}

// RunningMount is a mount and its state.
type RunningMount struct {
	Client *control.Client
	Status *control.Status // nil if err is not
	Err    error           // of one that does not answer, as explainControl words it
}

// AskMounts asks all mounts of the user for their state, by mountpoint, all at once: one that stands
// still keeps nobody from the others.
func AskMounts(ctx context.Context, env cmdutil.Environment) []RunningMount {
	clients := control.ConnectAll(ctx, Places(env))
	all := make([]RunningMount, len(clients))
	var asked sync.WaitGroup
	for i, c := range clients {
		asked.Go(func() {
			s, err := c.Status(ctx)
			if err != nil {
				err = ExplainControl(ctx, err)
			}
			all[i] = RunningMount{c, s, err}
		})
	}
	asked.Wait()
	slices.SortStableFunc(all, func(a, b RunningMount) int { return strings.Compare(a.point(), b.point()) })
	return all
}

// point is the mountpoint, "" of one that does not answer.
func (m RunningMount) point() string {
	if m.Status == nil {
		return ""
	}
	return m.Status.Mountpoint
}

// runningMounts is askMounts where all have to answer: the rest would look like all.
func runningMounts(ctx context.Context, env cmdutil.Environment) ([]RunningMount, error) {
	all := AskMounts(ctx, env)
	for _, m := range all {
		if m.Err != nil {
			return nil, m.Err
		}
	}
	return all, nil
}

// howToEnd tells how to get rid of a process that stands still, and of its mount.
func howToEnd(pid int) string {
	if pid == 0 {
		return "End it (kill -9), then: ccsfs unmount --lazy MOUNTPOINT"
	}
	return fmt.Sprintf("It goes on after: kill -CONT %d  Else end it: kill -9 %d, then: ccsfs unmount MOUNTPOINT", pid, pid)
}

// ExplainControl words an error of a mount that was asked.
func ExplainControl(ctx context.Context, err error) error {
	var failed *control.Failure
	var silent *control.SilentError
	switch {
	case ctx.Err() != nil:
		return exitcode.Errorf(exitcode.Failed, "interrupted")
	case errors.As(err, &silent):
		return exitcode.Errorf(exitcode.Failed, "%w: it stands still\n  %s", silent, howToEnd(silent.PID))
	case errors.Is(err, context.DeadlineExceeded):
		return exitcode.Errorf(exitcode.Failed, "the process that serves the mount does not answer")
	case !errors.As(err, &failed):
		return exitcode.Errorf(exitcode.Failed, "the process that serves the mount broke off: %w", err)
	}
	return exitcode.With(session.CodeFor(nil, err), err)
}
