package layout

import (
	"slices"
	"strings"

	"ccsfs/internal/billing"
)

// Directories of documents, made by a layout.

// Names of the files that each contract directory has besides its documents.
const (
	ContractFile  = ".contract.json"
	DocumentsFile = ".documents.json"
)

// Dir is a directory of documents.
type Dir struct {
	Entries []Entry // sorted by Name, byte order
}

// Entry is a directory or a document: exactly one of Dir and Doc is set.
type Entry struct {
	Name string
	Dir  *Dir
	Doc  *billing.Document
}

// Lookup finds a name.
func (d *Dir) Lookup(name string) (Entry, bool) {
	i, ok := slices.BinarySearchFunc(d.Entries, name, func(e Entry, n string) int { return strings.Compare(e.Name, n) })
	if !ok {
		return Entry{}, false
	}
	return d.Entries[i], true
}

// Like finds the one entry whose name differs in case, or in how accents are encoded, from
// another: Windows and macOS mean that by it. False where none is like it, or several are.
func (d *Dir) Like(name string) (Entry, bool) {
	i, ok := Like(name, len(d.Entries), func(i int) string { return d.Entries[i].Name })
	if !ok {
		return Entry{}, false
	}
	return d.Entries[i], true
}

// Like is which of n names is the one like another, see Dir.Like.
func Like(name string, n int, of func(i int) string) (index int, ok bool) {
	key := Portable.key(name)
	for i := range n {
		switch {
		case Portable.key(of(i)) != key:
		case ok:
			return 0, false
		default:
			index, ok = i, true
		}
	}
	return index, ok
}

// Build lays documents out. The tree points into docs, which must have
// distinct ids; it is the same whatever their order.
func Build(l *Layout, docs []billing.Document) *Dir {
	all := make([]*billing.Document, len(docs))
	for i := range docs {
		all[i] = &docs[i]
	}
	return l.dir(0, all)
}

// dir builds the directory that holds docs at a depth of the layout. All of
// its entries are of one kind: the depth is the same for every document.
func (l *Layout) dir(depth int, docs []*billing.Document) *Dir {
	names := make([]string, len(docs))
	for i, d := range docs {
		names[i] = l.segment(depth, d)
	}
	var reserved []string
	if depth == 0 {
		reserved = []string{ContractFile, DocumentsFile}
	}
	if depth == len(l.segments)-1 {
		return l.leafDir(names, docs, reserved)
	}
	groups, called := make(map[string][]*billing.Document), make(map[string]string)
	for i, name := range names {
		if slices.ContainsFunc(reserved, func(r string) bool { return l.names.key(r) == l.names.key(name) }) {
			name = tagged(name, "~"+hashOf(name)[:8])
		}
		key := l.names.key(name)
		groups[key] = append(groups[key], docs[i])
		if other, ok := called[key]; !ok || name < other {
			called[key] = name
		}
	}
	d := &Dir{Entries: make([]Entry, 0, len(groups))}
	for key, members := range groups {
		d.Entries = append(d.Entries, Entry{Name: called[key], Dir: l.dir(depth+1, members)})
	}
	d.sort()
	return d
}

func (l *Layout) leafDir(names []string, docs []*billing.Document, reserved []string) *Dir {
	ids := make([]string, len(docs))
	for i, d := range docs {
		ids[i] = d.ID
	}
	d := &Dir{Entries: make([]Entry, len(docs))}
	for i, name := range l.names.Distinguish(names, ids, reserved...) {
		d.Entries[i] = Entry{Name: name, Doc: docs[i]}
	}
	d.sort()
	return d
}

func (d *Dir) sort() {
	slices.SortFunc(d.Entries, func(a, b Entry) int { return strings.Compare(a.Name, b.Name) })
}

// Walk calls f for each document below d, in order, with its path there.
func (d *Dir) Walk(prefix string, f func(path string, doc *billing.Document)) {
	for _, e := range d.Entries {
		if e.Dir != nil {
			e.Dir.Walk(prefix+e.Name+"/", f)
			continue
		}
		f(prefix+e.Name, e.Doc)
	}
}
