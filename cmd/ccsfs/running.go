package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"sync"

	"golang.org/x/sys/unix"

	"ccsfs/cmd/ccsfs/internal/control"
)

// running is a mount that answers, and what of it was named.
type running struct {
	*control.Client
	point  string
	status *control.Status
	paths  []string // below the mountpoint; none: all of it
}

// findRunning finds the mount that arguments are about: paths to it or into
// it, or, where it is the only one, ids of contracts alone.
func findRunning(ctx context.Context, env environment, args []string) (*running, error) {
	r := &running{}
	for _, arg := range args {
		point, below, ok := insideMount(env, arg)
		switch {
		case !ok && (strings.Contains(arg, "/") || arg == "." || arg == ".."):
			return nil, noMountAt(resolve(filepath.Clean(arg), env.dirs.work))
		case !ok:
			r.paths = append(r.paths, arg)
		case r.point != "" && r.point != point:
			return nil, fail(exitUsage, "%s and %s are different mounts; name one at a time", r.point, point)
		default:
			r.point = point
			if below != "" {
				r.paths = append(r.paths, below)
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
	if r.status, err = r.Status(ctx); err != nil {
		return nil, explainControl(ctx, err)
	}
	return r, nil
}

// insideMount splits a path into the mountpoint of ours that it lies below,
// and the rest. Without need it does not look at the mount, which may hang.
func insideMount(env environment, arg string) (point, below string, ok bool) {
	table, err := mountTable()
	if err != nil {
		return "", "", false
	}
	path := filepath.Clean(arg)
	if !filepath.IsAbs(path) {
		path = filepath.Join(env.dirs.work, path)
	}
	for _, path := range []func() string{func() string { return path }, func() string { return resolve(path, "/") }} {
		path := path()
		for _, m := range table {
			if m.ours() && within(path, m.point) && len(m.point) > len(point) {
				point, below, ok = m.point, strings.Trim(path[len(m.point):], "/"), true
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
		return fail(exitFailed, "nothing is mounted there: %w", err)
	}
	return fail(exitFailed, "%s is not in a mount of ccsfs; `findmnt -t fuse.ccsfs` lists those", path)
}

// connect finds the process that serves a mountpoint.
func connect(ctx context.Context, env environment, point string) (*control.Client, error) {
	c, err := control.Connect(ctx, controlPlaces(env), point)
	if err != nil && os.Geteuid() == 0 {
		if other, otherErr := control.Connect(ctx, control.Elsewhere(), point); otherErr == nil {
			return other, nil
		}
	}
	switch {
	case err == nil:
		return c, nil
	case errors.Is(err, context.Canceled):
		return nil, fail(exitFailed, "interrupted")
	case errors.Is(err, fs.ErrPermission):
		return nil, fail(exitFailed, "%s belongs to another user, only that one and root may ask about it", point)
	}
	if _, statErr := os.Lstat(point); errors.Is(statErr, unix.ENOTCONN) {
		return nil, fail(exitFailed, "%s is a dead mount, left by a crash; to clear it: ccsfs unmount %s", point, quote(point))
	}
	return nil, fail(exitFailed, "no process of yours answers for %s\n"+
		"  It may be another user's, or a private one of `ccsfs exec`, or it has no place for its socket: its log says so.", point)
}

// connectOnly finds the one mount that there is.
func (r *running) connectOnly(ctx context.Context, env environment) error {
	all, err := runningMounts(ctx, env)
	switch {
	case err != nil:
		return err
	case len(all) == 0:
		return noneRunning()
	case len(all) > 1:
		var points []string
		for _, m := range all {
			points = append(points, m.status.Mountpoint)
		}
		return fail(exitUsage, "there are several mounts; name one of %s", strings.Join(points, ", "))
	}
	r.Client, r.point, r.status = all[0].client, all[0].status.Mountpoint, all[0].status
	return nil
}

func noneRunning() error {
	return fail(exitFailed, "no mount of yours is running; `ccsfs mount DIRECTORY` starts one")
}

// runningMount is a mount and its state.
type runningMount struct {
	client *control.Client
	status *control.Status // nil if err is not
	err    error           // of one that does not answer, as explainControl words it
}

// askMounts asks all mounts of the user for their state, all at once: one that stands
// still keeps nobody from the others.
func askMounts(ctx context.Context, env environment) []runningMount {
	clients := control.ConnectAll(ctx, controlPlaces(env))
	all := make([]runningMount, len(clients))
	var asked sync.WaitGroup
	for i, c := range clients {
		asked.Go(func() {
			s, err := c.Status(ctx)
			if err != nil {
				err = explainControl(ctx, err)
			}
			all[i] = runningMount{c, s, err}
		})
	}
	asked.Wait()
	return all
}

// runningMounts is askMounts where all have to answer: the rest would look like all.
func runningMounts(ctx context.Context, env environment) ([]runningMount, error) {
	all := askMounts(ctx, env)
	for _, m := range all {
		if m.err != nil {
			return nil, m.err
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

// explainControl words an error of a mount that was asked.
func explainControl(ctx context.Context, err error) error {
	var failed *control.Failure
	var silent *control.SilentError
	switch {
	case ctx.Err() != nil:
		return fail(exitFailed, "interrupted")
	case errors.As(err, &silent):
		return fail(exitFailed, "%w: it stands still\n  %s", silent, howToEnd(silent.PID))
	case errors.Is(err, context.DeadlineExceeded):
		return fail(exitFailed, "the process that serves the mount does not answer")
	case !errors.As(err, &failed):
		return fail(exitFailed, "the process that serves the mount broke off: %w", err)
	}
	return &exitError{codeFor(nil, err), err}
}
