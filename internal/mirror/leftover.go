package mirror

import (
	"crypto/rand"
	"os"
	"path"
	"strings"
	"time"

	"ccsfs/internal/osfile"
)

// Files that are not whole yet, and what a killed run left of them.

const (
	// temporaryPrefix begins the names of files that are not whole yet.
	temporaryPrefix = ".ccsfs-pull-"
	// leftoverAge is how old a temporary file must be for nobody to be writing it
	// any more, where it cannot be known that nobody else writes there: a write is
	// never further from the next.
	leftoverAge = time.Hour
)

// directory makes a directory, once, and removes what a killed run left in it.
func (d *Dest) directory(dir string) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.swept[dir] {
		return nil
	}
	if err := d.root.MkdirAll(dir, 0o777); err != nil {
		return err
	}
	return d.sweep(dir)
}

// tidy removes what a killed run left in directories that this one has put nothing into.
// What it cannot see to, the next run does.
func (d *Dest) tidy() {
	dirs := map[string]bool{".": true}
	for _, e := range d.journal.all() {
		dirs[path.Dir(e.Path)] = true
	}
	if d.listed != nil { // who was killed at its first document has noted none
		for at := range d.listed.paths {
			dirs[path.Dir(at)] = true
		}
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	for dir := range dirs {
		if !d.swept[dir] {
			_ = d.sweep(dir)
		}
	}
}

// sweep removes what a killed run left in a directory. d.mu is held.
func (d *Dest) sweep(dir string) error {
	f, err := d.root.Open(dir)
	if err != nil {
		return err
	}
	defer f.Close()
	entries, err := f.ReadDir(-1)
	if err != nil {
		return err
	}
	for _, e := range entries {
		if at := path.Join(dir, e.Name()); !isTemporary(e.Name()) || !e.Type().IsRegular() || d.isCopy(at) {
			continue
		}
		if strings.HasPrefix(e.Name(), d.own) { // another name of this directory was seen to before
			continue
		}
		if info, err := e.Info(); err == nil && (d.turn.Alone() || time.Since(info.ModTime()) > leftoverAge) {
			_ = d.root.Remove(path.Join(dir, e.Name())) // else the next run does
		}
	}
	d.swept[dir] = true
	return nil
}

// temporary makes an empty file in dir that nobody can write but whoever has it open.
func (d *Dest) temporary(dir string) (*os.File, string, error) {
	name := path.Join(dir, d.own+rand.Text())
	f, err := d.root.OpenFile(name, os.O_WRONLY|os.O_CREATE|os.O_EXCL, osfile.Copied)
	return f, name, err
}

// isTemporary tells whether a name may be one that temporary has made.
func isTemporary(name string) bool {
	random, ok := strings.CutPrefix(name, temporaryPrefix)
	return ok && strings.Trim(random, "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567") == ""
}

// isCopy tells whether a document has a path, or its copy: the API may give it any name.
func (d *Dest) isCopy(at string) bool {
	_, noted := d.journal.get(at)
	return noted || d.listed != nil && d.listed.paths[at] != nil
}
