package main

import (
	"context"
	"errors"
	iofs "io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"sync"
	"time"

	"github.com/spf13/cobra"
	"golang.org/x/sys/unix"

	"ccsfs/cmd/ccsfs/internal/settings"
	"ccsfs/fs"
)

func execCommand(env environment) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "exec [flags] -- COMMAND [ARG…]",
		Short: "Run a command inside a mount made for it",
		Long: `Mount the documents on a directory of its own, run COMMAND with the mount as its
working directory, unmount, and exit with the status of COMMAND. Its environment
has CCSFS_MOUNTPOINT and none of the secrets.

What there is now is asked for and waited for, unless --listing-ttl says how long a
listing is believed. If COMMAND ends with 0, but was shown an old listing, or could not
have a document or a listing, the exit status is 6, and a line says why. With --offline
what was saved is shown; how old it is is said, and is no failure.`,
		Example: `  ccsfs exec -- ls -l
  ccsfs exec -- cp -r . ~/copy
  ccsfs exec --types=invoices -- sh -c 'tar cf - . | zstd > ~/invoices.tar.zst'`,
		Args: takesCommand(1, "COMMAND"),
		RunE: func(cmd *cobra.Command, args []string) error {
			s, err := load(env, cmd)
			if err != nil {
				return err
			}
			warn(env, s)
			return runMounted(cmd.Context(), env, s, args)
		},
	}
	addSettings(cmd, append(accountGroups(), settings.GroupMount)...)
	cmd.Flags().SetInterspersed(false) // what follows COMMAND is COMMAND's
	return cmd
}

// runMounted mounts on a directory of its own, runs a command there, and
// takes everything away again.
func runMounted(ctx context.Context, env environment, s *settings.Settings, args []string) error {
	program, err := findCommand(env, args[0])
	if err != nil {
		return err
	}
	return withMount(ctx, env, s, func(m *mounted, signals <-chan os.Signal) error {
		code, err := runInside(env, signals, m.point, program, args)
		if err != nil {
			return err
		}
		return silently(m.account.endedWith(env, s, code))
	})
}

// endedWith is the exit code of a command in a mount of its own: what it was given
// that is not the whole truth is said, and must not look like success. A status of
// its own says more than that.
func (a *account) endedWith(env environment, set *settings.Settings, code int) int {
	a.whole = true
	missing, s := a.shortage(set)
	for _, one := range missing {
		s.note(true, "left out: %s", one)
	}
	s.unlisted(set, a.catalog.Shortfalls())
	s.unread(a.content.Shortfalls())
	s.say(env)
	if code == exitDone && s.short {
		return exitSome
	}
	return code
}

// withMount mounts on a private temporary directory for as long as use runs.
// From beginning to end signals go to use alone: none may leave a mount behind.
func withMount(ctx context.Context, env environment, s *settings.Settings, use func(*mounted, <-chan os.Signal) error) (err error) {
	quietly(s)
	logger, logs, err := newLogger(env, s)
	if err != nil {
		return err
	}
	defer func() { _ = logs.Close() }()
	signals, stop := env.notify(unix.SIGINT, unix.SIGTERM, unix.SIGQUIT, unix.SIGHUP, unix.SIGPIPE)
	defer stop()
	point, err := temporaryMountpoint(env, logger)
	if err != nil {
		return err
	}
	defer func() { err = alsoFailed(err, removeMountpoint(point)) }()
	m, err := startMount(ctx, env, s, point, logger, copying)
	if err != nil {
		return err
	}
	defer m.close()
	defer func() { err = alsoFailed(err, unmountOwn(m)) }()
	return use(m, signals)
}

// alsoFailed adds a failure to take something away. The exit code of what
// failed first stays.
func alsoFailed(first, then error) error {
	switch {
	case then == nil:
		return first
	case first == nil:
		return then
	case isSilent(first):
		return &exitError{codeOf(first), then}
	default:
		return errors.Join(first, then)
	}
}

const temporaryPrefix = "ccsfs-exec-"

// temporaryMountpoint makes a directory that nobody else can enter, and takes
// away those that a killed process left.
func temporaryMountpoint(env environment, logger *slog.Logger) (string, error) {
	base := env.dirs.temp
	if info, err := os.Stat(env.dirs.runtime); err == nil && info.IsDir() {
		base = env.dirs.runtime
	}
	left, _ := filepath.Glob(filepath.Join(base, temporaryPrefix+"*")) // no error: the pattern is sound
	var looked sync.WaitGroup                                          // at all at once: one that stands still takes seconds
	for _, dir := range left {
		looked.Go(func() { clearLeft(dir, env.now(), logger) })
	}
	looked.Wait()
	dir, err := os.MkdirTemp(base, temporaryPrefix) // 0700
	if err != nil {
		return "", fail(exitMount, "cannot make a directory to mount on: %w; set TMPDIR to a place where you can", err)
	}
	return resolve(dir, "/"), nil
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
	if m, ok := findMount(resolve(dir, "/")); ok && m.ours() {
		return false
	}
	info, err := os.Lstat(dir)
	return err == nil && info.IsDir() && now.Sub(info.ModTime()) > leftoverAge
}

// removeMountpoint removes the directory alone: were it still a mount, nothing
// below it may be touched.
func removeMountpoint(dir string) error {
	if err := os.Remove(dir); err != nil && !errors.Is(err, iofs.ErrNotExist) {
		return fail(exitFailed, "the directory of the mount stays behind: %w", err)
	}
	return nil
}

// unmountOwn ends a mount of ours, even if a process that the command left
// behind still uses it.
func unmountOwn(m *mounted) error {
	if err := m.server.Unmount(); err != nil {
		return fail(exitFailed, "cannot unmount %s: %w\n  Try: ccsfs unmount --lazy %s", m.point, err, m.point)
	}
	m.server.Wait()
	return nil
}
