package pull

import (
	"cmp"
	"errors"
	"io/fs"
	"path"
	"slices"
	"strings"

	"ccsfs/internal/catalog"
)

// Listed is what the account has where a run looked: all documents there, those too
// that are not to be copied (--since). By it a run knows which of the files that an
// earlier one left are not what the account shows any more: a document got another
// name, as the two do that have one name all at once, or was taken away.
type Listed struct {
	types []string // only these were asked for; none: all
	paths map[string]bool
	ids   map[string]bool
	whole []*part
}

// part is a directory of which all documents are known, but for those of some types.
type part struct {
	dir     string // "": the destination itself
	refused []string
	except  map[string]bool // first elements of paths of which nothing is known
}

// NewListed is of a run that asks for documents of these types only, all if there are none.
func NewListed(types []string) *Listed {
	return &Listed{types: types, paths: map[string]bool{}, ids: map[string]bool{}}
}

// Document is at a path.
func (l *Listed) Document(at string, d *catalog.Document) { l.paths[at], l.ids[d.ID] = true, true }

// Whole says that all documents below dir are told with Document, if their listing is
// to be believed.
func (l *Listed) Whole(dir string, of *catalog.Listing) {
	if of.Stale == nil && of.Suspect == "" && !of.Incomplete {
		l.whole = append(l.whole, &part{dir: dir, refused: of.Refused})
	}
}

// Account says that there are no other contracts than these, if they are to be believed.
// What is in them is told with Whole.
func (l *Listed) Account(contracts *catalog.Contracts) {
	if contracts.Stale != nil || contracts.Suspect != "" || contracts.Incomplete {
		return
	}
	p := &part{except: map[string]bool{}}
	for _, c := range slices.Concat(contracts.Entries, contracts.Hidden) {
		p.except[c.Name], p.except[c.ID] = true, true
	}
	l.whole = append(l.whole, p)
}

// gone says whether a file that an earlier run left is of a document that would be
// listed if it were there.
func (l *Listed) gone(e entry) bool {
	if l.paths[e.Path] || l.ids[e.ID] || e.ID == "" || e.Type == "" || (&catalog.Document{Type: e.Type}).Volatile() {
		return false
	}
	if len(l.types) > 0 && !slices.Contains(l.types, e.Type) {
		return false
	}
	return slices.ContainsFunc(l.whole, func(p *part) bool { return p.holds(e) })
}

func (p *part) holds(e entry) bool {
	first, _, _ := strings.Cut(e.Path, "/")
	return !p.except[first] && !slices.Contains(p.refused, e.Type) && (p.dir == "" || strings.HasPrefix(e.Path, p.dir+"/"))
}

// Move is a file that got the name that its document has now.
type Move struct{ From, To string }

// before finds the file that an earlier run left of a document which had another name
// in the same directory then, and which nobody has touched since.
func (d *Dest) before(item Item, l *Listed) (string, error) {
	for _, e := range d.journal.of(item.Doc.ID) {
		if e.Path == item.Path || path.Dir(e.Path) != path.Dir(item.Path) || l.paths[e.Path] {
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

// move gives a file another name, which must not be taken.
func (d *Dest) move(e entry, to string) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	if _, err := d.root.Lstat(to); !errors.Is(err, fs.ErrNotExist) {
		return cmp.Or(err, fs.ErrExist)
	}
	if err := d.root.Rename(e.Path, to); err != nil {
		return cause(err)
	}
	was := e.Path
	e.Path = to
	return cmp.Or(d.journal.put(e), d.journal.put(entry{Path: was, Left: true}))
}

// Gone returns, sorted, the files that earlier runs left of documents that are not
// listed any more, and which of them no run has told of.
func (d *Dest) Gone(l *Listed) (all, news []string, err error) {
	for _, e := range d.journal.all() {
		if !l.gone(e) {
			continue
		}
		info, err := d.root.Lstat(e.Path)
		if err != nil || !info.Mode().IsRegular() || !d.untouched(e.Path, info) {
			continue // somebody has seen to it
		}
		all = append(all, e.Path)
		if e.Gone {
			continue
		}
		news = append(news, e.Path)
		e.Gone = true
		if err := d.journal.put(e); err != nil {
			return nil, nil, err
		}
	}
	slices.Sort(all)
	slices.Sort(news)
	return all, news, nil
}
