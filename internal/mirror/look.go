package mirror

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"slices"

	"ccsfs/internal/osfile"
)

// LayoutOf is the layout that a destination was given for itself, "" if it has none: what
// is not there, or cannot be read, has none.
func LayoutOf(dir string) string {
	root, err := os.OpenRoot(dir)
	if err != nil {
		return ""
	}
	defer root.Close()
	d := &Dest{root: root, dry: true, journal: newJournal()}
	if err := d.readJournal(); err != nil {
		return ""
	}
	return d.journal.layout
}

// KeepLayout gives a destination a layout for itself.
func (d *Dest) KeepLayout(layout string) error { return d.journal.keepLayout(layout) }

// Look opens a destination to find out what a run would do there. Nothing in it is
// written, made or locked, and what would be moved is moved in memory alone. A run that
// writes there meanwhile is not waited for. Its error Is ErrDestination: where a run
// could not write, as far as permissions tell.
func Look(dir string) (*Dest, error) {
	d := &Dest{dry: true, moved: map[string]string{}, journal: newJournal(), swept: map[string]bool{}, places: map[osfile.ID]string{}}
	d.names = d.readNames
	if err := writable(dir); err != nil {
		return nil, fmt.Errorf("%w: %s: %w", ErrDestination, dir, err)
	}
	root, err := os.OpenRoot(dir)
	if errors.Is(err, fs.ErrNotExist) {
		return d, nil
	}
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrDestination, err)
	}
	d.root = root
	if err := d.readJournal(); err != nil {
		root.Close()
		return nil, fmt.Errorf("%w: %s: %w", ErrDestination, dir, err)
	}
	d.arrived()
	return d, nil
}

// writable tells why nothing could be written into a directory, or it not be made.
func writable(dir string) error {
	for {
		err := osfile.Writable(dir)
		if !errors.Is(err, fs.ErrNotExist) || dir == filepath.Dir(dir) {
			return err
		}
		dir = filepath.Dir(dir)
	}
}

// readJournal takes in the journal without opening it to be written.
func (d *Dest) readJournal() error {
	info, err := d.root.Stat(JournalName)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err == nil && !info.Mode().IsRegular() { // opening a pipe would wait
		err = &fs.PathError{Op: "open", Path: JournalName, Err: errors.New("is not a file")}
	}
	if err != nil {
		return err
	}
	f, err := d.root.Open(JournalName)
	if err != nil {
		return err
	}
	defer f.Close()
	return d.journal.load(f)
}

func (d *Dest) closeLook() error {
	if d.root == nil {
		return nil
	}
	return d.root.Close()
}

// lies is where the file is that has a path, or would have.
func (d *Dest) lies(name string) (string, error) {
	if d.dry && d.root == nil {
		return "", &fs.PathError{Op: "lstat", Path: name, Err: fs.ErrNotExist}
	}
	at, ok := d.moved[name]
	switch {
	case !ok && d.vacated(name):
		return "", &fs.PathError{Op: "lstat", Path: name, Err: fs.ErrNotExist}
	case !ok:
		return name, nil
	case at == "":
		return "", &fs.PathError{Op: "lstat", Path: name, Err: fs.ErrNotExist}
	}
	return at, nil
}

// vacated tells whether something would be gone that a path leads through.
func (d *Dest) vacated(name string) bool {
	for name = path.Dir(name); name != "."; name = path.Dir(name) {
		if at, ok := d.moved[name]; ok && at == "" {
			return true
		}
	}
	return false
}

func (d *Dest) lstat(name string) (fs.FileInfo, error) {
	at, err := d.lies(name)
	if err != nil {
		return nil, err
	}
	info, err := d.root.Lstat(at)
	if errors.Is(err, fs.ErrNotExist) && d.belowFile(at) {
		err = &fs.PathError{Op: "lstat", Path: name, Err: errBelowFile}
	}
	return info, err
}

var errBelowFile = errors.New("not a directory")

// belowFile tells whether something on the way to a place is no directory. Unix says so of
// such a place itself (ENOTDIR), Windows that nothing is there.
func (d *Dest) belowFile(at string) bool {
	for dir := path.Dir(at); dir != "."; dir = path.Dir(dir) {
		if info, err := d.root.Stat(dir); !errors.Is(err, fs.ErrNotExist) {
			return err == nil && !info.IsDir()
		}
	}
	return false
}

func (d *Dest) open(name string) (*os.File, error) {
	at, err := d.lies(name)
	if err != nil {
		return nil, err
	}
	return d.root.Open(at)
}

// shift gives a file another name.
func (d *Dest) shift(from, to string) error {
	if !d.dry {
		if dir := path.Dir(to); dir != path.Dir(from) {
			if err := d.root.MkdirAll(dir, 0o777); err != nil {
				return err
			}
		}
		return d.root.Rename(from, to)
	}
	at, err := d.lies(from)
	if err != nil {
		return err
	}
	d.moved[from], d.moved[to] = "", at
	for dir := path.Dir(to); dir != "."; dir = path.Dir(dir) {
		if at, ok := d.moved[dir]; ok && at == "" { // it would be made again
			delete(d.moved, dir)
		}
	}
	return nil
}

// readNames is what a directory has, as written there.
func (d *Dest) readNames(dir string) ([]string, error) {
	var names []string
	f, err := d.open(dir)
	if err == nil {
		names, err = f.Readdirnames(-1)
		f.Close()
	}
	if errors.Is(err, fs.ErrNotExist) {
		err = nil
	}
	for to, at := range d.moved {
		if path.Dir(to) != dir {
			continue
		}
		names = slices.DeleteFunc(names, func(n string) bool { return n == path.Base(to) })
		if at != "" {
			names = append(names, path.Base(to))
		}
	}
	return names, err
}
