package account

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"ccsfs/internal/osfile"
)

// What is in the directory of an account.
const (
	catalogDir = "catalog" // saved listings
	contentDir = "content" // documents, and what is known of them
	rateFile   = "rate"    // what the processes that share the account have asked for lately

	sightingsFile = "sightings.json" // when documents were listed first
	toldFile      = "told.json"      // which lengths clients of the drive go by
)

// Path is where an account keeps what it knows, below the directory of a cache: a part of
// its own for each API and client id, so that one account never sees documents of another.
func Path(cache, apiURL, clientID string) string {
	hash := sha256.Sum256([]byte(apiURL + "\x00" + clientID))
	return filepath.Join(cache, hex.EncodeToString(hash[:8]))
}

// IsPath tells whether a name may be that of the directory of an account.
func IsPath(name string) bool {
	return len(name) == 16 && strings.Trim(name, "0123456789abcdef") == ""
}

// RateFile is the file by which the processes that share an account keep to its rate.
func RateFile(dir string) string { return filepath.Join(dir, rateFile) }

// ToldFile is where a server keeps which lengths clients of the drive were told.
func ToldFile(dir string) string { return filepath.Join(dir, toldFile) }

// SightingsFile is where a server keeps when documents were listed first.
func SightingsFile(dir string) string { return filepath.Join(dir, sightingsFile) }

// ErrDirectory is that a directory is not, or cannot be made, one of this user alone.
var ErrDirectory = errors.New("the cache directory cannot be used")

// PrivateDirectory makes dir, if it is not there, and refuses it unless it is a directory
// of this user that nobody else can enter: who can write there decides what documents look
// like. Its error Is ErrDirectory.
func PrivateDirectory(dir string) error {
	if err := os.MkdirAll(dir, 0o700); err != nil && !errors.Is(err, fs.ErrExist) {
		return &partError{ErrDirectory, fmt.Errorf("cannot make the cache directory: %w; choose another with --cache-dir", err)}
	}
	info, err := os.Lstat(dir)
	if err != nil {
		return &partError{ErrDirectory, fmt.Errorf("cache directory: %w", err)}
	}
	if problem := NotPrivate(dir, info); problem != "" {
		return &partError{ErrDirectory, errors.New("the cache directory " + problem)}
	}
	return nil
}

// NotPrivate says why dir is not a directory of this user alone, and how to
// mend that; "" if it is.
func NotPrivate(dir string, info fs.FileInfo) string {
	if info.Mode()&fs.ModeSymlink != 0 {
		return fmt.Sprintf("%s is a symbolic link; name the directory itself with --cache-dir", dir)
	}
	if !info.IsDir() {
		return fmt.Sprintf("%s is not a directory; choose another with --cache-dir", dir)
	}
	if uid, is := osfile.Stranger(info); is {
		return fmt.Sprintf("%s belongs to user %d, not to you (user %d); choose another with --cache-dir",
			dir, uid, os.Geteuid())
	}
	if osfile.Exposed(info, 0o077) {
		advice := "run: chmod 700 " + dir
		if holdsOther(dir) {
			advice = "choose a directory of its own with --cache-dir, such as " + filepath.Join(dir, "ccsfs")
		}
		return fmt.Sprintf("%s can be entered by other users (mode %04o), and billing documents are for you alone; %s", dir, info.Mode().Perm(), advice)
	}
	return ""
}

// holdsOther tells a directory that others have made for something else: to close that to
// everybody else could end more than it mends (/etc, /var/lib).
func holdsOther(dir string) bool {
	parts, err := os.ReadDir(dir)
	if err != nil || IsPath(filepath.Base(dir)) {
		return err != nil
	}
	return len(parts) > 0 && !slices.ContainsFunc(parts, func(e fs.DirEntry) bool { return IsPath(e.Name()) })
}

// In lists the directories of accounts in that of a cache which hold documents. Its error
// Is ErrDirectory.
func In(cache string) ([]string, error) {
	info, err := os.Lstat(cache)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return nil, nil // nothing was cached yet
	case err != nil:
		return nil, &partError{ErrDirectory, fmt.Errorf("cache directory: %w", err)}
	}
	if problem := NotPrivate(cache, info); problem != "" {
		return nil, &partError{ErrDirectory, errors.New("the cache directory " + problem)}
	}
	parts, err := os.ReadDir(cache)
	if err != nil {
		return nil, &partError{ErrDirectory, fmt.Errorf("cache directory: %w", err)}
	}
	var dirs []string
	for _, part := range parts {
		dir := filepath.Join(cache, part.Name())
		if _, err := os.Stat(filepath.Join(dir, contentDir, "index")); err == nil {
			dirs = append(dirs, dir)
		}
	}
	return dirs, nil
}
