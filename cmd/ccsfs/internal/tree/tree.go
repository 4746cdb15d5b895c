// Package tree is the folder of an account without a mount: the same names, in
// the same order, from the same catalog.
package tree

import (
	"context"
	"errors"
	"fmt"
	"path"
	"slices"
	"strings"
	"time"

	"ccsfs/apiclient"
	"ccsfs/cmd/ccsfs/internal/settings"
	"ccsfs/internal/catalog"
	"ccsfs/internal/content"
)

// Catalog is what the tree asks; *catalog.Catalog is one.
type Catalog interface {
	Contracts(ctx context.Context) (*catalog.Contracts, error)
	Listing(ctx context.Context, contractID string) (*catalog.Listing, error)
	Detail(ctx context.Context, contractID string) (*catalog.Detail, error)
}

// Node is something in the tree: the root, a contract, a directory of its
// layout, a document, or one of the files that are made here.
type Node struct {
	Path     string                 // from the root, "" for the root itself
	Contract *catalog.ContractEntry // nil for the root
	Listing  *catalog.Listing       // nil for the root, and for contracts that Children returns
	Dir      *catalog.Dir           // of a directory below a contract, and of a contract that Find returns
	Doc      *catalog.Document      // of a document
	Made     string                 // catalog.ContractFile or catalog.DocumentsFile, of a file made here
}

// Name is the last element of the path.
func (n Node) Name() string { return path.Base(n.Path) }

// IsDir tells directories from files.
func (n Node) IsDir() bool { return n.Doc == nil && n.Made == "" }

// NotFoundError is a path that leads nowhere, by a listing that is fresh. It Is
// apiclient.ErrNotFound.
type NotFoundError struct {
	Path string // as far as it is wrong
	Near string // a path that was probably meant, "" if none comes near
	Gone string // that it was there before, "" if it was not
}

// Error implements error.
func (e *NotFoundError) Error() string {
	if e.Gone != "" {
		return e.Gone
	}
	if e.Near == "" {
		return fmt.Sprintf("%s does not exist", e.Path)
	}
	return fmt.Sprintf("%s does not exist; did you mean %s?", e.Path, e.Near)
}

// Is makes it apiclient.ErrNotFound.
func (e *NotFoundError) Is(target error) bool { return target == apiclient.ErrNotFound }

// HiddenError is a contract that the account has, but that a filter leaves out.
type HiddenError struct{ Name string }

// Error implements error.
func (e *HiddenError) Error() string { return e.Name + " is hidden by a filter" }

// Find returns the node at a path such as OCB0001234/2026/10/x.pdf. Slashes
// before, behind and doubled do no harm. What a listing does not have that is
// not fresh is no NotFoundError, but the reason why it is not fresh.
func Find(ctx context.Context, c Catalog, at string) (Node, error) {
	parts := strings.FieldsFunc(path.Clean("/"+at), func(r rune) bool { return r == '/' })
	if len(parts) == 0 {
		return Node{}, nil
	}
	contracts, err := c.Contracts(ctx)
	if err != nil {
		return Node{}, err
	}
	entry, ok := Contract(contracts, parts[0])
	if !ok {
		return Node{}, NoContract(contracts, parts[0])
	}
	n := Node{Path: entry.Name, Contract: &entry}
	if len(parts) == 2 && parts[1] == catalog.ContractFile {
		n.Path, n.Made = n.Path+"/"+parts[1], parts[1]
		return n, nil // needs no listing
	}
	if n.Listing, err = c.Listing(ctx, entry.ID); err != nil {
		return Node{}, err
	}
	n.Dir = n.Listing.Tree
	return n.find(parts[1:])
}

// find goes on below a contract.
func (n Node) find(parts []string) (Node, error) {
	for i, name := range parts {
		if n.IsDir() && i == 0 && name == catalog.DocumentsFile {
			n.Path, n.Made = n.Path+"/"+name, name
			continue
		}
		if !n.IsDir() {
			return Node{}, &NotFoundError{Path: n.Path + "/" + name, Near: n.Path}
		}
		e, ok := n.Dir.Lookup(name)
		if !ok {
			names := make([]string, len(n.Dir.Entries))
			for i, e := range n.Dir.Entries {
				names[i] = e.Name
			}
			return Node{}, absent(n.Path+"/", name, names, n.Listing.Stale)
		}
		n = n.child(e)
	}
	return n, nil
}

