//go:build !windows

package fs

import (
	"context"
	"crypto/sha256"
	"encoding/binary"
	"syscall"
	"time"

	gofs "github.com/hanwen/go-fuse/v2/fs"
	"github.com/hanwen/go-fuse/v2/fuse"

	"ccsfs/internal/catalog/layout"
	"ccsfs/internal/folder"
)

// generated is a file whose content is made here, of what the catalog knows.
type generated struct {
	fileNode
	name string
}

func (c *contract) generatedInode(name string) uint64 {
	return inodeNumber(kindGenerated, c.id, name)
}

// generatedChild returns the node of a generated file, and fills in its entry.
// It does not make the file, which may take a call: the kernel asks GETATTR
// before it uses the attributes.
func (c *contract) generatedChild(ctx context.Context, parent *gofs.Inode, name string, out *fuse.EntryOut) *gofs.Inode {
	ino := c.generatedInode(name)
	n := childNode[*generated](parent, name, ino)
	if n == nil || n.old.Load() || !n.sized() {
		n = &generated{fileNode: fileNode{contract: c}, name: name}
		parent.NewInode(ctx, n, c.fileIdentity(ino))
		c.madeNode()
	}
	c.fileAttr(&out.Attr, n.told(), time.Time{})
	out.SetEntryTimeout(entryTimeout)
	return n.EmbeddedInode()
}

// content makes the file. It may wait for the catalog. Access that was
// withdrawn is an error here as for documents.
func (n *generated) content(ctx context.Context) (data []byte, mtime, seen time.Time, err error) {
	if n.name == layout.DocumentsFile {
		l, err := n.contract.listing(ctx)
		if err != nil {
			return nil, time.Time{}, time.Time{}, err
		}
		f := folder.DocumentsFile(l)
		return f.Bytes, later(f.ModTime, n.contract.changedAt()), n.contract.seenAt(), nil
	}
	if _, err := n.contract.catalog.Known(n.contract.id); err != nil {
		return nil, time.Time{}, time.Time{}, err
	}
	d, err := n.contract.catalog.Detail(ctx, n.contract.id)
	if err != nil {
		return nil, time.Time{}, time.Time{}, err
	}
	f := folder.ContractFile(d)
	return f.Bytes, f.ModTime, n.contract.sawDetail(f.Bytes), nil
}

// digest tells contents apart.
func digest(data []byte) uint64 {
	sum := sha256.Sum256(data)
	return binary.LittleEndian.Uint64(sum[:]) | 1 // 0 means "none"
}

var _ = (gofs.NodeGetattrer)((*generated)(nil))

// Getattr makes the file to tell its size.
func (n *generated) Getattr(ctx context.Context, f gofs.FileHandle, out *fuse.AttrOut) syscall.Errno {
	if h, ok := f.(*generatedHandle); ok {
		return n.tell(h.data, h.mtime, h.seen, out)
	}
	ctx, done := withInterrupts(ctx)
	defer done()
	data, mtime, seen, err := n.content(ctx)
	if err == nil {
		return n.tell(data, mtime, seen, out)
	}
	if n.alone(err) {
		_ = n.failListed("getattr", err) // said once; stat goes on
		return n.makeUp(unavailableSize, time.Time{}, out)
	}
	return n.fail("getattr", err)
}

// alone reports whether err is an answer of the API about the file by itself, and
// not about its contract.
func (n *generated) alone(err error) bool {
	_, refused := n.contract.catalog.Known(n.contract.id)
	return refused == nil && n.name == layout.ContractFile && unavailable(err)
}

func (n *generated) tell(data []byte, mtime, seen time.Time, out *fuse.AttrOut) syscall.Errno {
	size := int64(len(data))
	if !n.adopt(digest(data), size) {
		return n.stale()
	}
	n.contract.fileAttr(&out.Attr, size, mtime)
	setSeen(&out.Attr, seen)
	out.SetTimeout(generatedTimeout)
	return 0
}

var _ = (gofs.NodeOpener)((*generated)(nil))

// Open makes the file; the handle keeps reading what it was at this moment.
func (n *generated) Open(ctx context.Context, flags uint32) (gofs.FileHandle, uint32, syscall.Errno) {
	if errno := refuseWrites(flags); errno != 0 {
		return nil, 0, errno
	}
	ctx, done := withInterrupts(ctx)
	defer done()
	data, mtime, seen, err := n.content(ctx)
	switch {
	case err != nil && n.alone(err):
		return nil, 0, n.failListed("open", err)
	case err != nil:
		return nil, 0, n.fail("open", err)
	}
	if !n.adopt(digest(data), int64(len(data))) {
		return nil, 0, n.stale()
	}
	return &generatedHandle{data: data, mtime: mtime, seen: seen}, fuse.FOPEN_KEEP_CACHE, 0
}

// generatedHandle is an open generated file.
type generatedHandle struct {
	data        []byte
	mtime, seen time.Time
}

var _ = (gofs.FileReader)((*generatedHandle)(nil))

// Read gives bytes from memory.
func (h *generatedHandle) Read(ctx context.Context, dest []byte, off int64) (fuse.ReadResult, syscall.Errno) {
	if off >= int64(len(h.data)) {
		return fuse.ReadResultData(nil), 0
	}
	return fuse.ReadResultData(h.data[off:min(off+int64(len(dest)), int64(len(h.data)))]), 0
}
