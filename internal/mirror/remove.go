package mirror

import (
	"cmp"
	"errors"
	"fmt"
	"io/fs"
	"path"
	"slices"
	"time"

	"ccsfs/internal/billing"
)

// Removal says which copies a run may remove. Of none it is sure that there is another
// copy anywhere.
type Removal struct {
	// Gone has those removed of documents that the account does not list any more, once
	// an earlier run has told of them. Without it only documents of the running month go,
	// once that is over and a later one is there.
	Gone  bool
	Force bool // however many they are
	Now   time.Time
}

// Removed is a copy that was removed.
type Removed struct {
	Path string
	Gone bool // its document was taken away; else its month is over
}

// TooManyError says that nothing was removed, for it would be most of what there is: the
// account may be another one.
type TooManyError struct{ Would, Of int }

// Error implements error.
func (e *TooManyError) Error() string {
	return fmt.Sprintf("nothing was deleted: %d of %d copies would be, more than half; is this the right account? --force deletes them", e.Would, e.Of)
}

// Remove removes, after a run that has copied all it was to copy, the files of documents
// that are over, see Removal. It removes what pull left, and holds what pull put there,
// by its hash; directories that are empty then go, too. What cannot be removed is in
// failed. A Dest of Look tells what would be removed.
func (d *Dest) Remove(l *Listed, r Removal) (removed []Removed, failed []Failure, err error) {
	var which []entry
	copies := d.untouchedOf(func(entry) bool { return true })
	for _, e := range copies {
		if e.SHA256 != "" && (l.over(e, r.Now) || r.Gone && e.Gone && l.gone(e)) {
			which = append(which, e)
		}
	}
	if 2*len(which) > len(copies) && !r.Force {
		return nil, nil, &TooManyError{len(which), len(copies)}
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	for _, e := range which {
		switch ok, err := d.removeLocked(e); {
		case fatal(err):
			return removed, failed, err
		case err != nil:
			var p *fs.PathError
			if errors.As(err, &p) {
				err = p.Err
			}
			failed = append(failed, Failure{e.Path, fmt.Errorf("cannot be deleted: %w", err)})
		case ok:
			removed = append(removed, Removed{e.Path, e.Gone})
		}
	}
	return removed, failed, nil
}

// removeLocked removes a copy, unless somebody has made something else of it. d.mu is held.
func (d *Dest) removeLocked(e entry) (bool, error) {
	before, err := d.local(e.Path)
	if err != nil || before == nil {
		return false, nil // it is somebody's now
	}
	if sum, err := d.hash(e.Path); err != nil || sum != e.SHA256 {
		return false, err
	}
	if now, err := d.lstat(e.Path); err != nil || !sameFile(before, now) {
		return false, err
	}
	if d.dry {
		d.moved[e.Path] = ""
	} else if err := d.root.Remove(e.Path); err != nil {
		return false, err
	}
	d.removeEmpty(path.Dir(e.Path))
	return true, d.journal.put(entry{Path: e.Path, Left: true})
}

// removeEmpty removes a directory in which something of ours was, if nothing is any more,
// and what it alone was in. d.mu is held.
func (d *Dest) removeEmpty(dir string) {
	for ; dir != "."; dir = path.Dir(dir) {
		if d.dry {
			if names, err := d.readNames(dir); err != nil || len(names) > 0 {
				return
			}
			d.moved[dir] = ""
			continue
		}
		if d.root.Remove(dir) != nil { // there is something in it
			return
		}
		delete(d.swept, dir)
	}
}

// Doubts tells, by contract, why copies of its documents are not removed that would be if
// its listing could be believed.
func (d *Dest) Doubts(l *Listed, r Removal) map[string]string {
	doubts := map[string]string{}
	for _, e := range d.journal.all() {
		if l.paths[e.Path] != nil || l.lists(e) || e.Account == "" || !l.judges(e) || !r.Gone && !billing.VolatileType(e.Type) {
			continue
		}
		if of, ok := e.month(); billing.VolatileType(e.Type) && (!ok || of >= monthOf(r.Now)) {
			continue
		}
		why := l.doubts[e.Contract]
		if of := l.whole[e.Contract]; of != nil && slices.Contains(of.Refused, e.Type) {
			why = "documents of type " + e.Type + " are refused"
		}
		if why != "" {
			doubts[e.Contract] = cmp.Or(doubts[e.Contract], why)
		}
	}
	return doubts
}

// Failed notes that a contract could not be listed.
func (l *Listed) Failed(contract string) { l.doubts[contract] = "it could not be listed" }

// doubt says why a listing is not to be believed as to what is not in it; "" if it is.
func (l *Listed) doubt(stale error, suspect string, incomplete bool) string {
	switch {
	case stale != nil:
		return "its listing is old"
	case incomplete:
		return "its listing is incomplete"
	case suspect != "":
		return "its listing may be incomplete"
	}
	return ""
}

// over says whether a file is of a document of a running month that is over: not listed
// any more, where a later one of the type is listed, or the final one of that month. A
// simulation that nothing has replaced yet is all that there is.
func (l *Listed) over(e entry, now time.Time) bool {
	of, ok := e.month()
	if !ok || of >= monthOf(now) || !billing.VolatileType(e.Type) || l.whole[e.Contract] == nil || !l.absent(e) {
		return false
	}
	return l.newest[section{contract: e.Contract, typ: e.Type}] > of || l.newest[section{contract: e.Contract, typ: final(e.Type)}] >= of
}

// final is the type of the documents that replace those of a running month.
func final(typ string) string {
	if typ == billing.TypePartialBills {
		return billing.TypeBills
	}
	return billing.TypeRated
}

// month is that of the document of a file, counted from the year 0: by its period, or, if
// that was not noted, by its time. A period that cannot be read is of no known month.
func (e entry) month() (int, bool) {
	if p, ok := billing.ParsePeriod(e.Period); ok {
		return p.Year*12 + p.Month, true
	}
	return monthOf(e.ModTime), e.Period == "" && !e.ModTime.IsZero()
}

func monthOf(t time.Time) int {
	t = t.UTC()
	return t.Year()*12 + int(t.Month())
}
