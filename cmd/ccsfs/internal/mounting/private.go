//go:build !windows

package mounting

import (
	"context"
	"errors"
	iofs "io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"sync"
	"time"

	"golang.org/x/sys/unix"

	"ccsfs/cmd/ccsfs/internal/chdirexec"
	"ccsfs/cmd/ccsfs/internal/cmdutil"
	"ccsfs/cmd/ccsfs/internal/exitcode"
	"ccsfs/cmd/ccsfs/internal/mountinfo"
	"ccsfs/cmd/ccsfs/internal/session"
	"ccsfs/cmd/ccsfs/internal/settings"
	"ccsfs/fs"
)

// RunMounted mounts on a directory of its own, runs a command there, and
// takes everything away again.
func RunMounted(ctx context.Context, env cmdutil.Environment, s *settings.Settings, args []string) error {
	program, err := chdirexec.FindCommand(env, args[0])
	if err != nil {
		return err
	}
	return WithMount(ctx, env, s, func(m *Mounted, signals <-chan os.Signal) error {
		code, err := chdirexec.RunInside(env, signals, m.Point, program, args)
		if err != nil {
			return err
		}
		return exitcode.Silently(endedWith(m.Account, env, s, code))
	})
}

// endedWith is the exit code of a command in a mount of its own: what it was given
// that is not the whole truth is said, and must not look like success. A status of
// its own says more than that.
func endedWith(a *session.Account, env cmdutil.Environment, set *settings.Settings, code int) int {
	a.Whole = true
	missing, s := a.Shortage(set)
	for _, one := range missing {
		s.Note(true, "left out: %s", one)
	}
	s.Unlisted(set, a.Catalog.Shortfalls())
	s.Unread(a.Content.Shortfalls())
	s.Say(env)
	if code == exitcode.Done && s.Short {
		return exitcode.Some
	}
	return code
}

// WithMount mounts on a private temporary directory for as long as use runs.
// From beginning to end signals go to use alone: none may leave a mount behind.
func WithMount(ctx context.Context, env cmdutil.Environment, s *settings.Settings, use func(*Mounted, <-chan os.Signal) error) (err error) {
	cmdutil.Quietly(s)
	logger, logs, err := cmdutil.NewLogger(env, s)
	if err != nil {
		return err
	}
	defer func() { _ = logs.Close() }()
	signals, stop := env.Notify(unix.SIGINT, unix.SIGTERM, unix.SIGQUIT, unix.SIGHUP, unix.SIGPIPE)
	defer stop()
	point, err := temporaryMountpoint(env, logger)
	if err != nil {
		return err
	}
	defer func() { err = exitcode.Also(err, removeMountpoint(point)) }()
	m, err := start(ctx, env, s, point, logger.With("mountpoint", point), session.Copying)
	if err != nil {
		return err
	}
	defer m.close()
	defer func() { err = exitcode.Also(err, unmountOwn(m)) }()
	return use(m, signals)
}

const temporaryPrefix = "ccsfs-exec-"

// temporaryMountpoint makes a directory that nobody else can enter, and takes
// away those that a killed process left.
func temporaryMountpoint(env cmdutil.Environment, logger *slog.Logger) (string, error) {
	base := env.Dirs.Temp
	if info, err := os.Stat(env.Dirs.Runtime); err == nil && info.IsDir() && unix.Access(env.Dirs.Runtime, unix.W_OK|unix.X_OK) == nil { // sudo may leave another user's
		base = env.Dirs.Runtime
	}
	left, _ := filepath.Glob(filepath.Join(base, temporaryPrefix+"*")) // no error: the pattern is sound
	var looked sync.WaitGroup                                          // at all at once: one that stands still takes seconds
	for _, dir := range left {
		looked.Go(func() { clearLeft(dir, env.Now(), logger) })
	}
	looked.Wait()
	dir, err := os.MkdirTemp(base, temporaryPrefix) // 0700
	if err != nil {
		return "", exitcode.Errorf(exitcode.Mount, "cannot make a directory to mount on: %w; set TMPDIR to a place where you can", err)
	}
	return mountinfo.Resolve(dir, "/"), nil
}

// clearLeft takes a mountpoint away that a killed process left.
func clearLeft(dir string, now time.Time, logger *slog.Logger) {
	cleared, err := fs.ClearDead(dir)
	switch {
	case err != nil:
		return
	case cleared:
		logger.Info("cleared a dead mount, left by a crash", "mountpoint", dir)
	case !oldEmpty(dir, now):
		return // somebody may be about to mount there
	}
	_ = os.Remove(dir) // takes no mount away, nor what is in use
}

// leftoverAge is how old a directory is in which nobody will mount any more: the first
// answer of the API is waited for in between.
const leftoverAge = time.Hour

// oldEmpty reports whether a directory was left by an exec that was killed before its
// mount was up.
func oldEmpty(dir string, now time.Time) bool {
	if m, ok := mountinfo.Find(mountinfo.Resolve(dir, "/")); ok && m.Ours() {
		return false
	}
	info, err := os.Lstat(dir)
	return err == nil && info.IsDir() && now.Sub(info.ModTime()) > leftoverAge
}

// removeMountpoint removes the directory alone: were it still a mount, nothing
// below it may be touched.
func removeMountpoint(dir string) error {
	if err := os.Remove(dir); err != nil && !errors.Is(err, iofs.ErrNotExist) {
		return exitcode.Errorf(exitcode.Failed, "the directory of the mount stays behind: %w", err)
	}
	return nil
}

// unmountOwn ends a mount of ours, even if a process that the command left
// behind still uses it.
func unmountOwn(m *Mounted) error {
	if err := m.server.Unmount(); err != nil {
		return exitcode.Errorf(exitcode.Failed, "cannot unmount %s: %w\n  Try: ccsfs unmount --lazy %s", m.Point, err, m.Point)
	}
	m.server.Wait()
	return nil
}
