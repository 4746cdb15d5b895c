package mirror

import (
	"errors"
	"fmt"
	"io/fs"
	"path"
	"slices"

	"ccsfs/internal/osfile"
)

// ErrSamePlace says that two documents have one place: the file system of the
// destination takes their names for the same, for it ignores case, or how accents
// are written.
var ErrSamePlace = errors.New("another document has its place")

func errSamePlace(other string) error {
	return fmt.Errorf("%w: the file system here takes its name for that of %s; use another directory, or --layout='{id}-{filename}'", ErrSamePlace, other)
}

// claim notes whose place a file is. Where two paths lead to one file that has one
// name, the second one fails: it would be written over the first.
func (d *Dest) claim(name string, info fs.FileInfo) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	if err := d.distinct(name); err != nil {
		return err
	}
	return d.claimed(name, info)
}

// claimed is claim; d.mu is held.
func (d *Dest) claimed(name string, info fs.FileInfo) error {
	at, names, ok := osfile.Identity(info)
	if !ok || names > 1 { // links that somebody made
		return nil
	}
	if other, ok := d.places[at]; ok && other != name && d.leadsTo(other, at) {
		return errSamePlace(other)
	}
	d.places[at] = name
	return nil
}

// leadsTo tells whether a path still leads there: the inode of a file that somebody
// removed may be that of the next one.
func (d *Dest) leadsTo(name string, at osfile.ID) bool {
	info, err := d.lstat(name)
	if err != nil {
		return false
	}
	is, _, ok := osfile.Identity(info)
	return ok && at == is
}

// compare finds the documents whose paths a file system that ignores case may take for
// one.
func (d *Dest) compare(items []Item) {
	paths := make(map[string]bool, len(items))
	for _, item := range items {
		paths[item.Path] = true
	}
	if d.listed != nil {
		for at := range d.listed.paths {
			paths[at] = true
		}
	}
	d.alike = make(map[string][]string, len(paths))
	for at := range paths {
		d.alike[fold(at)] = append(d.alike[fold(at)], at)
	}
}

// onePlace tells whether two paths lead to one file that has one name: the file system
// takes the one name for the other.
func (d *Dest) onePlace(a, b string) bool {
	info, err := d.lstat(b)
	if err != nil {
		return false
	}
	if at, names, ok := osfile.Identity(info); ok && names == 1 && d.leadsTo(a, at) {
		return true
	}
	if fold(a) != fold(b) {
		return false
	}
	if _, err := d.lstat(a); err != nil {
		return false
	}
	// Inodes do not tell it everywhere, see distinct.
	isA, err := d.isWritten(a)
	if err != nil {
		return false
	}
	isB, err := d.isWritten(b)
	return err == nil && isA != isB
}

// noted is what is noted of the file at a path, maybe under a path that the file system
// takes for the same.
func (d *Dest) noted(at string) (entry, bool) {
	if e, ok := d.journal.get(at); ok {
		return e, true
	}
	for _, e := range d.journal.alike(at) {
		if d.onePlace(e.Path, at) {
			return e, true
		}
	}
	return entry{}, false
}

// keep notes a file that is there. What was noted of it under a path that the file system
// takes for the same is over.
func (d *Dest) keep(e entry) error {
	if err := d.journal.put(e); err != nil {
		return err
	}
	for _, other := range d.journal.alike(e.Path) {
		if !d.onePlace(other.Path, e.Path) {
			continue
		}
		if err := d.journal.put(entry{Path: other.Path, Left: true}); err != nil {
			return err
		}
	}
	return nil
}

// isListed tells whether a document has a path, or one that the file system takes for the
// same.
func (d *Dest) isListed(at string) bool {
	return d.listed.paths[at] != nil || slices.ContainsFunc(d.alike[fold(at)], func(other string) bool {
		return d.listed.paths[other] != nil && d.onePlace(other, at)
	})
}

// distinct fails if the file system takes the name of a file that is there for that of
// another document, differing in case. Inodes do not tell that everywhere: those of FUSE
// and of some servers go by name. What the directory has says it.
func (d *Dest) distinct(name string) error {
	group := d.alike[fold(name)]
	if len(group) < 2 {
		return nil
	}
	if is, err := d.isWritten(name); is || err != nil {
		return err
	}
	for _, other := range group {
		is, err := d.isWritten(other)
		if err != nil {
			return err
		}
		if is {
			return errSamePlace(other)
		}
	}
	return nil // another run's, or it went
}

// isWritten tells whether a path leads to what is there by just the names that the
// directories have.
func (d *Dest) isWritten(name string) (bool, error) {
	for dir := name; dir != "."; {
		var base string
		dir, base = path.Dir(dir), path.Base(dir)
		if names, err := d.names(dir); err != nil || !slices.Contains(names, base) {
			return false, err
		}
	}
	return true, nil
}
