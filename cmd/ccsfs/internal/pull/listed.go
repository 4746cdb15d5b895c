package pull

import (
	"cmp"
	"fmt"
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
