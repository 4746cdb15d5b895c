package pull

import (
	"cmp"
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"path"
	"slices"
	"strings"
	"syscall"

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
	paths     map[string]*catalog.Document
	documents map[version]bool
	whole     map[string]*catalog.Listing // by contract
	contracts map[string]bool             // all there are, by id; nil: not known
}

// NewListed is of a run for an account, of any name, that asks for documents of these
// types only, all if there are none.
func NewListed(account string, types []string) *Listed {
	return &Listed{account: account, types: types, paths: map[string]*catalog.Document{}, documents: map[version]bool{}, whole: map[string]*catalog.Listing{}}
}

// Document is at a path.
func (l *Listed) Document(at string, d *catalog.Document) { l.paths[at] = d }

// Listing takes in a listing; whole says that all of it is told with Document.
func (l *Listed) Listing(of *catalog.Listing, whole bool) {
	for i := range of.Documents {
		addVersions(l.documents, &of.Documents[i])
	}
	if whole && of.Stale == nil && of.Suspect == "" && !of.Incomplete {
		l.whole[of.ContractID] = of
	}
}

// lists tells whether the document of a file is listed, in whatever version.
func (l *Listed) lists(e entry) bool { return l.documents[e.version()] }

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
	if l.paths[e.Path] != nil || l.lists(e) || e.Account == "" || e.Type == "" || !l.judges(e) || (&catalog.Document{Type: e.Type}).Volatile() {
		return false
	}
	if of := l.whole[e.Contract]; of != nil {
		return !slices.Contains(of.Refused, e.Type)
	}
	return l.contracts != nil && !l.contracts[e.Contract]
}

// apart says whether a file that an earlier run left is of a document that is listed under
// another path now, to which it could not be moved: mostly since its contract, or whatever
// its directory is named for, is called otherwise.
func (l *Listed) apart(e entry) bool {
	if l.paths[e.Path] != nil || !l.lists(e) || e.Account != l.account || e.Scope != l.scope() || l.whole[e.Contract] == nil {
		return false
	}
	return !(&catalog.Document{Type: e.Type}).Volatile()
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

// following is a copy that is to get the name which its document has now.
type following struct {
	copy entry
	was  string // where it was before the run
	to   string
	doc  *catalog.Document
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
		i := slices.IndexFunc(stay, func(f following) bool { return f.copy.Path == f.was && l.paths[f.was] != nil })
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
		if slices.ContainsFunc(all, func(o following) bool { return o.copy.Path == to && o.copy.Path != f.copy.Path && d.is(o.copy) }) {
			return "", nil
		}
	}
	if err := d.setAside(to, f.doc, true); err != nil {
		return "", err
	}
	if info, err := d.root.Lstat(to); err == nil && !d.sameName(f.copy.Path, info) {
		return "", nil
	}
	return to, d.moveLocked(f.copy, to)
}

// is tells whether a copy is where it is noted to be.
func (d *Dest) is(e entry) bool {
	now, ok := d.journal.get(e.Path)
	return ok && now.ID == e.ID
}

// sameName tells whether a file is the one at a path, under a name that the file system
// takes for the same.
func (d *Dest) sameName(at string, info fs.FileInfo) bool {
	st, ok := info.Sys().(*syscall.Stat_t)
	return ok && st.Nlink == 1 && d.leadsTo(at, place{uint64(st.Dev), uint64(st.Ino)}) //nolint:unconvert // as in claimed
}

