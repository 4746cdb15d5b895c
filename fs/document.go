package fs

import (
	"context"
	"strings"
	"syscall"
	"time"

	gofs "github.com/hanwen/go-fuse/v2/fs"
	"github.com/hanwen/go-fuse/v2/fuse"

	"ccsfs/internal/catalog"
	"ccsfs/internal/content"
)

// document is one version of a document. There may be millions of them after a
// find, and the kernel decides for how long: it holds no more than it needs to
// find its document in the catalog, and nothing that keeps a listing in memory.
type document struct {
	fileNode
	id string
}

func documentInode(d *catalog.Document) uint64 {
	return inodeNumber(kindDocument, d.ContractID, d.ID)
}

// documentAttr is the identity of the current version of a document.
func (c *contract) documentAttr(d *catalog.Document) gofs.StableAttr {
	ino := documentInode(d)
	return gofs.StableAttr{Mode: fuse.S_IFREG, Ino: ino, Gen: c.versions.generation(ino, d.UpdatedAt)}
}

// documentChild returns the node of d under a name of parent, an old one if
// there is one of this version, and fills in its entry. It never waits.
func (c *contract) documentChild(ctx context.Context, parent *gofs.Inode, name string, d *catalog.Document, out *fuse.EntryOut) *gofs.Inode {
	info, ok := c.content.Peek(refOf(d))
	attr := c.documentAttr(d)
	n := sameNode[*document](parent, name, attr)
	if n != nil && ok && !n.adopt(info) {
		c.versions.supersede(attr.Ino, attr.Gen)
		attr = c.documentAttr(d)
		n = sameNode[*document](parent, name, attr)
	}
	if n == nil {
		n = &document{id: strings.Clone(d.ID)}
		n.contract = c
		n.size.Store(-1)
		parent.NewInode(ctx, n, attr)
		if ok {
			n.adopt(info)
		}
	}
	out.SetEntryTimeout(entryTimeout)
	if ok {
		c.fileAttr(&out.Attr, info.Size, modTime(d, info))
		out.SetAttrTimeout(c.attrTimeout(info))
	} else {
		// Time-out 0: the kernel asks GETATTR before it uses the size.
		n.blank.Store(time.Now().UnixNano())
		c.fileAttr(&out.Attr, n.size.Load(), d.ModTime())
	}
	return n.EmbeddedInode()
}

// adopt ties the node to a content; see fileNode.
func (n *document) adopt(info content.Info) bool {
	// Generations may begin at 0, which means "none" here.
	return n.fileNode.adopt(info.Generation+1, info.Size)
}

// current returns the document as the catalog has it now, without waiting where
// the catalog knows. A document that is gone, or has a new updatedAt, is ESTALE:
// the lookup that follows decides.
func (n *document) current(ctx context.Context, op string) (*catalog.Listing, *catalog.Document, syscall.Errno) {
	l, err := n.contract.known(ctx)
	if err != nil {
		return nil, nil, n.fail(op, err)
	}
	d := l.Find(n.id)
	if d == nil || n.contract.documentAttr(d) != n.StableAttr() {
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
			n.contract.walks.touch(n.contract.content, parent.StableAttr().Ino, dir, n.id, opened, known)
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
	ref := refOf(d)
	info, ok := n.contract.content.Peek(ref)
	n.touch(l, false, ok)
	if !ok {
		if n.contract.lazy {
			// A placeholder, for one stat only; the first open ends it.
			n.contract.fileAttr(&out.Attr, n.size.Load(), d.ModTime())
			return 0
		}
		var err error
		if info, err = n.contract.content.Stat(ctx, ref); err != nil {
			return n.fail("getattr", err)
		}
	}
	return n.tell(info, modTime(d, info), out)
}

// tell answers GETATTR with what is known.
func (n *document) tell(info content.Info, mtime time.Time, out *fuse.AttrOut) syscall.Errno {
	if !n.adopt(info) {
		return n.stale()
	}
	n.contract.fileAttr(&out.Attr, info.Size, mtime)
	out.SetTimeout(n.contract.attrTimeout(info))
	return 0
}

var _ = (gofs.NodeOpener)((*document)(nil))

// Open checks that the account may still see the document, also when all its
// pages are cached, and starts its download if it is not here. It waits only for
// the size, as the first read would; see settled.
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
	ref := refOf(d)
	f, err := n.contract.content.Open(ctx, ref)
	if err != nil {
		return nil, 0, n.fail("open", err)
	}
	h := &documentHandle{node: n, file: f, ref: ref, mtime: d.ModTime()}
	info := f.Info()
	if info.Size < 0 {
		info, err = n.contract.content.Stat(ctx, ref)
	}
	if err == nil {
		err = n.settled(ctx)
	}
	if err != nil {
		f.Close()
		return nil, 0, n.fail("open", err)
	}
	if !n.adopt(info) {
		f.Close()
		return nil, 0, n.stale()
	}
	// Pages of this node are of this version: they can always be kept.
	return h, fuse.FOPEN_KEEP_CACHE, 0
}

// modTime is the modification time of a document with a content.
func modTime(d *catalog.Document, info content.Info) time.Time {
	return contentTime(d.ModTime(), d.Volatile(), info)
}

// contentTime is the later of what the listing says and, for content that may
// change under the same listing, of its first sight. What the listing says
// nothing about is as old as its first sight, too.
func contentTime(listed time.Time, volatile bool, info content.Info) time.Time {
	if volatile || listed.IsZero() {
		return later(listed, info.Changed.Truncate(time.Second))
	}
	return listed
}

// attrTimeout is how long the kernel may believe info.
func (t *tree) attrTimeout(info content.Info) time.Duration {
	if info.Valid.IsZero() {
		return attrTimeout
	}
	return min(max(info.Valid.Sub(t.now()), volatileMinimum), attrTimeout)
}
