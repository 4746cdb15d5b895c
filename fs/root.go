package fs

import (
	"context"
	"sync/atomic"
	"syscall"
	"time"
	"weak"

	gofs "github.com/hanwen/go-fuse/v2/fs"
	"github.com/hanwen/go-fuse/v2/fuse"

	"ccsfs/internal/catalog"
)

// rootDir is the top of the mount: a directory for each contract.
type rootDir struct {
	node
	tree    *tree
	changed atomic.Int64 // Unix time of the last change of the list, or of the mount
	cache   dirCache
}

func newRoot(t *tree) *rootDir {
	r := &rootDir{tree: t}
	r.changed.Store(t.born.Unix())
	return r
}

var _ = (gofs.NodeGetattrer)((*rootDir)(nil))

// Getattr never asks the API: stat and df of the mountpoint must work without.
func (r *rootDir) Getattr(ctx context.Context, f gofs.FileHandle, out *fuse.AttrOut) syscall.Errno {
	r.tree.dirAttr(&out.Attr, time.Unix(r.changed.Load(), 0))
	out.SetTimeout(attrTimeout)
	return 0
}

var _ = (gofs.NodeLookuper)((*rootDir)(nil))

// Lookup finds a contract.
func (r *rootDir) Lookup(ctx context.Context, name string, out *fuse.EntryOut) (*gofs.Inode, syscall.Errno) {
	ctx, done := withInterrupts(ctx)
	defer done()
	list, err := r.tree.catalog.Contracts(ctx)
	if err != nil {
		return nil, r.tree.fail(r.EmbeddedInode(), name, "lookup", err)
	}
	e, ok := list.Lookup(name)
	if !ok {
		return nil, r.tree.absent(r.EmbeddedInode(), name, list.Stale)
	}
	return r.tree.contractChild(ctx, r.EmbeddedInode(), &e, out), 0
}

var _ = (gofs.NodeOpendirHandler)((*rootDir)(nil))

// OpendirHandle takes the snapshot that the listing will show.
func (r *rootDir) OpendirHandle(ctx context.Context, flags uint32) (gofs.FileHandle, uint32, syscall.Errno) {
	ctx, done := withInterrupts(ctx)
	defer done()
	list, err := r.tree.catalog.Contracts(ctx)
	if err != nil {
		return nil, 0, r.tree.fail(r.EmbeddedInode(), "", "opendir", err)
	}
	h := &dirHandle{entries: &contractEntries{r, list.Entries}, self: fuse.FUSE_ROOT_ID, parent: fuse.FUSE_ROOT_ID}
	var open uint32
	if r.tree.dirCache && len(list.Entries) > 0 {
		h.lease, open = r.cache.open(weak.Make(&list.Entries[0]))
	}
	return h, open, 0
}

// contractEntries is the list of contracts.
type contractEntries struct {
	root *rootDir
	list []catalog.ContractEntry
}

func (c *contractEntries) len() int          { return len(c.list) }
func (c *contractEntries) name(i int) string { return c.list[i].Name }

func (c *contractEntries) dirent(i int) fuse.DirEntry {
	e := &c.list[i]
	return fuse.DirEntry{Name: e.Name, Mode: fuse.S_IFDIR, Ino: inodeNumber(kindContract, e.ID)}
}

func (c *contractEntries) child(ctx context.Context, i int, out *fuse.EntryOut) *gofs.Inode {
	return c.root.tree.contractChild(ctx, c.root.EmbeddedInode(), &c.list[i], out)
}
