//go:build !windows

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
	"ccsfs/internal/folder"
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
	t.root = r
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
	if len(name) > maxName {
		return nil, syscall.ENAMETOOLONG
	}
	ctx, done := withInterrupts(ctx)
	defer done()
	list, err := r.tree.catalog.Contracts(ctx)
	if err != nil {
		return nil, r.tree.fail(r.EmbeddedInode(), name, "lookup", err)
	}
	e, ok := list.Lookup(name)
	if !ok {
		return nil, r.tree.absent(r.EmbeddedInode(), name, folder.AbsentContract(list, name))
	}
	child := r.tree.contractChild(ctx, r.EmbeddedInode(), &e, out)
	r.tree.believe(list.FetchedAt, out)
	return child, 0
}

var _ = (gofs.NodeOpendirHandler)((*rootDir)(nil))

// OpendirHandle takes the snapshot that the listing will show. Whoever does not say
// O_DIRECTORY, as opendir(3) does, may not want any: df opens a mountpoint so, and
// need not wait for the API. The others learn here of what fails, since many,
// busybox above all, take an error of readdir(3) for the end of the directory.
func (r *rootDir) OpendirHandle(ctx context.Context, flags uint32) (gofs.FileHandle, uint32, syscall.Errno) {
	if flags&syscall.O_DIRECTORY == 0 {
		return &lateDirHandle{open: r.snapshot}, 0, 0
	}
	h, errno := r.snapshot(ctx)
	if errno != 0 {
		return nil, 0, errno
	}
	var open uint32
	if list := h.entries.(*contractEntries).list; r.tree.dirCache && len(list) > 0 {
		h.lease, open = r.cache.open(weak.Make(&list[0]))
	}
	return h, open, 0
}

// snapshot is the directory as it is now.
func (r *rootDir) snapshot(ctx context.Context) (*dirHandle, syscall.Errno) {
	ctx, done := withInterrupts(ctx)
	defer done()
	list, err := r.tree.catalog.Contracts(ctx)
	if err != nil {
		return nil, r.tree.fail(r.EmbeddedInode(), "", "opendir", err)
	}
	return &dirHandle{entries: &contractEntries{r, list.FetchedAt, list.Entries}, self: fuse.FUSE_ROOT_ID, parent: fuse.FUSE_ROOT_ID}, 0
}

// contractEntries is the list of contracts.
type contractEntries struct {
	root    *rootDir
	fetched time.Time
	list    []catalog.ContractEntry
}

func (c *contractEntries) len() int          { return len(c.list) }
func (c *contractEntries) name(i int) string { return c.list[i].Name }

func (c *contractEntries) dirent(i int) fuse.DirEntry {
	e := &c.list[i]
	return fuse.DirEntry{Name: e.Name, Mode: fuse.S_IFDIR, Ino: inodeNumber(kindContract, e.ID)}
}

func (c *contractEntries) child(ctx context.Context, i int, out *fuse.EntryOut) *gofs.Inode {
	child := c.root.tree.contractChild(ctx, c.root.EmbeddedInode(), &c.list[i], out)
	c.root.tree.believe(c.fetched, out)
	return child
}
