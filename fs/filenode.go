//go:build !windows

package fs

import (
	"errors"
	"fmt"
	"sync/atomic"
	"syscall"
	"time"

	gofs "github.com/hanwen/go-fuse/v2/fs"
	"github.com/hanwen/go-fuse/v2/fuse"

	"ccsfs/apiclient"
)

// fileNode is one version of a file's content; see the package comment.
//
// The kernel is told of a node without a size at most once, in the answer that
// makes the node known to it. Every later answer, to whatever request, has the
// one size that the node is bound to. So no answer can take a size back, however
// the kernel orders those that it gets at the same time: of attributes that
// arrive while a GETATTR is under way it believes those, and drops the size that
// the GETATTR brings (attr_version in fuse_change_attributes_i, fs/fuse/inode.c).
type fileNode struct {
	node
	contract *contract

	bound atomic.Pointer[binding] // nil as long as the kernel was told no size
	old   atomic.Bool             // another node has the name by now, or will at the next lookup
}

// binding is the content that a node stands for. It never changes.
type binding struct {
	version uint64 // tells contents of one file apart
	size    int64
}

// placeholder is the version of a node whose size is made up, since the true one
// is not asked for (Config.LazySizes) or cannot be had. Like any other node it
// keeps to its size: when the true one is known, the name gets another node.
const placeholder = ^uint64(0)

// adopt ties the node to a content of a size, if it is not tied to another one
// already. The caller is about to tell the kernel.
func (n *fileNode) adopt(version uint64, size int64) bool {
	return n.bind(binding{version, size}) == binding{version, size}
}

// bind ties the node to a content and returns the one that it is tied to, which
// is another one if that came first.
func (n *fileNode) bind(b binding) binding {
	if is := n.bound.Load(); is != nil {
		return *is
	}
	n.bound.CompareAndSwap(nil, &b)
	return *n.bound.Load()
}

// sized reports whether the kernel was told a size.
func (n *fileNode) sized() bool { return n.bound.Load() != nil }

// blankSize stands for a size that is not known, in answers that the kernel may
// not believe without asking again: larger than any. Who goes by it all the same
// reads on to the real end, where with 0 there would be nothing to read. overlayfs
// does: its files keep the size of the lookup, and copy_file_range(2) from one to
// another copies no more (ovl_copyattr, and generic_copy_file_checks in mm).
const blankSize = 1 << 62

// told is the size that the kernel was told, blankSize if it was not.
func (n *fileNode) told() int64 {
	if b := n.bound.Load(); b != nil {
		return b.size
	}
	return blankSize
}

// madeUp reports whether the size is made up.
func (n *fileNode) madeUp() bool {
	b := n.bound.Load()
	return b != nil && b.version == placeholder
}

// unavailableSize is what stat tells of a file that cannot be had. With 0, tar
// would not even open it, and archive an empty file.
const unavailableSize = 1

// makeUp answers GETATTR of a file whose size is not known, and is not to become
// known by this. What the kernel was told before stays.
func (n *fileNode) makeUp(size int64, mtime time.Time, out *fuse.AttrOut) syscall.Errno {
	// Time-out 0: it is asked for again each time.
	n.contract.fileAttr(&out.Attr, n.bind(binding{placeholder, size}).size, mtime)
	return 0
}

// errSuperseded is what an ESTALE means.
var errSuperseded = errors.New("the name leads to other content by now; the kernel looks it up again")

// stale makes the node an old version and has its name forgotten: whoever comes
// by the name finds the new version, and the kernel makes its caller come.
func (n *fileNode) stale() syscall.Errno {
	if n.old.Store(true); !n.madeUp() {
		n.contract.faults.report("revalidate", syscall.ESTALE, errSuperseded, func() string {
			return "/" + n.EmbeddedInode().Path(nil)
		})
	}
	if name, parent := n.Parent(); parent != nil {
		n.contract.notify.forgetName(parent, name)
	}
	return syscall.ESTALE
}

func (n *fileNode) fail(op string, err error) syscall.Errno {
	return n.contract.fail(n.EmbeddedInode(), "", op, err)
}

// failListed is fail for what came of asking for a file that is listed. That the API
// does not find it must not read as its absence: rsync and tar take ENOENT for a file
// that somebody has just removed, and scripts know to overlook that (exit 24, "file
// vanished").
func (n *fileNode) failListed(op string, err error) syscall.Errno {
	if errors.Is(err, apiclient.ErrNotFound) {
		err = fmt.Errorf("%w: %w", errListed, err)
	}
	return n.fail(op, err)
}

// fileIdentity is the identity of a new node of a file: its inode number, and a
// generation that no other node of the mount has. go-fuse takes two nodes of one
// identity for one, and would drop the newer with what is known of it.
func (t *tree) fileIdentity(ino uint64) gofs.StableAttr {
	return gofs.StableAttr{Mode: fuse.S_IFREG, Ino: ino, Gen: t.serial.Add(1)}
}

// childNode returns the operations of the node under a name of parent if it has
// this inode number, else the zero value.
func childNode[T gofs.InodeEmbedder](parent *gofs.Inode, name string, ino uint64) (ops T) {
	if child := parent.GetChild(name); child != nil && child.StableAttr().Ino == ino {
		ops, _ = child.Operations().(T)
	}
	return ops
}

// refuseWrites is what Open says to flags that ask for more than reading. A
// kernel that knows the mount as read-only does not get here.
func refuseWrites(flags uint32) syscall.Errno {
	if flags&syscall.O_ACCMODE != syscall.O_RDONLY {
		return syscall.EROFS
	}
	return 0
}