// before finds the file that an earlier run left of a document which had another name
// in the same directory then, and which nobody has touched since. It is none if the
// document is there under the name it has now.
func (d *Dest) before(at string, doc *catalog.Document, l *Listed) (entry, bool) {
	all := d.journal.of(doc.ID)
	if !slices.ContainsFunc(all, func(e entry) bool { return e.Path != at }) {
		return entry{}, false
	}
	if e, ok := d.journal.get(at); ok && e.sameAs(doc) {
		if _, err := d.root.Lstat(at); err == nil {
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
		if e.Account != l.account || e.Scope != l.scope() || e.Path == at || path.Dir(e.Path) != path.Dir(at) || !e.sameAs(doc) {
			continue
		}
		info, err := d.root.Lstat(e.Path)
		if err != nil || !info.Mode().IsRegular() || !d.untouched(e.Path, info) || e.SHA256 == "" {
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
	if info, err := d.root.Lstat(to); !errors.Is(err, fs.ErrNotExist) && (err != nil || !d.sameName(e.Path, info)) {
		return cmp.Or(err, fs.ErrExist)
	}
	was := e.Path
	e.Path, e.Apart = to, false
	if err := d.journal.put(e); err != nil { // first: a file without a line is somebody's
		return err
	}
	if err := d.root.Rename(was, to); err != nil {
		return cmp.Or(d.journal.put(entry{Path: to, Left: true}), cause(err))
	}
	return d.journal.put(entry{Path: was, Left: true})
}

// setAside gives the copy of a document that is not listed any more, or not asked for
// this time, another name, for doc has the one it has: there may be no other copy
// anywhere. elsewhere says that doc has a copy already: then one that had its id, and
// is about something else, is no earlier version of it. d.mu is held.
func (d *Dest) setAside(at string, doc *catalog.Document, elsewhere bool) error {
	e, ok := d.journal.get(at)
	if !ok || !d.outlives(e, doc, elsewhere) {
		return nil
	}
	info, err := d.root.Lstat(e.Path)
	if err != nil || !info.Mode().IsRegular() || !d.untouched(e.Path, info) {
		return nil // gone, or somebody's
	}
	e.Gone = false // it is told of under its new name
	to, err := d.asideOf(e)
	if err != nil {
		return err
	}
	if err := d.moveLocked(e, to); err != nil {
		return err
	}
	d.aside = append(d.aside, Move{at, to, true})
	return nil
}

// asideOf is a free name beside a copy.
func (d *Dest) asideOf(e entry) (string, error) {
	for n := range maxAside {
		to := asideName(e, n)
		if _, err := d.root.Lstat(to); err != nil && d.listed.paths[to] == nil {
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

// version is a document, and what it is about. Ids need not be unique beyond their
// contract. A contract that is "", or an about that is 0, stands for any.
type version struct {
	contract, id string
	about        uint64
}

// addVersions adds a document, in all ways in which a file of it may have been noted.
func addVersions(to map[version]bool, d *catalog.Document) {
	for _, contract := range [...]string{d.ContractID, ""} {
		to[version{contract, d.ID, about(d)}] = true
		to[version{contract, d.ID, 0}] = true
	}
}

// version is what a file was left for.
func (e entry) version() version { return version{e.Contract, e.ID, e.About} }

// outlives tells whether the copy of a document is to be kept when doc takes its place:
// the run makes no other one.
func (d *Dest) outlives(e entry, doc *catalog.Document, elsewhere bool) bool {
	switch l := d.listed; {
	case l == nil || e.ID == "" || d.coming[e.version()]:
		return false
	case e.ID == doc.ID && (!elsewhere || e.sameAs(doc)):
		return false
	case e.Account != "" && !l.judges(e): // replaced by --force alone
		return false
	}
	return !(&catalog.Document{Type: e.Type}).Volatile()
}

// Gone returns, sorted, the files that earlier runs left of documents that are not
// listed any more, and which of them no run has told of.
func (d *Dest) Gone(l *Listed) (all, news []string) {
	for _, e := range d.untouchedOf(l.gone) {
		if all = append(all, e.Path); !e.Gone {
			news = append(news, e.Path)
		}
	}
	return all, news
}

// Apart returns, sorted, the files that earlier runs left of documents that are listed
// under other paths now, and which no run has told of.
func (d *Dest) Apart(l *Listed) (news []string) {
	for _, e := range d.untouchedOf(l.apart) {
		if !e.Apart {
			news = append(news, e.Path)
		}
	}
	return news
}

// untouchedOf returns the entries, in the order of paths, of which something is true and
// whose files are as pull left them.
func (d *Dest) untouchedOf(is func(entry) bool) (of []entry) {
	for _, e := range d.journal.all() {
		if !is(e) {
			continue
		}
		info, err := d.root.Lstat(e.Path)
		if err != nil || !info.Mode().IsRegular() || !d.untouched(e.Path, info) {
			continue // somebody has seen to it
		}
		of = append(of, e)
	}
	slices.SortFunc(of, func(a, b entry) int { return cmp.Compare(a.Path, b.Path) })
	return of
}

// Told notes that it was told of files that are gone.
func (d *Dest) Told(news []string) error {
	return d.noted(news, func(e *entry) { e.Gone = true })
}

// ToldApart notes that it was told of files whose documents are elsewhere.
func (d *Dest) ToldApart(news []string) error {
	return d.noted(news, func(e *entry) { e.Apart = true })
}

func (d *Dest) noted(news []string, what func(*entry)) error {
	for _, at := range news {
		e, ok := d.journal.get(at)
		if what(&e); !ok {
			continue
		}
		if err := d.journal.put(e); err != nil {
			return err
		}
	}
	return nil
}
