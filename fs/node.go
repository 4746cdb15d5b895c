//go:build !windows

package fs

import (
	"context"
	"syscall"

	gofs "github.com/hanwen/go-fuse/v2/fs"
	"github.com/hanwen/go-fuse/v2/fuse"
)

// maxName is how long a name may be, in bytes, as on other file systems of Linux
// (NAME_MAX). The kernel lets longer ones through to FUSE (FUSE_NAME_MAX).
const maxName = 255

// node is what every kind of node is made of.
type node struct{ gofs.Inode }

var _ = (gofs.NodeStatfser)((*node)(nil))

// Statfs answers from constants: df must work when the API does not. All of it
// is shown as free, so that nobody's monitoring takes a read-only mount for a
// full disk.
func (n *node) Statfs(ctx context.Context, out *fuse.StatfsOut) syscall.Errno {
	const (
		blockSize = 4096
		blocks    = 1 << 40 / blockSize
		files     = 1 << 30
	)
	*out = fuse.StatfsOut{
		Blocks: blocks, Bfree: blocks, Bavail: blocks,
		Files: files, Ffree: files,
		Bsize: blockSize, Frsize: blockSize, NameLen: maxName,
	}
	return 0
}

var _ = (gofs.NodeFlusher)((*node)(nil))

// Flush says that closing a file needs nothing, for this and all other files
// (no_flush in fs/fuse/file.c): one request less for every file read.
func (n *node) Flush(ctx context.Context, f gofs.FileHandle) syscall.Errno { return syscall.ENOSYS }

var _ = (gofs.NodeLseeker)((*node)(nil))

// Lseek leaves holes and data (SEEK_HOLE, SEEK_DATA) to the kernel, for this and
// all other files (no_lseek): there are no holes. go-fuse would ask for the size
// of the document that has the name now, not of the one that is open.
func (n *node) Lseek(ctx context.Context, f gofs.FileHandle, off uint64, whence uint32) (uint64, syscall.Errno) {
	return 0, syscall.ENOSYS
}

var _ = (gofs.NodeFsyncer)((*node)(nil))

// Fsync has nothing to write, for this and all other files (no_fsync). go-fuse
// would answer that it is not supported, which is an error to sync(1).
func (n *node) Fsync(ctx context.Context, f gofs.FileHandle, flags uint32) syscall.Errno {
	return syscall.ENOSYS
}
