// Package folder is what a path of an account is, once, for every face: a mount, the
// commands, a web page. It joins the catalog (what exists) with the content store (what
// is inside), looks paths up, lists directories, stats and opens documents, reads ahead,
// and says why something is not there. It knows neither FUSE nor HTTP; a view of it is an
// io/fs.FS, see [Folder.FS].
//
// Not here: what a face makes of it (inodes, time-outs, status codes), how things are
// fetched, and how an account is opened.
package folder

import (
	"context"
	"math/rand/v2"
	"path"
	"slices"
	"strings"

	"ccsfs/internal/billing"
	"ccsfs/internal/catalog"
	"ccsfs/internal/catalog/layout"
	"ccsfs/internal/content"
)

// Catalog is what a folder asks about what exists; *catalog.Catalog is one.
type Catalog interface {
	Contracts(ctx context.Context) (*catalog.Contracts, error)
	Listing(ctx context.Context, contractID string) (*catalog.Listing, error)
	Detail(ctx context.Context, contractID string) (*catalog.Detail, error)
	// Denied returns why a contract is not to be shown any more, as far as that is known.
	Denied(contractID string) error
}

// Folder is the folder of an account. Its methods may be called concurrently.
type Folder struct {
	catalog Catalog
	content *content.Store
	whole   int64  // see Options.Prefetch
	loose   bool   // see Loose
	run     uint64 // tells this process from others, see Info.Content
}

// Options of a Folder.
type Options struct {
	// Prefetch is the size, in bytes, up to which a document is kept as a whole when only
	// its size was asked for, as in content.Config.PrefetchLimit: Settle waits for it.
	Prefetch int64
}

// New joins a catalog with the store of what its documents hold. The store may be nil
// where nothing but names is asked for.
func New(c Catalog, s *content.Store, o Options) *Folder {
	return &Folder{catalog: c, content: s, whole: o.Prefetch, run: rand.Uint64()}
}

// Loose is the folder for clients of Windows and macOS: what is not there under a name is
// found under the one that differs in case, or in how accents are encoded, alone, if there is
// one such. The paths of nodes are as ever.
func (f *Folder) Loose() *Folder {
	loose := *f
	loose.loose = true
	return &loose
}

// Node is something in the folder: the root, a contract, a directory of its
// layout, a document, or one of the files that are made here.
type Node struct {
	Path     string                 // from the root, "" for the root itself
	Contract *catalog.ContractEntry // nil for the root
	Listing  *catalog.Listing       // nil for the root, and for contracts that Children returns
	Dir      *layout.Dir            // of a directory below a contract, and of a contract that Find returns
	Doc      *billing.Document      // of a document
	Made     string                 // layout.ContractFile or layout.DocumentsFile, of a file made here; see Generated
}

// IsRoot tells the root from everything below it.
func (n Node) IsRoot() bool { return n.Contract == nil }

// IsContract tells the directory of a contract from those of its layout.
func (n Node) IsContract() bool { return n.Contract != nil && n.Path == n.Contract.Name }

// Name is the last element of the path.
func (n Node) Name() string { return path.Base(n.Path) }

// IsDir tells directories from files.
func (n Node) IsDir() bool { return n.Doc == nil && n.Made == "" }

// Find returns the node at a path such as OCB0001234/2026/10/x.pdf. Slashes
// before, behind and doubled do no harm. What a listing does not have that is
// not fresh is no NotFoundError but an OldError.
func (f *Folder) Find(ctx context.Context, at string) (Node, error) {
	parts := Split(at)
	if len(parts) == 0 {
		return Node{}, nil
	}
	contracts, err := f.catalog.Contracts(ctx)
	if err != nil {
		return Node{}, err
	}
	entry, err := f.contract(contracts, parts[0])
	if err != nil {
		return Node{}, err
	}
	if len(parts) == 2 && parts[1] == layout.ContractFile {
		return Node{Path: entry.Name + "/" + parts[1], Contract: &entry, Made: parts[1]}, nil // needs no listing
	}
	l, err := f.catalog.Listing(ctx, entry.ID)
	if err != nil {
		return Node{}, err
	}
	n, err := At(entry, l, parts[1:])
	if err != nil && f.loose {
		if like, ok := alike(l.Tree, parts[1:]); ok {
			return At(entry, l, like)
		}
	}
	return n, err
}

// contract is Contract, or, of a Loose folder, what it means by a name.
func (f *Folder) contract(contracts *catalog.Contracts, name string) (catalog.ContractEntry, error) {
	entry, err := Contract(contracts, name)
	if err != nil && f.loose {
		if i, ok := layout.Like(name, len(contracts.Entries), func(i int) string { return contracts.Entries[i].Name }); ok {
			return contracts.Entries[i], nil
		}
	}
	return entry, err
}

