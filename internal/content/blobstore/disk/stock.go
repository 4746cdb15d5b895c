package disk

import (
	"context"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"time"

	"ccsfs/internal/content/blobstore"
	"ccsfs/internal/osfile"
)

// Kept is a blob as a look at the directory has found it.
type Kept struct {
	blobstore.Key
	Size int64     // bytes
	Used time.Time // when it was last read, to the day, or written
}

// Stock finds all blobs in the directory of a store, without opening it. What does not lie
// where a blob does, under names like theirs, is nothing of ours and left out. Its error
// is that of ctx, or that the directory cannot be read.
func Stock(ctx context.Context, dir string) ([]Kept, error) {
	if _, err := os.ReadDir(filepath.Join(dir, "blobs")); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, err
	}
	var kept []Kept
	err := walk(ctx, filepath.Join(dir, "blobs"), func(path string, b blob) {
		contract, document := filepath.Base(filepath.Dir(path)), filepath.Base(path)
		if filepath.Join(dir, "blobs", contract, document) == path && isName(contract) && isName(document) {
			kept = append(kept, Kept{blobstore.Key{Contract: contract, Document: document}, b.size, b.used})
		}
	})
	if err != nil {
		return nil, err
	}
	return kept, nil
}

// isName tells whether a name may be one that blobstore.Name has given.
func isName(name string) bool {
	return len(name) == len(blobstore.Name("")) && strings.Trim(name, "0123456789abcdef") == ""
}

// Discard removes a blob that Stock found, unless there is another one now. Whoever has it
// open can still read it, and whoever wants it later fetches it again. It tells whether the
// blob was removed.
func Discard(dir string, k Kept) (bool, error) {
	path := filepath.Join(dir, "blobs", k.Contract, k.Document)
	info, err := os.Lstat(path)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return false, nil // somebody was faster
	case err != nil:
		return false, err
	case !info.Mode().IsRegular() || info.Size() != k.Size || info.ModTime().After(k.Used):
		return false, nil
	}
	if err := osfile.Remove(path); err != nil {
		if errors.Is(err, fs.ErrNotExist) {
			err = nil
		}
		return false, err
	}
	_ = os.Remove(filepath.Dir(path)) // if it is empty now
	return true, nil
}

// Sessions are those that processes have in the directory of a store.
type Sessions struct {
	Live  int   // of processes that run
	Bytes int64 // spools that those left which do not
}

// LookAtSessions counts the sessions in the directory of a store. It changes nothing.
func LookAtSessions(dir string) Sessions {
	var s Sessions
	for _, session := range sessionsIn(dir) {
		st, err := os.Lstat(session)
		if err != nil || !st.IsDir() {
			continue
		}
		if time.Since(st.ModTime()) < time.Minute || isLocked(filepath.Join(session, "lock")) {
			s.Live++
			continue
		}
		_ = filepath.WalkDir(session, func(_ string, d fs.DirEntry, err error) error {
			if err == nil && d.Type().IsRegular() {
				if info, err := d.Info(); err == nil {
					s.Bytes += info.Size()
				}
			}
			return nil
		})
	}
	return s
}

// isLocked tells whether a process holds the lock of a session.
func isLocked(path string) bool {
	f, err := openFile(path)
	if err != nil {
		return false
	}
	defer f.Close()
	return !lockExclusive(f)
}

// sessionsIn are the directories of sessions in that of a store.
func sessionsIn(dir string) (paths []string) {
	tmp := filepath.Join(dir, "tmp")
	entries, err := os.ReadDir(tmp)
	if err != nil {
		return nil // there are none, or nobody can see to them
	}
	for _, e := range entries {
		if strings.HasPrefix(e.Name(), "s") {
			paths = append(paths, filepath.Join(tmp, e.Name()))
		}
	}
	return paths
}
