package mirror

import (
	"cmp"
	"context"
	"errors"
	"io/fs"
	"maps"
	"path"
	"slices"

	"ccsfs/internal/billing"
)

// Move is a file that got another name.
type Move struct {
	From, To string
	// Aside says that another document has its name, and its own is not copied by
	// this run; else To is what its document is called now.
	Aside bool
}

// following is a copy that is to get the name which its document has now.
type following struct {
	copy entry
	was  string // where it was before the run, maybe in another directory
	to   string
	doc  *billing.Document
}

// follow gives the copies of documents that are called otherwise now their new names,
// before anything is copied, those too that exchange their names, and those that the run
// does not copy. A copy that has the name of another document, and cannot get its own, is
// set aside.
func (d *Dest) follow(ctx context.Context, l *Listed) ([]Move, error) {
	var waiting []following
	paths := slices.Sorted(maps.Keys(l.paths))
	for _, at := range paths {
		if ctx.Err() != nil {
			return nil, nil // nothing is moved yet
		}
		if e, ok := d.before(at, l.paths[at], l); ok {
			waiting = append(waiting, following{e, e.Path, at, l.paths[at]})
		}
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	var moves []Move
	for len(waiting) > 0 {
		var stay []following
		for _, f := range waiting {
			at, err := d.followed(f, stay, waiting)
			switch {
			case fatal(err):
				return moves, err
			case err != nil: // one that cannot be renamed stays, and is copied anew
			case at == "":
				stay = append(stay, f)
			default:
				moves = append(moves, Move{From: f.was, To: at})
			}
		}
		if len(stay) < len(waiting) {
			waiting = stay
			continue
		}
		// They are in each other's way, or something else is.
		i := slices.IndexFunc(stay, func(f following) bool { return f.copy.Path == f.was && d.isListed(f.was) })
		if i < 0 {
			break
		}
		e := stay[i].copy
		e.Gone = false
		to, err := d.asideOf(e)
		if err == nil {
			err = d.moveLocked(e, to)
		}
		switch {
		case fatal(err):
			return moves, err
		case err != nil:
			stay = slices.Delete(stay, i, i+1)
		default:
			stay[i].copy.Path, stay[i].copy.Gone = to, false
		}
		waiting = stay
	}
	for _, f := range waiting {
		if f.copy.Path != f.was {
			moves = append(moves, Move{f.was, f.copy.Path, true})
		}
	}
	for _, at := range paths {
		if err := d.setAside(at, l.paths[at], false); fatal(err) {
			return moves, err
		}
	}
	return moves, nil
}

// followed gives one copy its new name, if that is free, and returns it. What is not
// listed any more makes room; what waits itself for its name is waited for.
func (d *Dest) followed(f following, waiting ...[]following) (string, error) {
	to := f.to
	for _, all := range waiting {
		if slices.ContainsFunc(all, func(o following) bool {
			return o.copy.Path != f.copy.Path && d.is(o.copy) && (o.copy.Path == to || fold(o.copy.Path) == fold(to) && d.onePlace(o.copy.Path, to))
		}) {
			return "", nil
		}
	}
	if err := d.setAside(to, f.doc, true); err != nil {
		return "", err
	}
	if _, err := d.lstat(to); err == nil && !d.onePlace(f.copy.Path, to) {
		return "", nil
	}
	e := f.copy
	e.Layout = d.listed.layout
	return to, d.moveLocked(e, to)
}

// is tells whether a copy is where it is noted to be.
func (d *Dest) is(e entry) bool {
	now, ok := d.journal.get(e.Path)
	return ok && now.ID == e.ID
}

// before finds the file that an earlier run left of a document which had another name
// in the same directory then, or was there by another layout, and which nobody has touched since. It is none if the
// document is there under the name it has now.
func (d *Dest) before(at string, doc *billing.Document, l *Listed) (entry, bool) {
	all := d.journal.of(doc.ID)
	if !slices.ContainsFunc(all, func(e entry) bool { return e.Path != at }) {
		return entry{}, false
	}
	if e, ok := d.journal.get(at); ok && e.sameAs(doc) {
		if _, err := d.lstat(at); err == nil {
			return entry{}, false
		}
	}
	slices.SortStableFunc(all, func(a, b entry) int { // that of this version first
		switch {
		case a.of(doc) == b.of(doc):
			return 0
		case a.of(doc):
			return -1
		}
		return 1
	})
	for _, e := range all {
		if !l.owns(e) || e.Scope != l.scope() || e.Path == at || path.Dir(e.Path) != path.Dir(at) && !l.elsewhere(e) || !e.sameAs(doc) {
			continue
		}
		if !d.intact(e) || e.SHA256 == "" {
			continue
		}
		if sum, err := d.hash(e.Path); err != nil || sum != e.SHA256 {
			continue
		}
		return e, true
	}
	return entry{}, false
}

// moveLocked gives a file another name, which must not be taken. d.mu is held.
func (d *Dest) moveLocked(e entry, to string) error {
	if _, err := d.lstat(to); !errors.Is(err, fs.ErrNotExist) && (err != nil || !d.onePlace(e.Path, to)) {
		return cmp.Or(err, fs.ErrExist)
	}
	was := e.Path
	e.Path, e.Apart = to, false
	if err := d.journal.put(e); err != nil { // first: a file without a line is somebody's
		return err
	}
	if err := d.shift(was, to); err != nil {
		return cmp.Or(d.journal.put(entry{Path: to, Left: true}), cause(err))
	}
	if err := d.journal.put(entry{Path: was, Left: true}); err != nil {
		return err
	}
	if path.Dir(was) != path.Dir(to) { // at once: who is killed cannot do it later
		d.removeEmpty(path.Dir(was))
	}
	return nil
}
