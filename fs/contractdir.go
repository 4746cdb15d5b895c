//go:build !windows

package fs

import (
	"context"
	"strings"
	"sync/atomic"
	"syscall"
	"time"
	"weak"

	gofs "github.com/hanwen/go-fuse/v2/fs"
	"github.com/hanwen/go-fuse/v2/fuse"

	"ccsfs/internal/catalog"
	"ccsfs/internal/catalog/layout"
	"ccsfs/internal/folder"
)

// documentDir is a directory that shows a part of a contract's tree.
type documentDir interface {
	// dirOf returns that part, nil if the listing has none.
	dirOf(l *catalog.Listing) *layout.Dir
}

// contractDir is the directory of a contract: the top of its layout, and the
// generated files.
type contractDir struct {
	node
	contract *contract
	created  atomic.Int64 // Unix time, 0 if not known
	cache    dirCache
}

// contractChild returns the node of a contract's directory, and fills in its
// entry. It never waits.
func (t *tree) contractChild(ctx context.Context, parent *gofs.Inode, e *catalog.ContractEntry, out *fuse.EntryOut) *gofs.Inode {
	attr := gofs.StableAttr{Mode: fuse.S_IFDIR, Ino: inodeNumber(kindContract, e.ID)}
	n := childNode[*contractDir](parent, e.Name, attr.Ino)
	if n == nil {
		n = &contractDir{contract: &contract{tree: t, id: strings.Clone(e.ID)}}
		parent.NewInode(ctx, n, attr)
	}
	if at := folder.ContractTime(e.CreatedAt); !at.IsZero() {
		n.created.Store(at.Unix())
	}
	t.dirAttr(&out.Attr, n.modTime())
	setSeen(&out.Attr, n.contract.seenAt())
	out.SetEntryTimeout(entryTimeout)
	out.SetAttrTimeout(attrTimeout)
	return n.EmbeddedInode()
}

// modTime is when the contract was made, or last found changed. It does not
// depend on whether the listing is loaded: tar would take the difference for a
// change of the directory while it reads it.
func (n *contractDir) modTime() time.Time {
	return later(time.Unix(n.created.Load(), 0), n.contract.changedAt())
}

func (n *contractDir) dirOf(l *catalog.Listing) *layout.Dir { return l.Tree }

var _ = (gofs.NodeGetattrer)((*contractDir)(nil))

// Getattr never asks the API: ls -l of the root must not list every contract.
func (n *contractDir) Getattr(ctx context.Context, f gofs.FileHandle, out *fuse.AttrOut) syscall.Errno {
	n.contract.dirAttr(&out.Attr, n.modTime())
	setSeen(&out.Attr, n.contract.seenAt())
	out.SetTimeout(attrTimeout)
	return 0
}

var _ = (gofs.NodeLookuper)((*contractDir)(nil))

// Lookup finds a document, a directory of the layout, or a generated file.
func (n *contractDir) Lookup(ctx context.Context, name string, out *fuse.EntryOut) (*gofs.Inode, syscall.Errno) {
	if folder.IsGenerated(name) {
		return n.contract.generatedChild(ctx, n.EmbeddedInode(), name, out), 0
	}
	return n.contract.lookup(ctx, n.EmbeddedInode(), n, nil, name, out)
}

var _ = (gofs.NodeOpendirHandler)((*contractDir)(nil))

// OpendirHandle takes the snapshot that the listing will show.
func (n *contractDir) OpendirHandle(ctx context.Context, flags uint32) (gofs.FileHandle, uint32, syscall.Errno) {
	return n.contract.opendir(ctx, n.EmbeddedInode(), n, nil, &n.cache)
}

// lookup finds a name in the part of the tree that a directory shows.
func (c *contract) lookup(ctx context.Context, parent *gofs.Inode, at documentDir, path []string, name string, out *fuse.EntryOut) (*gofs.Inode, syscall.Errno) {
	if len(name) > maxName {
		return nil, syscall.ENAMETOOLONG
	}
	ctx, done := withInterrupts(ctx)
	defer done()
	l, err := c.listing(ctx)
	if err != nil {
		return nil, c.fail(parent, name, "lookup", err)
	}
	if dir := at.dirOf(l); dir != nil {
		if e, ok := dir.Lookup(name); ok {
			child := c.entryChild(ctx, parent, path, e, l.FetchedAt, out)
			c.believe(l.FetchedAt, out)
			return child, 0
		}
	}
	return nil, c.absent(parent, name, folder.Absent(parent.Path(nil), name, at.dirOf(l), l.Stale))
}

// entryChild returns the node of an entry of the tree, as a listing of that time has it.
// It never waits.
func (c *contract) entryChild(ctx context.Context, parent *gofs.Inode, path []string, e layout.Entry, listed time.Time, out *fuse.EntryOut) *gofs.Inode {
	if e.Doc != nil {
		return c.documentChild(ctx, parent, e.Name, e.Doc, listed, out)
	}
	return c.layoutChild(ctx, parent, path, e, out)
}

// opendir opens a directory that shows a part of the tree.
func (c *contract) opendir(ctx context.Context, self *gofs.Inode, at documentDir, path []string, cache *dirCache) (gofs.FileHandle, uint32, syscall.Errno) {
	ctx, done := withInterrupts(ctx)
	defer done()
	l, err := c.listing(ctx)
	if err != nil {
		return nil, 0, c.fail(self, "", "opendir", err)
	}
	dir := at.dirOf(l)
	if dir == nil {
		return nil, 0, c.absent(self, "", folder.Absent(self.Path(nil), "", nil, l.Stale))
	}
	h := &dirHandle{
		entries: newTreeEntries(c, self, at, path, dir, l.FetchedAt),
		self:    self.StableAttr().Ino,
		parent:  parentInode(self),
	}
	var open uint32
	if c.dirCache {
		h.lease, open = cache.open(weak.Make(dir))
	}
	return h, open, 0
}

// parentInode is the inode number of the directory above, for "..".
func parentInode(n *gofs.Inode) uint64 {
	if _, p := n.Parent(); p != nil {
		return p.StableAttr().Ino
	}
	return n.StableAttr().Ino
}
