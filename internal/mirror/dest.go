package mirror

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"os"
	"path"
	"strings"
	"sync"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

const (
	// temporaryPrefix begins the names of files that are not whole yet.
	temporaryPrefix = ".ccsfs-pull-"
	// leftoverAge is how old a temporary file must be for nobody to be writing it
	// any more, where it cannot be known that nobody else writes there: a write is
	// never further from the next.
	leftoverAge = time.Hour
	// mtimeGrain is the coarsest time of a file that is still taken for the same:
	// FAT counts in two seconds.
	mtimeGrain = 2 * time.Second
)

// ErrDestination is why nothing more can be put into the destination.
var ErrDestination = errors.New("cannot write to the destination")

// Dest is the directory that documents are copied to. Nothing leaves it, symbolic
// links in it included.
type Dest struct {
	root    *os.Root
	turn    *turn
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
	swept  map[string]bool  // directories made, and rid of leftovers
	places map[place]string // whose each file is that this run left or found
	aside  []Move           // see setAside
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
	d := &Dest{root: root, own: temporaryPrefix + rand.Text()[:8], swept: map[string]bool{}, places: map[place]string{}}
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
		_ = d.turn.end()
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
	return errors.Join(d.journal.close(), d.turn.end(), d.root.Close())
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
	return errors.Is(err, unix.ENOSPC) || errors.Is(err, unix.EDQUOT) || errors.Is(err, unix.EROFS)
}

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
		if info, err := e.Info(); err == nil && (d.turn.alone() || time.Since(info.ModTime()) > leftoverAge) {
			_ = d.root.Remove(path.Join(dir, e.Name())) // else the next run does
		}
	}
	d.swept[dir] = true
	return nil
}

// temporary makes an empty file in dir that nobody can write but whoever has it open.
func (d *Dest) temporary(dir string) (*os.File, string, error) {
	name := path.Join(dir, d.own+rand.Text())
	f, err := d.root.OpenFile(name, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o444)
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

// local looks at a file of the destination; nil if there is none.
func (d *Dest) local(name string) (fs.FileInfo, error) {
	info, err := d.lstat(name)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return nil, nil
	case err != nil:
		return nil, err
	case info.Mode()&fs.ModeSymlink != 0:
		return nil, errors.New("a symbolic link is in its place; it is left alone")
	case !info.Mode().IsRegular():
		return nil, errors.New("something that is no file is in its place; it is left alone")
	}
	return info, nil
}

// untouched tells whether a file is as an earlier pull left it.
func (d *Dest) untouched(name string, info fs.FileInfo) bool {
	e, ok := d.noted(name)
	return ok && e.Size == info.Size() && e.ModTime.Equal(info.ModTime())
}

// intact tells whether a file holds what an earlier pull left there, whatever its time: a
// folder that is copied to another disk, or comes back from a backup, may have others.
func (d *Dest) intact(e entry) bool {
	info, err := d.lstat(e.Path)
	if err != nil || !info.Mode().IsRegular() || info.Size() != e.Size {
		return false
	}
	if e.ModTime.Equal(info.ModTime()) {
		return true
	}
	sum, err := d.hash(e.Path)
	return err == nil && sum == e.SHA256
}

// hash returns the SHA-256 of a file, in hex.
func (d *Dest) hash(name string) (string, error) {
	f, err := d.open(name)
	if err != nil {
		return "", err
	}
	defer f.Close()
	return hashOf(f)
}

// hashOf returns the SHA-256 of what r has, in hex.
func hashOf(r io.Reader) (string, error) {
	h := sha256.New()
	if _, err := io.Copy(h, r); err != nil {
		return "", err
	}
	return hex.EncodeToString(h.Sum(nil)), nil
}

// date gives a file a time, and notes it as what pull left.
func (d *Dest) date(item Item, at time.Time, sum string) error {
	if d.dry {
		return nil
	}
	if err := d.root.Chtimes(item.Path, at, at); err != nil {
		return err
	}
	info, err := d.lstat(item.Path)
	if err != nil {
		return err
	}
	return d.note(item, info, sum)
}