func (n Node) child(e catalog.Entry) Node {
	return Node{Path: n.Path + "/" + e.Name, Contract: n.Contract, Listing: n.Listing, Dir: e.Dir, Doc: e.Doc}
}

// Contract finds a contract by the name of its directory, or by its id, where
// directories are called otherwise.
func Contract(contracts *catalog.Contracts, name string) (catalog.ContractEntry, bool) {
	if e, ok := contracts.Lookup(name); ok {
		return e, true
	}
	i := slices.IndexFunc(contracts.Entries, func(e catalog.ContractEntry) bool { return e.ID == name })
	if i < 0 {
		return catalog.ContractEntry{}, false
	}
	return contracts.Entries[i], true
}

// NoContract is the error for a name that is none of contracts.
func NoContract(contracts *catalog.Contracts, name string) error {
	for _, e := range contracts.Hidden {
		if e.Name == name || e.ID == name {
			return &HiddenError{name}
		}
	}
	for _, g := range contracts.Gone {
		if contracts.Stale == nil && (g.Name == name || g.ID == name) {
			return &NotFoundError{Path: name, Gone: g.String()}
		}
	}
	names := make([]string, len(contracts.Entries))
	for i, e := range contracts.Entries {
		names[i] = e.Name
	}
	return absent("", name, names, contracts.Stale)
}

func absent(dir, name string, names []string, stale error) error {
	if stale != nil {
		return fmt.Errorf("%s%s is not in the last listing, which is old: %w", dir, name, stale)
	}
	e := &NotFoundError{Path: dir + name}
	if near := settings.Nearest(name, names); near != "" {
		e.Near = dir + near
	}
	return e
}

// Children returns what is in a directory, in order of names. The files that
// are made here are among it if made is set. Contracts come without their
// listings, so that the root costs one call.
func Children(ctx context.Context, c Catalog, n Node, made bool) ([]Node, error) {
	if n.Contract == nil {
		contracts, err := c.Contracts(ctx)
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
	var all []Node
	if made && n.Dir == n.Listing.Tree {
		for _, name := range []string{catalog.ContractFile, catalog.DocumentsFile} {
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

// Bytes returns the content of a file that is made here.
func (n Node) Bytes(ctx context.Context, c Catalog) ([]byte, error) {
	if n.Made == catalog.DocumentsFile {
		return n.Listing.JSON(), nil
	}
	d, err := c.Detail(ctx, n.Contract.ID)
	if err != nil {
		return nil, err
	}
	return d.JSON, nil
}

// Ref names the content of a document, as the node's listing has it.
func (n Node) Ref() content.Ref { return Ref(n.Listing, n.Doc) }

// Ref names the content of a document of a listing.
func Ref(l *catalog.Listing, d *catalog.Document) content.Ref {
	return content.Ref{
		ContractID: d.ContractID, DocumentID: d.ID, UpdatedAt: d.UpdatedAt, Print: d.Print(), Listed: l.FetchedAt,
		Volatile: d.Volatile(), Name: d.Filename,
	}
}

// ModTime is the modification time of a document with a content, as a mount
// shows it: the later of what the listing says and, for content that may change
// under the same listing or that the listing says nothing of, of its first sight.
func ModTime(d *catalog.Document, info content.Info) time.Time {
	listed := d.ModTime()
	if seen := info.Changed.Truncate(time.Second); (d.Volatile() || listed.IsZero()) && seen.After(listed) {
		return seen
	}
	return listed
}

// Settled is content.Store.Stat, and waits until a document whose body comes
// with its size is in the cache: a command that ends at once would else cut it
// off, and it would have to be asked for again.
func Settled(ctx context.Context, store *content.Store, r content.Ref, prefetch int64) (content.Info, error) {
	if info, ok := store.Peek(r); ok {
		return info, nil
	}
	info, err := store.Stat(ctx, r)
	if err != nil || info.SHA256 != "" || info.Size > prefetch {
		return info, err
	}
	f, err := store.Open(ctx, r)
	if err != nil {
		return info, nil // its size is known all the same
	}
	defer f.Close()
	if _, err := f.ReadAt(ctx, make([]byte, 1), info.Size-1); err != nil && errors.Is(err, context.Canceled) {
		return info, err
	}
	return f.Info(), nil
}
