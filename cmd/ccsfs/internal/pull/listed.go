package pull

import (
	"cmp"
	"crypto/sha256"
	"errors"
	"fmt"
	"io/fs"
	"path"
	"slices"
	"strings"

	"ccsfs/internal/catalog"
)

// Listed is what the account has where a run looked: all documents there, those too
// that are not to be copied (--since). By it a run knows which of the files that an
// earlier one left are not what the account shows any more: a document got another
// name, as the two do that have one name all at once, or was taken away. Files of other
// accounts, and of runs for other types, are not judged.
type Listed struct {
	account   string
	types     []string // only these were asked for; none: all
	paths     map[string]bool
	documents map[string]map[uint64]bool  // by id: what they are about, see about
	whole     map[string]*catalog.Listing // by contract
	contracts map[string]bool             // all there are, by id; nil: not known
}

// NewListed is of a run for an account, of any name, that asks for documents of these
// types only, all if there are none.
func NewListed(account string, types []string) *Listed {
	return &Listed{account: account, types: types, paths: map[string]bool{}, documents: map[string]map[uint64]bool{}, whole: map[string]*catalog.Listing{}}
}

// Document is at a path.
func (l *Listed) Document(at string) { l.paths[at] = true }

// Listing takes in a listing; whole says that all of it is told with Document.
func (l *Listed) Listing(of *catalog.Listing, whole bool) {
	for i := range of.Documents {
		d := &of.Documents[i]
		if l.documents[d.ID] == nil {
			l.documents[d.ID] = map[uint64]bool{}
		}
		l.documents[d.ID][about(d)] = true
	}
	if whole && of.Stale == nil && of.Suspect == "" && !of.Incomplete {
		l.whole[of.ContractID] = of
	}
}

// lists tells whether the document of a file is listed, in whatever version.
func (l *Listed) lists(e entry) bool {
	of, ok := l.documents[e.ID]
	return ok && (e.About == 0 || of[e.About])
}

// Account says that there are no other contracts than these, if they are to be believed.
func (l *Listed) Account(contracts *catalog.Contracts) {
	if contracts.Stale != nil || contracts.Suspect != "" || contracts.Incomplete {
		return
	}
	l.contracts = map[string]bool{}
	for _, c := range slices.Concat(contracts.Entries, contracts.Hidden) {
		l.contracts[c.ID] = true
	}
}

// scope names what a run asks for: moves of runs that see different documents of one
// name would undo each other.
func (l *Listed) scope() string { return strings.Join(l.types, ",") }

// judges says whether a file that an earlier run left is of what this one asks for.
func (l *Listed) judges(e entry) bool {
	return e.Account == l.account && (len(l.types) == 0 || slices.Contains(l.types, e.Type))
}

// gone says whether a file that an earlier run left is of a document that would be
// listed if it were there.
func (l *Listed) gone(e entry) bool {
	if l.paths[e.Path] || l.lists(e) || e.Account == "" || e.Type == "" || !l.judges(e) || (&catalog.Document{Type: e.Type}).Volatile() {
		return false
	}
	if of := l.whole[e.Contract]; of != nil {
		return !slices.Contains(of.Refused, e.Type)
	}
	return l.contracts != nil && !l.contracts[e.Contract]
}

// ErrOthersPlace says that another document has the place of one, which a run for
// another account or other types has copied there. Each would replace the other's.
var ErrOthersPlace = fmt.Errorf("%w: a run for another account or other types has copied it there; use a directory for each, or --force", ErrSamePlace)

// Move is a file that got another name.
type Move struct {
	From, To string
	// Aside says that another document has its name, and its own is not copied by
	// this run; else To is what its document is called now.
	Aside bool
}

// before finds the file that an earlier run left of a document which had another name
// in the same directory then, and which nobody has touched since.
func (d *Dest) before(item Item, l *Listed) (string, error) {
	for _, e := range d.journal.of(item.Doc.ID) {
		if d.isParked(e.Path) || e.Account != l.account || e.Scope != l.scope() || e.Path == item.Path || path.Dir(e.Path) != path.Dir(item.Path) || l.paths[e.Path] || !e.sameAs(item.Doc) {
			continue
		}
		info, err := d.root.Lstat(e.Path)
		if err != nil || !info.Mode().IsRegular() || !d.untouched(e.Path, info) || e.SHA256 == "" {
			continue
		}
		if sum, err := d.hash(e.Path); err != nil || sum != e.SHA256 {
			continue
		}
		return e.Path, d.move(e, item.Path)
	}
	return "", nil
}

