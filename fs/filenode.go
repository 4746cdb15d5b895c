package fs

import (
	"sync/atomic"
	"syscall"

	gofs "github.com/hanwen/go-fuse/v2/fs"
)

// fileNode is one version of a file's content; see the package comment.
type fileNode struct {
	node
	contract *contract

	// version says which content the kernel has been told about, 0 as long as
	// it has been told nothing. Once set it never changes.
	version atomic.Uint64
	size    atomic.Int64 // as the kernel was last told, -1 if it was not
}

// adopt ties the node to a content of a size, if it is not tied to another one
// already. The caller is about to tell the kernel.
func (n *fileNode) adopt(version uint64, size int64) bool {
	if !n.version.CompareAndSwap(0, version) && n.version.Load() != version {
		return false
	}
	n.size.Store(size)
	return true
}

// stale makes the node an old version and has its name forgotten: whoever comes
// by the name finds the new version, and the kernel makes its caller come.
func (n *fileNode) stale() syscall.Errno {
	attr := n.StableAttr()
	n.contract.versions.supersede(attr.Ino, attr.Gen)
	if name, parent := n.Parent(); parent != nil {
		n.contract.notify.forgetName(parent, name)
	}
	return syscall.ESTALE
}

func (n *fileNode) fail(op string, err error) syscall.Errno {
	return n.contract.fail(n.EmbeddedInode(), "", op, err)
}

// sameNode returns the operations of the node under a name of parent if it has
// this very identity, else the zero value.
func sameNode[T gofs.InodeEmbedder](parent *gofs.Inode, name string, attr gofs.StableAttr) (ops T) {
	if child := parent.GetChild(name); child != nil && child.StableAttr() == attr {
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
