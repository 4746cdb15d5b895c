//go:build !windows

package fs

import (
	"context"
	"sort"
	"strings"
	"time"

	gofs "github.com/hanwen/go-fuse/v2/fs"
	"github.com/hanwen/go-fuse/v2/fuse"

	"ccsfs/internal/catalog/layout"
	"ccsfs/internal/folder"
)

// treeEntries is a part of a contract's tree; at its top, the generated files
// are among the rest.
type treeEntries struct {
	contract  *contract
	self      *gofs.Inode
	part      documentDir
	path      []string
	dir       *layout.Dir
	listed    time.Time
	generated []int // positions of the generated files, in order
}

func newTreeEntries(c *contract, self *gofs.Inode, part documentDir, path []string, dir *layout.Dir, listed time.Time) *treeEntries {
	t := &treeEntries{contract: c, self: self, part: part, path: path, dir: dir, listed: listed}
	if len(path) > 0 {
		return t
	}
	for i, name := range folder.Generated() {
		before := sort.Search(len(dir.Entries), func(j int) bool { return dir.Entries[j].Name >= name })
		t.generated = append(t.generated, before+i)
	}
	return t
}

func (t *treeEntries) len() int { return len(t.dir.Entries) + len(t.generated) }

// at returns the entry at a position, or the name of a generated file.
func (t *treeEntries) at(i int) (e layout.Entry, generated string) {
	before := 0
	for j, g := range t.generated {
		switch {
		case g == i:
			return layout.Entry{}, folder.Generated()[j]
		case g < i:
			before++
		}
	}
	return t.dir.Entries[i-before], ""
}

func (t *treeEntries) name(i int) string {
	e, generated := t.at(i)
	return e.Name + generated // one of them is empty
}

// dirent copies the name: go-fuse keeps it for as long as the node, and the
// listing that it is a part of should not have to stay for that.
func (t *treeEntries) dirent(i int) fuse.DirEntry {
	e, generated := t.at(i)
	e.Name = strings.Clone(e.Name)
	switch {
	case generated != "":
		return fuse.DirEntry{Name: generated, Mode: fuse.S_IFREG, Ino: t.contract.generatedInode(generated)}
	case e.Dir != nil:
		return fuse.DirEntry{Name: e.Name, Mode: fuse.S_IFDIR, Ino: t.contract.layoutInode(t.path, e.Name)}
	}
	return fuse.DirEntry{Name: e.Name, Mode: fuse.S_IFREG, Ino: documentInode(e.Doc)}
}

func (t *treeEntries) child(ctx context.Context, i int, out *fuse.EntryOut) *gofs.Inode {
	e, generated := t.at(i)
	if generated != "" {
		return withSize(t.contract.generatedChild(ctx, t.self, generated, out))
	}
	child := withSize(t.contract.entryChild(ctx, t.self, t.path, e, t.listed, out))
	l, err := t.contract.catalog.Known(t.contract.id)
	if err == nil && l != nil {
		t.contract.believe(l.FetchedAt, out)
	}
	if err != nil || l == nil || t.part.dirOf(l) != t.dir {
		// What has changed since the directory was opened has been announced
		// already: the kernel must not believe an old entry for long now.
		out.SetEntryTimeout(0)
	}
	return child
}

// withSize is the node of an entry if its size is known. Else the listing gives
// the name alone: a new node for each such file would put those out of the
// kernel's cache that somebody is just opening.
func withSize(n *gofs.Inode) *gofs.Inode {
	if f, ok := n.Operations().(interface{ sized() bool }); ok && !f.sized() {
		return nil
	}
	return n
}
