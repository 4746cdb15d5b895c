//go:build !windows

// Package unmount is `ccsfs unmount`: the end of a mount, also of a dead or silent one.
package unmount

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"ccsfs/cmd/ccsfs/internal/cmdutil"
	"ccsfs/cmd/ccsfs/internal/exitcode"
	"ccsfs/cmd/ccsfs/internal/mountinfo"
	"ccsfs/cmd/ccsfs/internal/mounts"
	"ccsfs/cmd/ccsfs/internal/session"
	"ccsfs/cmd/ccsfs/internal/term"
	"ccsfs/fs"
)

// unmountWait bounds how long unmount waits for the mount to leave the table.
const unmountWait = 10 * time.Second

// busyPause is how long a mount in use gets before it is tried again.
const busyPause = 200 * time.Millisecond

// Command is `ccsfs unmount`.
func Command(env cmdutil.Environment) *cobra.Command {
	var lazy, asJSON, all bool
	cmd := &cobra.Command{
		Use:        "unmount [--lazy] [--json] [--all] MOUNTPOINT",
		Aliases:    []string{"umount"},
		Short:      "End a mount",
		SuggestFor: []string{"umount", "stop", "eject"},
		Long: `End a mount of ccsfs, and wait until it is gone. If something still uses it, say
what; --lazy takes it away nevertheless, and lets open files go on for now. A mount is
its user's, and root's, to end. With --all, MOUNTPOINT is a directory, and all mounts of
yours at and below it are ended, such as those of "ccsfs mount --all-accounts"; with --json
there is an object a line.`,
		Example: `  ccsfs unmount ~/bills
  ccsfs unmount --all ~/bills
  ccsfs unmount --json ~/bills | jq -r '.used_by[].pid'`,
		Args:              cmdutil.Takes(1, 1, "MOUNTPOINT"),
		ValidArgsFunction: mounts.Complete(env),
		RunE: func(cmd *cobra.Command, args []string) error {
			ctx, done := env.Interruptible(cmd.Context())
			defer done()
			if all {
				return unmountAll(ctx, env, args[0], lazy, asJSON)
			}
			r := result{}
			err := r.unmount(ctx, env, args[0], lazy)
			if asJSON {
				err = exitcode.Also(err, r.print(env, err))
			}
			return err
		},
	}
	cmd.Flags().BoolVar(&lazy, "lazy", false, "unmount even if files are open")
	cmd.Flags().BoolVar(&all, "all", false, "end all mounts of yours at and below a directory")
	cmd.Flags().BoolVar(&asJSON, "json", false, "print what was done, or why not, as a JSON object")
	return cmd
}

// unmountAll ends the mounts of this user, or for root of everybody, at and below a
// directory. What cannot be ended keeps none of the others.
func unmountAll(ctx context.Context, env cmdutil.Environment, argument string, lazy, asJSON bool) error {
	dir := mountinfo.Resolve(filepath.Clean(argument), env.Dirs.Work)
	table, err := mountinfo.Table()
	if err != nil {
		return exitcode.Errorf(exitcode.Failed, "the table of mounts cannot be read: %w", err)
	}
	var failed []error
	ended := 0
	for _, m := range slices.Backward(table) { // what was mounted last is uppermost
		if mine := os.Geteuid() == 0 || m.User == "" || m.User == strconv.Itoa(os.Geteuid()); !m.Ours() || !mine || !mountinfo.Within(m.Point, dir) {
			continue
		}
		r := result{}
		err := r.unmount(ctx, env, m.Point, lazy)
		if asJSON {
			err = exitcode.Also(err, r.print(env, err))
		} else if err != nil {
			term.Say(env.Stderr, "%s", err)
		}
		if ended++; err != nil {
			failed = append(failed, err)
		}
		if ctx.Err() != nil {
			return err
		}
	}
	switch {
	case ended == 0:
		return exitcode.Errorf(exitcode.Failed, "there is no mount of yours at or below %s", dir)
	case len(failed) == 0:
		return nil
	case len(failed) < ended:
		return exitcode.Silently(exitcode.Some)
	}
	return exitcode.Silently(exitcode.Of(failed[0]))
}

// What a mount was, in JSON.
const (
	wasServed = "served"
	wasDead   = "dead"   // left by a crash
	wasSilent = "silent" // the process that served it does not answer, and is still there
)

// result is what became of it. Its keys do not change.
type result struct {
	Mountpoint string              `json:"mountpoint"`
	Unmounted  bool                `json:"unmounted"`
	Was        string              `json:"was,omitempty"`  // wasServed, wasDead or wasSilent; "": not a mount of ccsfs
	User       string              `json:"user,omitempty"` // whose mount it is
	UsedBy     []mountinfo.Process `json:"used_by"`        // what keeps it
	Error      string              `json:"error,omitempty"`
}

func (r *result) print(env cmdutil.Environment, err error) error {
	if err != nil {
		r.Error = err.Error()
	}
	if r.UsedBy == nil {
		r.UsedBy = []mountinfo.Process{}
	}
	return cmdutil.Printing(env, func(w io.Writer) error {
		e := json.NewEncoder(w)
		e.SetEscapeHTML(false)
		return e.Encode(r)
	})
}