// alike are the names of what a path below a directory means, see Loose.
func alike(d *layout.Dir, below []string) (names []string, ok bool) {
	for _, name := range below {
		if d == nil {
			return nil, false
		}
		e, ok := d.Lookup(name)
		if !ok {
			if e, ok = d.Like(name); !ok {
				return nil, false
			}
		}
		names, d = append(names, e.Name), e.Dir
	}
	return names, true
}

// Look is Find, but that a contract comes without its listing, as from Children: what it is
// takes the list of contracts alone, unless it is known to be refused.
func (f *Folder) Look(ctx context.Context, at string) (Node, error) {
	parts := Split(at)
	if len(parts) != 1 {
		return f.Find(ctx, at)
	}
	contracts, err := f.catalog.Contracts(ctx)
	if err != nil {
		return Node{}, err
	}
	entry, err := f.contract(contracts, parts[0])
	if err != nil {
		return Node{}, err
	}
	if f.catalog.Denied(entry.ID) != nil {
		return f.Find(ctx, at) // as its listing says, which is asked for again when it is time
	}
	return Node{Path: entry.Name, Contract: &entry}, nil
}

// At is what a path below a contract leads to, by a listing of that contract. Its errors
// are those of Find.
func At(entry catalog.ContractEntry, l *catalog.Listing, below []string) (Node, error) {
	n := Node{Path: entry.Name, Contract: &entry, Listing: l, Dir: l.Tree}
	if len(below) == 1 && below[0] == layout.ContractFile {
		n.Path, n.Dir, n.Made = n.Path+"/"+below[0], nil, below[0]
		return n, nil
	}
	return n.find(below)
}

// Split cuts a path into its elements: the contract's directory or id, and what is below.
// Slashes before, behind and doubled do no harm, nor do "." and "..".
func Split(at string) []string {
	return strings.FieldsFunc(path.Clean("/"+at), func(r rune) bool { return r == '/' })
}

// find goes on below a contract.
func (n Node) find(parts []string) (Node, error) {
	for i, name := range parts {
		if n.IsDir() && i == 0 && name == layout.DocumentsFile {
			n.Path, n.Made = n.Path+"/"+name, name
			continue
		}
		if !n.IsDir() {
			return Node{}, &NotFoundError{Path: n.Path + "/" + name, near: func() string { return n.Path }}
		}
		e, ok := n.Dir.Lookup(name)
		if !ok {
			return Node{}, Absent(n.Path, name, n.Dir, n.Listing.Stale)
		}
		n = n.child(e)
	}
	return n, nil
}

func (n Node) child(e layout.Entry) Node {
	return Node{Path: n.Path + "/" + e.Name, Contract: n.Contract, Listing: n.Listing, Dir: e.Dir, Doc: e.Doc}
}

// Contract finds a contract by the name of its directory, or by its id, where
// directories are called otherwise. What is none of them is a HiddenError, a
// NotFoundError or an OldError.
func Contract(contracts *catalog.Contracts, name string) (catalog.ContractEntry, error) {
	if e, ok := contracts.Lookup(name); ok {
		return e, nil
	}
	i := slices.IndexFunc(contracts.Entries, func(e catalog.ContractEntry) bool { return e.ID == name })
	if i < 0 {
		return catalog.ContractEntry{}, AbsentContract(contracts, name)
	}
	return contracts.Entries[i], nil
}

// Children returns what is in a directory, in order of names. The files that
// are made here are among it if made is set. Contracts come without their
// listings, so that the root costs one call; a contract that comes so is listed here.
func (f *Folder) Children(ctx context.Context, n Node, made bool) ([]Node, error) {
	if n.IsRoot() {
		contracts, err := f.catalog.Contracts(ctx)
		if err != nil {
			return nil, err
		}
		var all []Node
		for i := range contracts.Entries {
			e := &contracts.Entries[i]
			all = append(all, Node{Path: e.Name, Contract: e})
		}
		return all, nil
	}
	if n.Listing == nil {
		l, err := f.catalog.Listing(ctx, n.Contract.ID)
		if err != nil {
			return nil, err
		}
		n.Listing, n.Dir = l, l.Tree
	}
	var all []Node
	if made && n.Dir == n.Listing.Tree {
		for _, name := range Generated() {
			all = append(all, Node{Path: n.Path + "/" + name, Contract: n.Contract, Listing: n.Listing, Made: name})
		}
	}
	for _, e := range n.Dir.Entries {
		all = append(all, n.child(e))
	}
	slices.SortFunc(all, func(a, b Node) int { return strings.Compare(a.Path, b.Path) })
	return all, nil
}

// Documents calls f for every document below n, in order.
func (n Node) Documents(f func(Node)) {
	switch {
	case n.Doc != nil:
		f(n)
	case n.Dir != nil:
		for _, e := range n.Dir.Entries {
			n.child(e).Documents(f)
		}
	}
}
