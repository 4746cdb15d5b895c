package lease

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"ccsfs/internal/osfile"
)

// fileLocker locks by a file for each key, for systems without locks of open
// file descriptions. The files are removed with their locks.
type fileLocker struct{ dir string }

func (l *fileLocker) try(key uint64) (func(), bool, error) {
	path := filepath.Join(l.dir, fmt.Sprintf("%016x", key))
	if err := os.MkdirAll(l.dir, 0o700); err != nil {
		return nil, false, err
	}
	f, err := osfile.Open(path, os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return nil, false, err
	}
	err = osfile.TryLock(f)
	switch {
	case errors.Is(err, osfile.ErrLocked):
		f.Close()
		return nil, false, nil
	case err != nil:
		f.Close()
		return nil, false, err
	case !leadsTo(path, f): // the one before us removed it between our open and our lock
		f.Close()
		return nil, false, nil
	}
	return func() {
		osfile.Remove(path)
		f.Close()
	}, true, nil
}

// leadsTo reports whether path is the name of f.
func leadsTo(path string, f *os.File) bool {
	mine, err := f.Stat()
	if err != nil {
		return false
	}
	there, err := os.Lstat(path)
	return err == nil && os.SameFile(mine, there)
}

func (l *fileLocker) close() error { return nil }
