//go:build !windows

package fs

import (
	"context"
	"hash/fnv"
	"strings"
	"syscall"
	"time"

	gofs "github.com/hanwen/go-fuse/v2/fs"
	"github.com/hanwen/go-fuse/v2/fuse"

	"ccsfs/internal/billing"
	"ccsfs/internal/catalog"
	"ccsfs/internal/content"
	"ccsfs/internal/folder"
)

// document is one version of a document. There may be millions of them after a
// find, and the kernel decides for how long: it holds no more than it needs to
// find its document in the catalog, and nothing that keeps a listing in memory.
type document struct {
	fileNode
	id     string
	listed uint64 // which version the listing said it is; see listedAs
}

func documentInode(d *billing.Document) uint64 {
	return inodeNumber(kindDocument, d.ContractID, d.ID)
}

// listedAs tells apart the versions of a document that a listing may have.
func listedAs(d *billing.Document) uint64 {
	h := fnv.New64a()
	h.Write([]byte(d.UpdatedAt))
	return h.Sum64() ^ d.Fingerprint()
}

// documentChild returns the node of d under a name of parent, and fills in its
// entry. It never waits. A node that is there is taken if it is of this version
// and its size is known, to us now or to the kernel; else the name gets a new one.
func (c *contract) documentChild(ctx context.Context, parent *gofs.Inode, name string, d *billing.Document, listed time.Time, out *fuse.EntryOut) *gofs.Inode {
	info, known := c.content.Peek(folder.Ref(d, listed))
	ino := documentInode(d)
	n := childNode[*document](parent, name, ino)
	if n == nil || !n.serves(d, info, known) {
		n = &document{fileNode: fileNode{contract: c}, id: strings.Clone(d.ID), listed: listedAs(d)}
		parent.NewInode(ctx, n, c.fileIdentity(ino))
		c.madeNode()
		if known {
			n.adopt(info)
		} else if c.lazy {
			n.bind(binding{placeholder, 0})
		}
	}
	out.SetEntryTimeout(entryTimeout)
	if known {
		c.fileAttr(&out.Attr, info.Size, folder.ModTime(d, info))
		setSeen(&out.Attr, info.Seen)
		out.SetAttrTimeout(c.attrTimeout(info))
	} else {
		// Time-out 0: the kernel asks GETATTR before it uses the size.
		c.fileAttr(&out.Attr, n.told(), d.ModTime())
	}
	return n.EmbeddedInode()
}

// serves reports whether a lookup may answer with the node. One that the kernel
// was not told a size of would have to be answered so once more; see fileNode.
func (n *document) serves(d *billing.Document, info content.Info, known bool) bool {
	switch {
	case n.old.Load() || n.listed != listedAs(d):
		return false
	case known:
		return n.adopt(info)
	}
	return n.sized()
}

// adopt ties the node to a content; see fileNode.
func (n *document) adopt(info content.Info) bool {
	// Generations may begin at 0, which means "none" here.
	return n.fileNode.adopt(info.Generation+1, info.Size)
}

// current returns the document as the catalog has it now, without waiting where
// the catalog knows. A document that is gone, or has a new updatedAt, is ESTALE:
// the lookup that follows decides.
func (n *document) current(ctx context.Context, op string) (*catalog.Listing, *billing.Document, syscall.Errno) {
	l, err := n.contract.known(ctx)
	if err != nil {
		return nil, nil, n.fail(op, err)
	}
	d := l.Find(n.id)
	if d == nil || n.listed != listedAs(d) || n.old.Load() {
		return nil, nil, syscall.ESTALE
	}
	return l, d, 0
}

// touch tells the walk of the directory that the document was asked for.
func (n *document) touch(l *catalog.Listing, opened, known bool) {
	_, parent := n.Parent()
	if parent == nil {
		return
	}
	if p, ok := parent.Operations().(documentDir); ok {
		if dir := p.dirOf(l); dir != nil {
			n.contract.ahead.Touch(parent.StableAttr().Ino, dir, l.FetchedAt, n.id, opened, known)
		}
	}
}

