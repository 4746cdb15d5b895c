package mirror

import (
	"crypto/sha256"
	"fmt"
	"io/fs"
	"path"
	"strings"

	"ccsfs/internal/billing"
)

// setAside gives the copy of a document that is not listed any more, or not asked for
// this time, another name, for doc has the one it has: there may be no other copy
// anywhere. elsewhere says that doc has a copy already: then one that had its id, and
// is about something else, is no earlier version of it. d.mu is held.
func (d *Dest) setAside(at string, doc *billing.Document, elsewhere bool) error {
	e, ok := d.noted(at)
	if !ok || !d.outlives(e, doc, elsewhere) {
		return nil
	}
	if !d.intact(e) {
		return nil // gone, or somebody's
	}
	e.Gone = false // it is told of under its new name
	was := e.Path
	to, err := d.asideOf(e)
	if err != nil {
		return err
	}
	if err := d.moveLocked(e, to); err != nil {
		return err
	}
	d.aside = append(d.aside, Move{was, to, true})
	return nil
}

// asideOf is a free name beside a copy.
func (d *Dest) asideOf(e entry) (string, error) {
	for n := range maxAside {
		to := asideName(e, n)
		if _, err := d.lstat(to); err != nil && d.listed.paths[to] == nil {
			return to, nil
		}
	}
	return "", fmt.Errorf("the copy of another document is in its place, and no other name for it is free: %w", fs.ErrExist)
}

const (
	// maxAside is how many names are tried for what is set aside. They differ by
	// document, so that the first one is free but for what somebody put there.
	maxAside = 100
	// maxName bounds a name, in bytes, on all usual file systems.
	maxName = 255
	// maxExt bounds what is taken for an extension, in bytes.
	maxExt = 16
)

// asideName is the n-th name, from 0, for the copy of a document beside the one it had.
func asideName(e entry, n int) string {
	dir, base := path.Split(e.Path)
	ext := path.Ext(base)
	if len(ext) > maxExt {
		ext = ""
	}
	sum := sha256.Sum256([]byte(e.ID))
	tag := fmt.Sprintf("~earlier-%x", sum[:4])
	if n > 0 {
		tag += fmt.Sprintf("-%d", n)
	}
	base = strings.TrimSuffix(base, ext)
	base = strings.ToValidUTF8(base[:min(len(base), max(maxName-len(tag)-len(ext), 0))], "")
	return dir + base + tag + ext
}

// outlives tells whether the copy of a document is to be kept when doc takes its place:
// the run makes no other one.
func (d *Dest) outlives(e entry, doc *billing.Document, elsewhere bool) bool {
	switch l := d.listed; {
	case l == nil || e.ID == "" || d.coming[e.version()]:
		return false
	case e.ID == doc.ID && (!elsewhere || e.sameAs(doc)):
		return false
	case e.Account != "" && !l.judges(e) && !d.force: // it stays where it is
		return false
	}
	return !(&billing.Document{Type: e.Type}).Volatile()
}
