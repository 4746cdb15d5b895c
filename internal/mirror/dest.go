package mirror

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"strings"
	"sync"

	"ccsfs/internal/osfile"
	"ccsfs/internal/turn"
)

// ErrDestination is why nothing more can be put into the destination.
var ErrDestination = errors.New("cannot write to the destination")

// Dest is the directory that documents are copied to. Nothing leaves it, symbolic
// links in it included.
type Dest struct {
	root    *os.Root
	turn    *turn.Turn
	journal *journal

	listed *Listed                            // of the run; nil: nothing is known
	coming map[version]bool                   // what the run copies
	force  bool                               // it replaces what others have left
	alike  map[string][]string                // paths of documents, by fold
	names  func(dir string) ([]string, error) // that are in a directory, as written there
	own    string                             // begins the names of this run's temporary files

	dry   bool              // nothing is written, see Look
	moved map[string]string // if dry: where the file lies that would be at a path; "": nowhere

	mu     sync.Mutex
	swept  map[string]bool      // directories made, and rid of leftovers
	places map[osfile.ID]string // whose each file is that this run left or found
	aside  []Move               // see setAside
}

// OpenDest makes dir, if it is not there, makes sure that it can be written to, and
// waits until no other run writes there; waiting hears who does. Its error is that
// of ctx, or Is ErrDestination.
func OpenDest(ctx context.Context, dir string, waiting func(who string)) (*Dest, error) {
	if err := os.MkdirAll(dir, 0o777); err != nil {
		return nil, fmt.Errorf("%w: %w", ErrDestination, err)
	}
	root, err := os.OpenRoot(dir)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrDestination, err)
	}
	d := &Dest{root: root, own: temporaryPrefix + rand.Text()[:8], swept: map[string]bool{}, places: map[osfile.ID]string{}}
	d.names = d.readNames
	f, name, err := d.temporary(".")
	if err == nil {
		f.Close()
		err = root.Remove(name)
	}
	if err != nil {
		root.Close()
		return nil, fmt.Errorf("%w: %s: %w", ErrDestination, dir, cause(err))
	}
	if d.turn, err = takeTurn(ctx, root, waiting); err != nil {
		root.Close()
		return nil, err
	}
	if d.journal, err = openJournal(root); err != nil {
		_ = d.turn.End()
		root.Close()
		if errors.Is(err, fs.ErrPermission) {
			err = fmt.Errorf("%w: a pull of another user has left it; run this one as that user, or let both write to %[2]s and %[2]s.lock", err, JournalName)
		}
		return nil, fmt.Errorf("%w: %s: %w", ErrDestination, dir, cause(err))
	}
	d.arrived()
	return d, nil
}

// arrived notes the files that a run has put in place which was killed before it noted
// them: they would count as somebody's.
func (d *Dest) arrived() {
	for name, e := range maps.Clone(d.journal.coming) {
		info, err := d.lstat(name)
		if err != nil || !info.Mode().IsRegular() || info.Size() != e.Size || !info.ModTime().Equal(e.ModTime) {
			continue
		}
		if sum, err := d.hash(name); err != nil || sum != e.SHA256 {
			continue
		}
		e.Coming = false
		_ = d.keep(e) // what cannot be noted will be compared
	}
}

// Close ends the use of the destination.
func (d *Dest) Close() error {
	if d.dry {
		return d.closeLook()
	}
	return errors.Join(d.journal.close(), d.turn.End(), d.root.Close())
}

// cause leaves the name of a temporary file out of an error.
func cause(err error) error {
	var p *fs.PathError
	if errors.As(err, &p) && strings.Contains(p.Path, temporaryPrefix) {
		return p.Err
	}
	var l *os.LinkError
	if errors.As(err, &l) {
		return l.Err
	}
	return err
}

// fatal tells failures that would meet every other document too.
func fatal(err error) bool {
	return osfile.IsFull(err) || osfile.IsReadOnly(err)
}
