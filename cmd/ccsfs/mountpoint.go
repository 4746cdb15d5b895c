package main

import (
	"errors"
	"io"
	iofs "io/fs"
	"log/slog"
	"os"
	"os/exec"
	"path/filepath"
	"strings"

	"golang.org/x/sys/unix"

	"ccsfs/cmd/ccsfs/internal/settings"
	"ccsfs/fs"
)

// fsName is the source of our mounts in the table of mounts.
const fsName = "ccsfs"

// resolve makes path absolute and follows its links, as the table of mounts
// has them. The last element may be a mount of which the server is dead, which cannot
// be looked at, or stands still, which must not be.
func resolve(path, work string) string {
	if !filepath.IsAbs(path) {
		path = filepath.Join(work, path)
	}
	path = filepath.Clean(path)
	there := path
	if dir, err := filepath.EvalSymlinks(filepath.Dir(path)); err == nil {
		there = filepath.Join(dir, filepath.Base(path))
	}
	if m, ok := findMount(there); ok && m.ours() {
		return there
	}
	if real, err := filepath.EvalSymlinks(path); err == nil {
		return real
	}
	return there
}

// prepareMountpoint checks what can be checked before the API is asked, and
// clears a mount that a crash left at path. fs.Mount checks the rest.
func prepareMountpoint(path string, s *settings.Settings, logger *slog.Logger) error {
	cleared, err := fs.ClearDead(path)
	if errors.Is(err, fs.ErrSilent) {
		return fail(exitMount, "%w\n  To take it away: ccsfs unmount --lazy %s", err, quote(path))
	}
	if err != nil {
		return fail(exitMount, "%w\n  Try: sudo umount -l %s", err, path)
	}
	if cleared {
		logger.Warn("cleared a dead mount, left by a crash", "mountpoint", path)
	}
	if m, ok := findMount(path); ok && m.ours() {
		return fail(exitMount, "%s is mounted already; to mount it anew: ccsfs unmount %s", path, path)
	}
	for _, inside := range []struct{ flag, path string }{{"--cache-dir", s.Cache.Dir}, {"--log-file", s.Log.File}} {
		if inside.path != "" && within(resolve(inside.path, "/"), path) {
			return fail(exitMount, "%s (%s) lies below the mountpoint, where it could not be written; choose another place", inside.path, inside.flag)
		}
	}
	return emptyDirectory(path)
}

// emptyDirectory refuses what is no directory, and one with something in it,
// which the mount would hide.
func emptyDirectory(path string) error {
	f, err := os.OpenFile(path, os.O_RDONLY|unix.O_DIRECTORY, 0)
	if errors.Is(err, iofs.ErrNotExist) {
		return fail(exitMount, "%s does not exist; run: mkdir -p %s", path, quote(path))
	}
	if err != nil {
		return fail(exitMount, "cannot mount: %w", err)
	}
	defer func() { _ = f.Close() }()
	names, err := f.Readdirnames(1)
	switch {
	case errors.Is(err, io.EOF):
		return nil
	case err != nil:
		return fail(exitMount, "cannot mount: %w", err)
	}
	return fail(exitMount, "%s is not empty (it holds %q, for one), and a mount would hide that; choose an empty directory", path, names[0])
}

func within(path, dir string) bool {
	return path == dir || strings.HasPrefix(path, strings.TrimSuffix(dir, "/")+"/")
}

// fusermount returns the path of the helper that unmounts for users, "" if
// there is none.
func fusermount() string {
	for _, name := range []string{"fusermount3", "fusermount", "/bin/fusermount3", "/bin/fusermount"} {
		if path, err := exec.LookPath(name); err == nil {
			return path
		}
	}
	return ""
}
