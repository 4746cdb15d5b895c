package mirror

import (
	"io"
	"io/fs"
	"path"
	"time"

	"ccsfs/internal/osfile"
)

// How a document gets its place: whole or not at all, and noted.

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
		if at, _, ok := osfile.Identity(old); ok {
			delete(d.places, at)
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
