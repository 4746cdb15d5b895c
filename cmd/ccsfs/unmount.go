package main

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"ccsfs/fs"
)

// unmountWait bounds how long unmount waits for the mount to leave the table.
const unmountWait = 10 * time.Second

// busyPause is how long a mount in use gets before it is tried again.
const busyPause = 200 * time.Millisecond

func unmountCommand(env environment) *cobra.Command {
	var lazy bool
	cmd := &cobra.Command{
		Use:     "unmount [--lazy] MOUNTPOINT",
		Aliases: []string{"umount"},
		Short:   "End a mount",
		Long: `End a mount of ccsfs, and wait until it is gone. If something still uses it, say
what; --lazy takes it away nevertheless, and lets open files go on for now.`,
		Example: "  ccsfs unmount ~/bills",
		Args:    takes(1, 1, "MOUNTPOINT"),
		RunE: func(cmd *cobra.Command, args []string) error {
			ctx, done := env.interruptible(cmd.Context())
			defer done()
			return unmount(ctx, env, resolve(filepath.Clean(args[0]), env.dirs.work), lazy)
		},
	}
	cmd.Flags().BoolVar(&lazy, "lazy", false, "unmount even if files are open")
	return cmd
}

func unmount(ctx context.Context, env environment, path string, lazy bool) error {
	entry, ok := findMount(path)
	switch {
	case !ok:
		if _, err := os.Lstat(path); err != nil {
			return fail(exitFailed, "nothing is mounted there: %w", err)
		}
		return fail(exitFailed, "%s is not a mountpoint; `findmnt -t fuse.ccsfs` lists the mounts of ccsfs", path)
	case !entry.ours():
		return fail(exitFailed, "%s is a mount of something else (%s, type %s); unmount it with umount", path, entry.source, entry.fsType)
	}
	cleared, err := fs.ClearDead(path)
	silent := errors.Is(err, fs.ErrSilent)
	if err != nil && !silent {
		return fail(exitFailed, "cannot clear the dead mount at %s: %w", path, err)
	}
	if cleared {
		say(env.stderr, "%s was a dead mount, left by a crash; it is cleared", path)
		return nil
	}
	if err := tryUnmount(ctx, path, lazy); err != nil {
		return explainUnmount(path, err)
	}
	if err := waitGone(ctx, path); err != nil || !silent {
		return err
	}
	say(env.stderr, "%s was served by a process that does not answer; it is unmounted, and that process is still there", path)
	return nil
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

// explainUnmount tells what keeps a mount from being unmounted.
func explainUnmount(path string, err error) error {
	users := usersOf(path)
	if len(users) == 0 {
		return fail(exitFailed, "cannot unmount %s: %w\n  If something still uses it: ccsfs unmount --lazy %s", path, err, path)
	}
	return fail(exitFailed, "%s is in use by %s\n  End that, or: ccsfs unmount --lazy %s", path, strings.Join(users, ", "), path)
}

// waitGone waits until path is not in the table of mounts.
func waitGone(ctx context.Context, path string) error {
	ctx, cancel := context.WithTimeout(ctx, unmountWait)
	defer cancel()
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for {
		if m, ok := findMount(path); !ok || !m.ours() {
			return nil
		}
		select {
		case <-ctx.Done():
			return fail(exitFailed, "%s is still mounted after unmounting it; is it mounted twice?", path)
		case <-tick.C:
		}
	}
}
