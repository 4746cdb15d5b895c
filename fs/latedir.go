//go:build !windows

package fs

import (
	"context"
	"syscall"

	gofs "github.com/hanwen/go-fuse/v2/fs"
	"github.com/hanwen/go-fuse/v2/fuse"
)

// lateDirHandle is a directory that is opened, as far as we are concerned, when
// somebody first reads it.
type lateDirHandle struct {
	open func(ctx context.Context) (*dirHandle, syscall.Errno)
	dir  *dirHandle // nil before
}

// read opens the directory, if it is not open yet.
func (h *lateDirHandle) read(ctx context.Context) (*dirHandle, syscall.Errno) {
	if h.dir != nil {
		return h.dir, 0
	}
	dir, errno := h.open(ctx)
	if errno == 0 {
		h.dir = dir
	}
	return dir, errno
}

var _ = (gofs.FileReaddirenter)((*lateDirHandle)(nil))

// Readdirent gives the next entry.
func (h *lateDirHandle) Readdirent(ctx context.Context) (*fuse.DirEntry, syscall.Errno) {
	dir, errno := h.read(ctx)
	if errno != 0 {
		return nil, errno
	}
	return dir.Readdirent(ctx)
}

var _ = (gofs.FileSeekdirer)((*lateDirHandle)(nil))

// Seekdir makes the entry after an offset the next one.
func (h *lateDirHandle) Seekdir(ctx context.Context, off uint64) syscall.Errno {
	dir, errno := h.read(ctx)
	if errno != 0 {
		return errno
	}
	return dir.Seekdir(ctx, off)
}

var _ = (gofs.FileLookuper)((*lateDirHandle)(nil))

// Lookup serves READDIRPLUS.
func (h *lateDirHandle) Lookup(ctx context.Context, name string, out *fuse.EntryOut) (*gofs.Inode, syscall.Errno) {
	dir, errno := h.read(ctx)
	if errno != 0 {
		return nil, errno
	}
	return dir.Lookup(ctx, name, out)
}