func (d *Dest) isParked(at string) bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.parked[at] != ""
}

// move gives a file another name, which must not be taken.
func (d *Dest) move(e entry, to string) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.moveLocked(e, to)
}

// moveLocked is move; d.mu is held.
func (d *Dest) moveLocked(e entry, to string) error {
	if _, err := d.root.Lstat(to); !errors.Is(err, fs.ErrNotExist) {
		return cmp.Or(err, fs.ErrExist)
	}
	was := e.Path
	e.Path = to
	if err := d.journal.put(e); err != nil { // first: a file without a line is somebody's
		return err
	}
	if err := d.root.Rename(was, to); err != nil {
		return cmp.Or(d.journal.put(entry{Path: to, Left: true}), cause(err))
	}
	return d.journal.put(entry{Path: was, Left: true})
}

// setAside gives the copy of a document that is not listed any more, or not asked for
// this time, another name, for item takes the one it has: there may be no other copy
// anywhere. d.mu is held.
func (d *Dest) setAside(item Item) error {
	e, ok := d.journal.get(item.Path)
	if !ok || !d.outlives(e, item.Doc) {
		return nil
	}
	info, err := d.root.Lstat(e.Path)
	if err != nil || !info.Mode().IsRegular() || !d.untouched(e.Path, info) {
		return nil // gone, or somebody's
	}
	e.Gone = false // it is told of under its new name
	for n := range maxAside {
		to := asideName(e, n)
		if _, err := d.root.Lstat(to); err == nil || d.listed.paths[to] {
			continue
		}
		if err := d.moveLocked(e, to); err != nil {
			return err
		}
		if d.coming[version{e.ID, e.About}] {
			d.parked[to] = item.Path
		} else {
			d.aside = append(d.aside, Move{item.Path, to, true})
		}
		return nil
	}
	return fmt.Errorf("the copy of another document is in its place, and no other name for it is free: %w", fs.ErrExist)
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

// version is a document, and what it is about; 0: whatever.
type version struct {
	id    string
	about uint64
}

// placed notes that a document has its copy.
func (d *Dest) placed(doc *catalog.Document) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.done[version{doc.ID, about(doc)}] = true
	d.done[version{id: doc.ID}] = true
}

// settleAside removes what was set aside until its document had a copy of its own, and
// returns what stays.
func (d *Dest) settleAside() []Move {
	d.mu.Lock()
	defer d.mu.Unlock()
	for at, from := range d.parked {
		e, ok := d.journal.get(at)
		info, err := d.root.Lstat(at)
		if !ok || err != nil || !d.done[version{e.ID, e.About}] || !d.untouched(at, info) || d.root.Remove(at) != nil {
			d.aside = append(d.aside, Move{from, at, true})
			continue
		}
		_ = d.journal.put(entry{Path: at, Left: true}) // a line of what is not there says nothing
	}
	stays := d.aside
	d.aside, d.parked = nil, map[string]string{}
	return stays
}

// outlives tells whether the copy of a document is to be kept when doc takes its place:
// the run has made no other one.
func (d *Dest) outlives(e entry, doc *catalog.Document) bool {
	switch l := d.listed; {
	case l == nil || e.ID == "" || e.ID == doc.ID || d.done[version{e.ID, e.About}]:
		return false
	case e.Account != "" && !l.judges(e): // replaced by --force alone
		return false
	}
	return !(&catalog.Document{Type: e.Type}).Volatile()
}

// Gone returns, sorted, the files that earlier runs left of documents that are not
// listed any more, and which of them no run has told of.
func (d *Dest) Gone(l *Listed) (all, news []string) {
	for _, e := range d.journal.all() {
		if !l.gone(e) {
			continue
		}
		info, err := d.root.Lstat(e.Path)
		if err != nil || !info.Mode().IsRegular() || !d.untouched(e.Path, info) {
			continue // somebody has seen to it
		}
		all = append(all, e.Path)
		if !e.Gone {
			news = append(news, e.Path)
		}
	}
	slices.Sort(all)
	slices.Sort(news)
	return all, news
}

// Told notes that it was told of files that are gone.
func (d *Dest) Told(news []string) error {
	for _, at := range news {
		e, ok := d.journal.get(at)
		if e.Gone = true; !ok {
			continue
		}
		if err := d.journal.put(e); err != nil {
			return err
		}
	}
	return nil
}
