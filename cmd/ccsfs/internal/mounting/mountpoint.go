//go:build !windows

package mounting

import (
	"errors"
	"io"
	iofs "io/fs"
	"log/slog"
	"os"
	"os/exec"
	"path/filepath"

	"golang.org/x/sys/unix"

	"ccsfs/cmd/ccsfs/internal/cmdutil"
	"ccsfs/cmd/ccsfs/internal/exitcode"
	"ccsfs/cmd/ccsfs/internal/mountinfo"
	"ccsfs/cmd/ccsfs/internal/settings"
	"ccsfs/cmd/ccsfs/internal/term"
	"ccsfs/fs"
)

// Mountpoint is what an argument names: absolute, as the table of mounts has it.
func Mountpoint(env cmdutil.Environment, argument string) string {
	return mountinfo.Resolve(filepath.Clean(argument), env.Dirs.Work)
}

// prepareMountpoint checks what can be checked before the API is asked, and
// clears a mount that a crash left at path. fs.Mount checks the rest.
func prepareMountpoint(path string, logger *slog.Logger) error {
	cleared, err := fs.ClearDead(path)
	if errors.Is(err, fs.ErrSilent) {
		return exitcode.Errorf(exitcode.Mount, "%w\n  To take it away: ccsfs unmount --lazy %s", err, term.Quote(path))
	}
	if err != nil {
		return exitcode.Errorf(exitcode.Mount, "%w\n  Try: sudo umount -l %s", err, path)
	}
	if cleared {
		logger.Warn("cleared a dead mount, left by a crash")
	}
	if m, ok := mountinfo.Find(path); ok && m.Ours() {
		return exitcode.Errorf(exitcode.Mount, "%s is mounted already; to mount it anew: ccsfs unmount %s", path, path)
	}
	return emptyDirectory(path)
}

// BackgroundLog is the log file of a mount in the background. It is refused where it
// would be made in the mountpoint.
func BackgroundLog(env cmdutil.Environment, s *settings.Settings, mountpoint string) (string, error) {
	point := Mountpoint(env, mountpoint)
	log := cmdutil.LogPath(env, s, point)
	if err := outside(s, point); err != nil {
		return "", err
	}
	return log, outsideOf(point, log, "the log; see --log-file")
}

// outside refuses a cache and a log below the mountpoint.
func outside(s *settings.Settings, point string) error {
	if err := outsideOf(point, s.Cache.Dir, "--cache-dir"); err != nil {
		return err
	}
	return outsideOf(point, s.Log.File, "--log-file")
}

// outsideOf refuses a path below the mountpoint. What is mounted there already is not
// looked at: it may stand still. Of a mountpoint that is not empty the path would be the
// lesser half of the truth.
func outsideOf(point, path, what string) error {
	if path == "" {
		return nil
	}
	m, mounted := mountinfo.Find(point)
	mounted = mounted && m.Ours()
	if !mounted {
		path = mountinfo.Resolve(path, "/")
	}
	if !mountinfo.Within(path, point) {
		return nil
	}
	if !mounted {
		if err := emptyDirectory(point); err != nil {
			return err
		}
	}
	return exitcode.Errorf(exitcode.Mount, "%s (%s) lies below the mountpoint, where it could not be written; choose another place", path, what)
}

// emptyDirectory refuses what is no directory, and one with something in it,
// which the mount would hide.
func emptyDirectory(path string) error {
	f, err := os.OpenFile(path, os.O_RDONLY|unix.O_DIRECTORY, 0)
	if errors.Is(err, iofs.ErrNotExist) {
		return exitcode.Errorf(exitcode.Mount, "%s does not exist; run: mkdir -p %s", path, term.Quote(path))
	}
	if err != nil {
		return exitcode.Errorf(exitcode.Mount, "cannot mount: %w", err)
	}
	defer func() { _ = f.Close() }()
	names, err := f.Readdirnames(1)
	switch {
	case errors.Is(err, io.EOF):
		return nil
	case err != nil:
		return exitcode.Errorf(exitcode.Mount, "cannot mount: %w", err)
	}
	return exitcode.Errorf(exitcode.Mount, "%s is not empty (it holds %q, for one), and a mount would hide that; choose an empty directory", path, names[0])
}

// Fusermount returns the path of the helper that unmounts for users, "" if
// there is none.
func Fusermount() string {
	for _, name := range []string{"fusermount3", "fusermount", "/bin/fusermount3", "/bin/fusermount"} {
		if path, err := exec.LookPath(name); err == nil {
			return path
		}
	}
	return ""
}
