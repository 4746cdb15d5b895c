// Package durable writes small files that must still be there, and whole, after the process
// was killed or the machine failed, and tells where none can be made.
package durable

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"

	"ccsfs/internal/osfile"
)

// WriteFile replaces the file at path, the user's alone, whole or not at all. Once it has
// returned the file is on the disk, its name included. Who is killed meanwhile may leave a
// temporary file beside it: see RemoveLeftovers.
func WriteFile(path string, data []byte) error {
	if err := Write(path, data); err != nil {
		return err
	}
	return osfile.SyncDir(filepath.Dir(path))
}

// Write is WriteFile without the name: until osfile.SyncDir, that may be gone if the machine
// fails.
func Write(path string, data []byte) error {
	return osfile.WriteFile(path, data, 0o600)
}

// RemoveLeftovers removes what somebody left who was killed while the file at path was
// written. Nobody may be writing it.
func RemoveLeftovers(path string) {
	entries, err := os.ReadDir(filepath.Dir(path))
	if err != nil {
		return // there is nothing, or it is told by who reads
	}
	// See osfile.Create.
	left := regexp.MustCompile(`^\.` + regexp.QuoteMeta(filepath.Base(path)) + `[0-9]+$`)
	for _, e := range entries {
		if left.MatchString(e.Name()) {
			_ = osfile.Remove(filepath.Join(filepath.Dir(path), e.Name()))
		}
	}
}

// Try tells why no file can be made in a directory, nil if one can: it makes one, and
// removes it. The error does not name it.
func Try(dir string) error {
	f, err := os.CreateTemp(dir, ".ccsfs-try-")
	if err != nil {
		var p *fs.PathError
		if errors.As(err, &p) {
			return p.Err
		}
		return err
	}
	return errors.Join(f.Close(), os.Remove(f.Name()))
}
