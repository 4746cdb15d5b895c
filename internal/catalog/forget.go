package catalog

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
)

// Saved is what a directory of saved listings holds that Forget removes.
type Saved struct {
	Files int
	Bytes int64
}

// LookAtSaved tells what is saved in the directory of a catalog, without opening it.
func LookAtSaved(dir string) (Saved, error) { return eachSaved(dir, func(string) error { return nil }) }

// Forget removes the lists of contracts, listings and descriptions that are saved in the
// directory of a catalog, and with them what is known of what has dropped off the lists.
// What was refused stays, or it would be asked for too soon, and so do locks, and what is
// not ours. Processes that run go on with what they have in memory, and save it again.
func Forget(dir string) (Saved, error) { return eachSaved(dir, os.Remove) }

// eachSaved does something to each file that is saved, and counts those of which it went
// well. Files that vanish meanwhile are no error.
func eachSaved(dir string, do func(path string) error) (s Saved, err error) {
	for _, pattern := range []string{contractsFile, filepath.Join(listingsDir, "*.json"), filepath.Join(detailsDir, "*.json")} {
		sub, name := filepath.Split(pattern)
		entries, failed := os.ReadDir(filepath.Join(dir, sub))
		if failed != nil && !errors.Is(failed, fs.ErrNotExist) {
			err = errors.Join(err, failed)
		}
		for _, e := range entries {
			if ok, _ := filepath.Match(name, e.Name()); !ok || !e.Type().IsRegular() || sub != "" && !isDigest(e.Name()) {
				continue
			}
			info, failed := e.Info()
			if failed == nil {
				failed = do(filepath.Join(dir, sub, e.Name()))
			}
			switch {
			case failed == nil:
				s.Files++
				s.Bytes += info.Size()
			case !errors.Is(failed, fs.ErrNotExist):
				err = errors.Join(err, failed)
			}
		}
	}
	return s, err
}

// isDigest tells whether a name may be that of a listing or a description.
func isDigest(name string) bool {
	of, types, some := strings.Cut(strings.TrimSuffix(name, ".json"), "-")
	return len(of) == 32 && (!some || len(types) == 16) && strings.Trim(of+types, "0123456789abcdef") == ""
}