// note keeps in the journal that a file is the document.
func (d *Dest) note(item Item, info fs.FileInfo, sum string) error {
	return d.keep(d.entry(item, info, sum))
}

// entry is what is noted of a file that is a document. Who copied it first stays.
func (d *Dest) entry(item Item, info fs.FileInfo, sum string) entry {
	e := entry{
		Path: item.Path, Size: info.Size(), ModTime: info.ModTime(), SHA256: sum,
		ID: item.Doc.ID, Updated: item.Doc.UpdatedAt, Fingerprint: item.Doc.Fingerprint(), About: about(item.Doc), Type: item.Doc.Type, Period: item.Doc.Period, Contract: item.Doc.ContractID,
	}
	if l := d.listed; l != nil {
		e.Account, e.Scope, e.Layout = l.account, l.scope(), l.layout
	}
	if old, ok := d.noted(item.Path); ok && old.ID == e.ID && old.Account != "" {
		e.Account, e.Scope, e.Apart = old.Account, old.Scope, old.Apart // of two layouts each would tell of the other
	}
	return e
}

// rename puts a finished file into its place, unless another document has it, or
// somebody has put something there meanwhile: a document may have been on its way for
// minutes. may is asked whether the file that is there, nil if there is none, is the one
// to be replaced. A line tells of the file before it is there.
func (d *Dest) rename(temp string, item Item, sum string, may func(fs.FileInfo) bool) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	name := item.Path
	old, err := d.local(name)
	if err != nil {
		return err
	}
	if old != nil {
		if err := d.distinct(name); err != nil {
			return err
		}
		if err := d.claimed(name, old); err != nil {
			return err
		}
	}
	if !may(old) {
		return ErrDiffers
	}
	if err := d.setAside(name, item.Doc, false); err != nil {
		return err
	}
	if old != nil {
		if st, ok := old.Sys().(*syscall.Stat_t); ok {
			delete(d.places, place{uint64(st.Dev), uint64(st.Ino)}) //nolint:unconvert // as above
		}
	}
	is, err := d.root.Lstat(temp)
	if err != nil {
		return err
	}
	coming := d.entry(item, is, sum)
	coming.Coming = true
	if err := d.journal.put(coming); err != nil {
		return err
	}
	if err := d.root.Rename(temp, name); err != nil {
		return err
	}
	is, err = d.root.Lstat(name)
	if err != nil {
		return err
	}
	return d.claimed(name, is)
}

// put makes a file of what fill writes, whole or not at all. fill returns the
// time of the file, and its hash; may is that of rename.
func (d *Dest) put(item Item, may func(fs.FileInfo) bool, fill func(io.Writer) (at time.Time, sum string, err error)) (placed bool, err error) {
	dir := path.Dir(item.Path)
	if err := d.directory(dir); err != nil {
		return false, err
	}
	f, temp, err := d.temporary(dir)
	if err != nil {
		return false, cause(err)
	}
	defer func() {
		if err != nil {
			f.Close()
			_ = d.root.Remove(temp) // fails only if it is gone
		}
	}()
	at, sum, err := fill(f)
	if err != nil {
		return false, cause(err)
	}
	// Without a sync, a power cut could leave the name with nothing behind it.
	if err := f.Sync(); err != nil {
		return false, cause(err)
	}
	if err := f.Close(); err != nil {
		return false, cause(err)
	}
	if err := d.root.Chtimes(temp, at, at); err != nil {
		return false, cause(err)
	}
	if err := d.rename(temp, item, sum, may); err != nil {
		return false, cause(err)
	}
	return true, d.date(item, at, sum)
}

// sameFile tells whether two looks at a place saw the same file, or no file, and nobody
// wrote to it in between.
func sameFile(a, b fs.FileInfo) bool {
	if a == nil || b == nil {
		return a == nil && b == nil
	}
	return os.SameFile(a, b) && a.Size() == b.Size() && a.ModTime().Equal(b.ModTime())
}

// sameTime compares the times of files, as coarsely as file systems keep them.
func sameTime(a, b time.Time) bool { return a.Sub(b).Abs() <= mtimeGrain }
