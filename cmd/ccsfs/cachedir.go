package main

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"syscall"

	"ccsfs/cmd/ccsfs/internal/settings"
)

// cacheDirectory makes and checks the directory where this account keeps its
// listings and documents: a part of the cache directory of its own for each
// API and client id, so that one account never sees documents of another.
func cacheDirectory(s *settings.Settings) (string, error) {
	if err := privateDirectory(s.Cache.Dir); err != nil {
		return "", err
	}
	dir := accountPath(s)
	return dir, privateDirectory(dir)
}

// accountPath is where the directory of cacheDirectory is, or would be.
func accountPath(s *settings.Settings) string {
	hash := sha256.Sum256([]byte(s.API.URL + "\x00" + s.API.ClientID.Reveal()))
	return filepath.Join(s.Cache.Dir, hex.EncodeToString(hash[:8]))
}

// privateDirectory makes dir, if it is not there, and refuses it unless it is
// a directory of this user that nobody else can enter: who can write there
// decides what documents look like.
func privateDirectory(dir string) error {
	if err := os.MkdirAll(dir, 0o700); err != nil && !errors.Is(err, fs.ErrExist) {
		return fail(exitSettings, "cannot make the cache directory: %w; choose another with --cache-dir", err)
	}
	info, err := os.Lstat(dir)
	if err != nil {
		return fail(exitSettings, "cache directory: %w", err)
	}
	if problem := notPrivate(dir, info); problem != "" {
		return fail(exitSettings, "the cache directory %s", problem)
	}
	return nil
}

// notPrivate says why dir is not a directory of this user alone, and how to
// mend that; "" if it is.
func notPrivate(dir string, info fs.FileInfo) string {
	if info.Mode()&fs.ModeSymlink != 0 {
		return fmt.Sprintf("%s is a symbolic link; name the directory itself with --cache-dir", dir)
	}
	if !info.IsDir() {
		return fmt.Sprintf("%s is not a directory; choose another with --cache-dir", dir)
	}
	if owner, ok := info.Sys().(*syscall.Stat_t); ok && int(owner.Uid) != os.Geteuid() {
		return fmt.Sprintf("%s belongs to user %d, not to you (user %d); choose another with --cache-dir",
			dir, owner.Uid, os.Geteuid())
	}
	if mode := info.Mode().Perm(); mode&0o077 != 0 {
		return fmt.Sprintf("%s can be entered by other users (mode %04o), and it holds billing documents; run: chmod 700 %s",
			dir, mode, dir)
	}
	return ""
}