func (r *result) unmount(ctx context.Context, env cmdutil.Environment, argument string, lazy bool) error {
	point, below, inside := mounts.InsideMount(env, argument)
	if !inside {
		point = mountinfo.Resolve(filepath.Clean(argument), env.Dirs.Work)
	}
	r.Mountpoint = point
	if below != "" {
		return exitcode.Errorf(exitcode.Failed, "%s lies in the mount at %s; to end that: ccsfs unmount %s", argument, point, term.Quote(point))
	}
	entry, ok := mountinfo.Find(point)
	switch {
	case !ok:
		return noMount(point)
	case !entry.Ours():
		return exitcode.Errorf(exitcode.Failed, "%s is a mount of something else (%s); unmount it with umount", point, described(entry))
	}
	r.Was, r.User = wasServed, entry.Owner()
	if euid := os.Geteuid(); euid != 0 && entry.User != "" && entry.User != strconv.Itoa(euid) {
		return exitcode.Errorf(exitcode.Failed, "%s is the mount of %s; only that user and root can end it: sudo ccsfs unmount %s", point, entry.Owner(), term.Quote(point))
	}
	cleared, err := fs.ClearDead(point)
	silent := errors.Is(err, fs.ErrSilent)
	if cleared || err != nil && !silent {
		r.Was = wasDead
	}
	if err != nil && !silent {
		return exitcode.Errorf(exitcode.Failed, "cannot clear the dead mount at %s: %w", point, err)
	}
	if cleared {
		r.Unmounted = true
		term.Say(env.Stderr, "%s was a dead mount, left by a crash; it is cleared", point)
		return nil
	}
	if silent {
		r.Was = wasSilent
	}
	if err := tryUnmount(ctx, point, lazy); err != nil {
		return r.explain(env, err)
	}
	if err := waitGone(ctx, point); err != nil {
		return err
	}
	r.Unmounted = true
	if silent {
		term.Say(env.Stderr, "%s was served by a process that does not answer; it is unmounted, and that process is still there", point)
	}
	return nil
}

// described says what a mount is, and whose, where the table tells.
func described(m mountinfo.Entry) string {
	text := fmt.Sprintf("%s, type %s", m.Source, m.FsType)
	if owner := m.Owner(); owner != "" {
		text += ", of " + owner
	}
	return text
}

// noMount says what is at a path that is no mountpoint, and where mounts are.
func noMount(path string) error {
	info, err := os.Lstat(path)
	if err != nil {
		return exitcode.Errorf(exitcode.Failed, "nothing is mounted there: %w", err)
	}
	what := ""
	if !info.IsDir() {
		what = ", nor a directory"
	}
	var points []string
	table, err := mountinfo.Table()
	if err != nil {
		return exitcode.Errorf(exitcode.Failed, "%s is not a mountpoint%s; the table of mounts cannot be read: %w", path, what, err)
	}
	for _, m := range table {
		if m.Ours() && (m.User == "" || m.User == strconv.Itoa(os.Geteuid())) {
			points = append(points, m.Point)
		}
	}
	hint := "no mount of ccsfs is yours"
	if len(points) > 0 {
		hint = "mounts of ccsfs that are yours: " + session.SomeOf(points)
	}
	return exitcode.Errorf(exitcode.Failed, "%s is not a mountpoint%s; %s", path, what, hint)
}

// tryUnmount unmounts, and if that fails once more after a moment: the kernel
// releases a file a little after the program that had it open has ended.
func tryUnmount(ctx context.Context, path string, lazy bool) error {
	if fs.Unmount(ctx, path, lazy) == nil {
		return nil
	}
	select {
	case <-time.After(busyPause):
	case <-ctx.Done():
	}
	return fs.Unmount(ctx, path, lazy)
}

// explain tells what keeps a mount from being unmounted.
func (r *result) explain(env cmdutil.Environment, err error) error {
	users, more := mountinfo.UsersOf(r.Mountpoint)
	r.UsedBy = users
	lazily := "ccsfs unmount --lazy " + term.Quote(r.Mountpoint)
	if mountinfo.Within(env.Dirs.Work, r.Mountpoint) {
		return exitcode.Errorf(exitcode.Failed, "%s is in use: you are in it; cd elsewhere first, or: %s", r.Mountpoint, lazily)
	}
	if len(users) == 0 {
		return exitcode.Errorf(exitcode.Failed, "cannot unmount %s: %w\n  If something still uses it: %s", r.Mountpoint, err, lazily)
	}
	var names []string
	for _, p := range users {
		names = append(names, p.String())
	}
	if more {
		names = append(names, "others")
	}
	return exitcode.Errorf(exitcode.Failed, "%s is in use by %s\n  End that, or: %s", r.Mountpoint, strings.Join(names, ", "), lazily)
}

// waitGone waits until path is not in the table of mounts.
func waitGone(ctx context.Context, path string) error {
	ctx, cancel := context.WithTimeout(ctx, unmountWait)
	defer cancel()
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for {
		if m, ok := mountinfo.Find(path); !ok || !m.Ours() {
			return nil
		}
		select {
		case <-ctx.Done():
			return exitcode.Errorf(exitcode.Failed, "%s is still mounted after unmounting it; is it mounted twice?", path)
		case <-tick.C:
		}
	}
}