var _ = (gofs.NodeGetattrer)((*document)(nil))

// Getattr tells the size, and finds it out if need be. go-fuse passes some open
// handle of the node, if there is one: all are of the same content.
func (n *document) Getattr(ctx context.Context, f gofs.FileHandle, out *fuse.AttrOut) syscall.Errno {
	ctx, done := withInterrupts(ctx)
	defer done()
	if h, ok := f.(*documentHandle); ok {
		return h.getattr(ctx, out)
	}
	l, d, errno := n.current(ctx, "getattr")
	if errno != 0 {
		return errno
	}
	ref := folder.Ref(d, l.FetchedAt)
	info, ok := n.contract.content.Peek(ref)
	n.touch(l, false, ok)
	if !ok {
		if n.contract.lazy {
			return n.makeUp(0, d.ModTime(), out)
		}
		var err error
		if info, err = n.contract.content.Stat(ctx, ref); err != nil {
			if errno := n.failListed("getattr", err); !unavailable(err) {
				return errno
			}
			return n.makeUp(unavailableSize, d.ModTime(), out)
		}
	}
	return n.tell(info, folder.ModTime(d, info), out)
}

// tell answers GETATTR with what is known.
func (n *document) tell(info content.Info, mtime time.Time, out *fuse.AttrOut) syscall.Errno {
	if !n.adopt(info) {
		return n.stale()
	}
	n.contract.fileAttr(&out.Attr, info.Size, mtime)
	setSeen(&out.Attr, info.Seen)
	out.SetTimeout(n.contract.attrTimeout(info))
	return 0
}

var _ = (gofs.NodeOpener)((*document)(nil))

// Open checks that the account may still see the document, also when all its
// pages are cached, and waits for what readers want of it first: zip, curl, toybox
// and others take the error of a read for the end of the file. The kernel has
// asked for the size before (see mountOptions); it is known here.
func (n *document) Open(ctx context.Context, flags uint32) (gofs.FileHandle, uint32, syscall.Errno) {
	if errno := refuseWrites(flags); errno != 0 {
		return nil, 0, errno
	}
	ctx, done := withInterrupts(ctx)
	defer done()
	l, d, errno := n.current(ctx, "open")
	if errno != 0 {
		return nil, 0, errno
	}
	n.touch(l, true, false)
	ref := folder.Ref(d, l.FetchedAt)
	if n.madeUp() {
		return nil, 0, n.openMadeUp(ctx, ref)
	}
	f, err := n.contract.content.Open(ctx, ref)
	if err != nil {
		return nil, 0, n.failListed("open", err)
	}
	if err := f.Begin(ctx); err != nil {
		f.Close()
		return nil, 0, n.failListed("open", err)
	}
	info := f.Info() // it may be of another content than what was known before
	if info.Size < 0 {
		info, err = n.contract.content.Stat(ctx, ref)
	}
	if err != nil {
		f.Close()
		return nil, 0, n.failListed("open", err)
	}
	if !n.adopt(info) {
		f.Close()
		return nil, 0, n.stale()
	}
	// Pages of this node are of this version: they can always be kept.
	return &documentHandle{node: n, file: f, ref: ref, mtime: d.ModTime()}, fuse.FOPEN_KEEP_CACHE, 0
}

// openMadeUp answers the open of a node whose size is made up: why the document
// cannot be had or, if it can, ESTALE. The kernel then comes back by the name,
// which by now leads to a node of the true size.
func (n *document) openMadeUp(ctx context.Context, ref content.Ref) syscall.Errno {
	if _, err := n.contract.content.Stat(ctx, ref); err != nil {
		return n.failListed("open", err)
	}
	return n.stale()
}

// attrTimeout is how long the kernel may believe info.
func (t *tree) attrTimeout(info content.Info) time.Duration {
	if info.Valid.IsZero() {
		return attrTimeout
	}
	return min(max(info.Valid.Sub(t.now()), volatileMinimum), attrTimeout)
}
