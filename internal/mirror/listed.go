package mirror

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"ccsfs/internal/billing"
	"ccsfs/internal/catalog"
)

// Listed is what the account has where a run looked: all documents there, those too
// that are not to be copied (--since). By it a run knows which of the files that an
// earlier one left are not what the account shows any more: a document got another
// name, as the two do that have one name all at once, or was taken away. Files of other
// accounts, see share, and of runs for other types, are not judged.
type Listed struct {
	account   string
	types     []string // only these were asked for; none: all
	paths     map[string]*billing.Document
	documents map[version]bool
	whole     map[string]*catalog.Listing // by contract
	contracts map[string]bool             // all there are, by id; nil: not known
	shared    map[section]bool            // what other accounts have copied, and this one lists, too
	doubts    map[string]string           // by contract: why its listing is not to be believed
	newest    map[section]int             // of no account: the last month of which something is listed
	layout    string                      // by which the paths are; "": not known
	relaid    bool                        // copies of which no layout is noted are of another one
}

// Layout says by which layout the paths are. Copies that were put there by another one are
// moved; with asked, which somebody has asked for it, also those of which that is not noted.
func (l *Listed) Layout(text string, asked bool) { l.layout, l.relaid = text, asked }

// elsewhere tells whether a copy may be in another directory since it was put there by
// another layout.
func (l *Listed) elsewhere(e entry) bool {
	return l.layout != "" && e.Layout != l.layout && (e.Layout != "" || l.relaid)
}

// section is the documents of a contract and type, as an account has copied them: what
// one may see, or not.
type section struct{ account, contract, typ string }

func (e entry) section() section { return section{e.Account, e.Contract, e.Type} }

// share finds the sections of which other accounts have left copies here, and this one
// lists some of the same documents: they are of one customer, whose client id has
// changed, say. Whoever sees one document of a section sees all.
func (l *Listed) share(copies []entry) {
	l.shared = map[section]bool{}
	for _, e := range copies {
		if e.Contract != "" && e.Type != "" && l.lists(e) {
			l.shared[e.section()] = true
		}
	}
}

// owns says whether a file is of this account.
func (l *Listed) owns(e entry) bool { return e.Account == l.account || l.shared[e.section()] }

// NewListed is of a run for an account, of any name, that asks for documents of these
// types only, all if there are none.
func NewListed(account string, types []string) *Listed {
	return &Listed{account: account, types: types, paths: map[string]*billing.Document{}, documents: map[version]bool{}, whole: map[string]*catalog.Listing{},
		doubts: map[string]string{}, newest: map[section]int{}}
}

// Document is at a path.
func (l *Listed) Document(at string, d *billing.Document) { l.paths[at] = d }

// Listing takes in a listing; whole says that all of it is told with Document.
func (l *Listed) Listing(of *catalog.Listing, whole bool) {
	for i := range of.Documents {
		doc := &of.Documents[i]
		addVersions(l.documents, doc)
		if p, ok := billing.ParsePeriod(doc.Period); ok {
			s := section{contract: of.ContractID, typ: doc.Type}
			l.newest[s] = max(l.newest[s], p.Year*12+p.Month)
		}
	}
	switch why := l.doubt(of.Stale, of.Suspect, of.Incomplete); {
	case why != "":
		l.doubts[of.ContractID] = why
	case whole:
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
	return l.owns(e) && (len(l.types) == 0 || slices.Contains(l.types, e.Type))
}

// gone says whether a file that an earlier run left is of a document that would be
// listed if it were there.
func (l *Listed) gone(e entry) bool {
	return !billing.VolatileType(e.Type) && l.absent(e)
}

// absent is gone, of any type.
func (l *Listed) absent(e entry) bool {
	if l.paths[e.Path] != nil || l.lists(e) || e.Account == "" || e.Type == "" || !l.judges(e) {
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
	if l.paths[e.Path] != nil || !l.lists(e) || !l.owns(e) || e.Scope != l.scope() || l.whole[e.Contract] == nil {
		return false
	}
	return !(&billing.Document{Type: e.Type}).Volatile()
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
func addVersions(to map[version]bool, d *billing.Document) {
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
		if d.intact(e) { // else somebody has seen to it
			of = append(of, e)
		}
	}
	slices.SortFunc(of, func(a, b entry) int { return cmp.Compare(a.Path, b.Path) })
	return of
}

// Told notes that it was told of files that are gone.
func (d *Dest) Told(news []string) error {
	return d.mark(news, func(e *entry) { e.Gone = true })
}

// ToldApart notes that it was told of files whose documents are elsewhere.
func (d *Dest) ToldApart(news []string) error {
	return d.mark(news, func(e *entry) { e.Apart = true })
}

func (d *Dest) mark(news []string, what func(*entry)) error {
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
