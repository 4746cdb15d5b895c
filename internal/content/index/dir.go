// Package index remembers what is known of documents: versions, sizes, hashes, and why
// one could not be had. Blobs come and go (package blobstore); what is known of them
// stays.
//
// Each contract has an index of its own, a file of checksummed lines that all processes
// append to and read.
package index

import (
	"errors"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"time"

	"ccsfs/internal/content/blobstore"
	"ccsfs/internal/osfile"
)

// Dir is a directory of indexes, one for each contract.
type Dir struct {
	path string
	log  *slog.Logger
	now  func() time.Time

	mu   sync.Mutex
	open map[string]*Index
}

// NewDir gives the directory of a path, by a clock.
func NewDir(path string, log *slog.Logger, now func() time.Time) *Dir {
	return &Dir{path: path, log: log, now: now, open: make(map[string]*Index)}
}

// Make makes the directory. Where it cannot be made nothing is known, and it is tried
// again when there is something to remember.
func (d *Dir) Make() error { return os.MkdirAll(d.path, 0o700) }

// Path is where the index of a contract lies.
func (d *Dir) Path(contractID string) string {
	return filepath.Join(d.path, blobstore.Name(contractID))
}

// Of returns a contract's index, loading it at its first use.
func (d *Dir) Of(contractID string) *Index {
	d.mu.Lock()
	defer d.mu.Unlock()
	x := d.open[contractID]
	if x == nil {
		x = Open(d.Path(contractID), d.log, d.now)
		d.open[contractID] = x
	}
	return x
}

// Names are those of the indexes on disk: of each the [blobstore.Name] of its contract,
// or of what has sightings.
func (d *Dir) Names() ([]string, error) {
	entries, err := os.ReadDir(d.path)
	if err != nil {
		return nil, err
	}
	var names []string
	for _, e := range entries {
		if !e.Type().IsRegular() || strings.HasPrefix(e.Name(), ".") || len(e.Name()) != len(blobstore.Name("")) {
			continue // a file that is not in its place yet, or nothing of ours
		}
		names = append(names, e.Name())
	}
	return names, nil
}

// Load reads the index of a name from disk, beside the one that Of gives.
func (d *Dir) Load(name string) *Index {
	return Open(filepath.Join(d.path, name), d.log, d.now)
}

// Known is the number of documents that something is known of, of the contracts looked at.
func (d *Dir) Known() int {
	d.mu.Lock()
	indexes := make([]*Index, 0, len(d.open))
	for contract, x := range d.open {
		if !strings.HasPrefix(contract, sightings) {
			indexes = append(indexes, x)
		}
	}
	d.mu.Unlock()
	known := 0
	for _, x := range indexes {
		x.mu.RLock()
		known += x.shelf.known
		x.mu.RUnlock()
	}
	return known
}

// Remove removes the indexes on disk, and nothing else that lies there. It returns how
// many there were. Processes that have one open begin another.
func (d *Dir) Remove() (n int, err error) {
	names, err := d.Names()
	if errors.Is(err, fs.ErrNotExist) {
		return 0, nil
	}
	for _, name := range names {
		switch failed := osfile.Remove(filepath.Join(d.path, name)); {
		case failed == nil:
			n++
		case !errors.Is(failed, fs.ErrNotExist):
			err = errors.Join(err, failed)
		}
	}
	return n, err
}
