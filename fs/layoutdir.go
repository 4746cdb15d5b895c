//go:build !windows

package fs

import (
	"context"
	"slices"
	"strings"
	"syscall"

	gofs "github.com/hanwen/go-fuse/v2/fs"
	"github.com/hanwen/go-fuse/v2/fuse"

	"ccsfs/internal/catalog"
	"ccsfs/internal/catalog/layout"
	"ccsfs/internal/folder"
)

// layoutDir is a directory that only the layout makes: a type, a year, a month.
type layoutDir struct {
	node
	contract *contract
	path     []string // below the contract's directory
	cache    dirCache
}

func (c *contract) layoutInode(path []string, name string) uint64 {
	return inodeNumber(kindLayoutDir, append([]string{c.id}, append(slices.Clip(path), name)...)...)
}

// layoutChild returns the node of a directory of the layout, and fills in its
// entry. It never waits.
func (c *contract) layoutChild(ctx context.Context, parent *gofs.Inode, path []string, e layout.Entry, out *fuse.EntryOut) *gofs.Inode {
	attr := gofs.StableAttr{Mode: fuse.S_IFDIR, Ino: c.layoutInode(path, e.Name)}
	n := childNode[*layoutDir](parent, e.Name, attr.Ino)
	if n == nil {
		n = &layoutDir{contract: c, path: append(slices.Clip(path), strings.Clone(e.Name))}
		parent.NewInode(ctx, n, attr)
	}
	c.dirAttr(&out.Attr, folder.Newest(e.Dir))
	setSeen(&out.Attr, c.seenAt())
	out.SetEntryTimeout(entryTimeout)
	out.SetAttrTimeout(attrTimeout)
	return n.EmbeddedInode()
}

func (n *layoutDir) dirOf(l *catalog.Listing) *layout.Dir {
	dir := l.Tree
	for _, name := range n.path {
		e, ok := dir.Lookup(name)
		if !ok || e.Dir == nil {
			return nil
		}
		dir = e.Dir
	}
	return dir
}

var _ = (gofs.NodeGetattrer)((*layoutDir)(nil))

// Getattr tells the time of the newest document. It waits only where the
// listing is not known any more.
func (n *layoutDir) Getattr(ctx context.Context, f gofs.FileHandle, out *fuse.AttrOut) syscall.Errno {
	ctx, done := withInterrupts(ctx)
	defer done()
	l, err := n.contract.known(ctx)
	if err != nil {
		return n.contract.fail(n.EmbeddedInode(), "", "getattr", err)
	}
	dir := n.dirOf(l)
	if dir == nil {
		return syscall.ESTALE
	}
	n.contract.dirAttr(&out.Attr, folder.Newest(dir))
	setSeen(&out.Attr, n.contract.seenAt())
	out.SetTimeout(attrTimeout)
	return 0
}

var _ = (gofs.NodeLookuper)((*layoutDir)(nil))

// Lookup finds a document, or a deeper directory of the layout.
func (n *layoutDir) Lookup(ctx context.Context, name string, out *fuse.EntryOut) (*gofs.Inode, syscall.Errno) {
	return n.contract.lookup(ctx, n.EmbeddedInode(), n, n.path, name, out)
}

var _ = (gofs.NodeOpendirHandler)((*layoutDir)(nil))

// OpendirHandle takes the snapshot that the listing will show.
func (n *layoutDir) OpendirHandle(ctx context.Context, flags uint32) (gofs.FileHandle, uint32, syscall.Errno) {
	return n.contract.opendir(ctx, n.EmbeddedInode(), n, n.path, &n.cache)
}
