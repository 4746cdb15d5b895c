package fs

import (
	"context"
	"errors"
	"sync/atomic"
	"syscall"
	"time"

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
	blank   atomic.Int64 // when LOOKUP last answered without a size, Unix nanoseconds
}

// blankAnswer is how long the kernel may take to take in an answer.
const blankAnswer = 5 * time.Millisecond

// unsized reports whether the kernel was never told a size.
func (n *fileNode) unsized() bool { return n.size.Load() < 0 }

// settled returns when the kernel has taken in what it was answered about the
// node without a size. Of attributes that arrive while a GETATTR is under way
// the kernel believes those (attr_version in fuse_change_attributes_i, fs/fuse/
// inode.c): it drops the size that the GETATTR brings and reads an empty file.
// So a size is found out at the open, before any read asks GETATTR; from then
// on every answer has it.
func (n *fileNode) settled(ctx context.Context) error {
	wait := blankAnswer - time.Since(time.Unix(0, n.blank.Load()))
	if wait <= 0 || wait > blankAnswer {
		return nil
	}
	timer := time.NewTimer(wait)
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
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

// errSuperseded is what an ESTALE means.
var errSuperseded = errors.New("the name leads to other content by now; the kernel looks it up again")

// stale makes the node an old version and has its name forgotten: whoever comes
// by the name finds the new version, and the kernel makes its caller come.
func (n *fileNode) stale() syscall.Errno {
	n.contract.faults.report("revalidate", syscall.ESTALE, errSuperseded, func() string {
		return "/" + n.EmbeddedInode().Path(nil)
	})
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
