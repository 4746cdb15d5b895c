package pull

import (
	"errors"
	"fmt"
	"io/fs"
	"path"
	"slices"
	"strings"
	"syscall"
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
	st, ok := info.Sys().(*syscall.Stat_t)
	if !ok || st.Nlink > 1 { // links that somebody made
		return nil
	}
	at := place{uint64(st.Dev), uint64(st.Ino)} //nolint:unconvert // other systems have other types
	if other, ok := d.places[at]; ok && other != name && d.leadsTo(other, at) {
		return errSamePlace(other)
	}
	d.places[at] = name
	return nil
}

// place is a file of this machine: device and inode.
type place struct{ dev, ino uint64 }

// leadsTo tells whether a path still leads there: the inode of a file that somebody
// removed may be that of the next one.
func (d *Dest) leadsTo(name string, at place) bool {
	info, err := d.root.Lstat(name)
	if err != nil {
		return false
	}
	st, ok := info.Sys().(*syscall.Stat_t)
	return ok && at == place{uint64(st.Dev), uint64(st.Ino)} //nolint:unconvert // as in claimed
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
	folded := make(map[string][]string, len(paths))
	for at := range paths {
		key := strings.ToLower(strings.ToUpper(at))
		folded[key] = append(folded[key], at)
	}
	d.alike = map[string][]string{}
	for _, group := range folded {
		for _, at := range group {
			if len(group) > 1 {
				d.alike[at] = group
			}
		}
	}
}

// distinct fails if the file system takes the name of a file that is there for that of
// another document, differing in case. Inodes do not tell that everywhere: those of FUSE
// and of some servers go by name. What the directory has says it.
func (d *Dest) distinct(name string) error {
	group := d.alike[name]
	if len(group) == 0 {
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

func (d *Dest) readNames(dir string) ([]string, error) {
	f, err := d.root.Open(dir)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	defer f.Close()
	return f.Readdirnames(-1)
}
