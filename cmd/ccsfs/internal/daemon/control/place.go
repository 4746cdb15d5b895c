package control

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"

	"ccsfs/internal/osfile"
)

// suffix ends the names of sockets.
const suffix = ".sock"

// maxPath is how long the path of a unix socket may be: sun_path has 108 bytes
// on Linux, 104 on BSD and macOS, the last one a NUL.
const maxPath = 103

// Places are the directories where the sockets of a user lie, the best one
// first. A mount that cron has started may have found others than a shell does
// (cron sets no XDG_RUNTIME_DIR), so who looks for a socket looks in all.
type Places []string

// NewPlaces returns the places of the user uid, whose environment has this
// XDG_RUNTIME_DIR ("" if none); -1 where users have no numbers.
func NewPlaces(runtimeDir, cacheHome string, uid int) Places {
	var p Places
	if filepath.IsAbs(runtimeDir) {
		p = append(p, filepath.Join(runtimeDir, "ccsfs"))
	}
	switch {
	case uid == 0:
		p = append(p, "/run/ccsfs")
	case uid > 0:
		p = append(p, filepath.Join("/run/user", strconv.Itoa(uid), "ccsfs"))
	}
	if cacheHome != "" {
		p = append(p, filepath.Join(cacheHome, "ccsfs", "run"))
	}
	return p
}

// find returns the paths of the socket files for a mountpoint, in all places.
func (p Places) find(mountpoint string) []string {
	var paths []string
	for _, dir := range p {
		path := filepath.Join(dir, socketName(mountpoint))
		if _, err := os.Lstat(path); err == nil {
			paths = append(paths, path)
		}
	}
	return paths
}

// all returns the paths of all socket files.
func (p Places) all() []string {
	var paths []string
	for _, dir := range p {
		// No error: the pattern is sound, unless dir holds a special character,
		// and then nothing is found.
		found, _ := filepath.Glob(filepath.Join(dir, "*"+suffix))
		paths = append(paths, found...)
	}
	return paths
}

// socketName is the file name of the socket of a mount: of a fixed length,
// for paths of sockets are short.
func socketName(mountpoint string) string {
	hash := sha256.Sum256([]byte(mountpoint))
	return hex.EncodeToString(hash[:8]) + suffix
}

// make returns the first place where a socket can lie, and makes it.
func (p Places) make() (string, error) {
	var problems []error
	for i, dir := range p {
		// The parent of a runtime directory is the system's to make; that of
		// the last resort, the cache, is ours.
		var err error
		if i == len(p)-1 {
			err = os.MkdirAll(dir, 0o700)
		} else {
			err = os.Mkdir(dir, 0o700)
		}
		if err != nil && !errors.Is(err, fs.ErrExist) {
			problems = append(problems, err)
			continue
		}
		if err := private(dir); err != nil {
			problems = append(problems, err)
			continue
		}
		if len(filepath.Join(dir, socketName(""))) > maxPath {
			problems = append(problems, fmt.Errorf("%s is too long for the path of a socket", dir))
			continue
		}
		return dir, nil
	}
	return "", errors.Join(problems...)
}

// private refuses a directory that is not this user's alone.
func private(dir string) error {
	info, err := os.Lstat(dir)
	if err != nil {
		return err
	}
	uid, strange := osfile.Stranger(info)
	switch {
	case !info.IsDir():
		return fmt.Errorf("%s is not a directory", dir)
	case strange:
		return fmt.Errorf("%s belongs to user %d", dir, uid)
	case osfile.Exposed(info, 0o077):
		return fmt.Errorf("%s can be entered by other users", dir)
	}
	return nil
}
