//go:build !windows

package fs

import (
	"context"
	"sort"
	"syscall"

	gofs "github.com/hanwen/go-fuse/v2/fs"
	"github.com/hanwen/go-fuse/v2/fuse"
)

// entries is what a directory holds at one moment, sorted by name.
type entries interface {
	len() int
	name(i int) string
	// dirent is entry i for readdir, without its offset.
	dirent(i int) fuse.DirEntry
	// child makes the node of entry i and fills in its attributes, without
	// waiting for anything; nil if they are not all known.
	child(ctx context.Context, i int, out *fuse.EntryOut) *gofs.Inode
}

// dots is how many entries come before the first real one: "." and "..".
const dots = 2

// dirHandle is an open directory. It goes on showing what the directory held
// when it was opened, so that a listing is never half old and half new.
// go-fuse calls its methods one at a time.
type dirHandle struct {
	entries entries
	self    uint64 // inode number of the directory
	parent  uint64 // and of the one above it
	pos     int    // next entry; 0 and 1 are the dots
	lease   *cacheLease
}

var _ = (gofs.FileReaddirenter)((*dirHandle)(nil))

// Readdirent gives the next entry. Its offset is the position after it, which
// is what Seekdir gets back.
func (h *dirHandle) Readdirent(ctx context.Context) (*fuse.DirEntry, syscall.Errno) {
	h.lease.used()
	if h.pos >= h.entries.len()+dots {
		return nil, 0
	}
	var e fuse.DirEntry
	switch h.pos {
	case 0:
		e = fuse.DirEntry{Name: ".", Mode: fuse.S_IFDIR, Ino: h.self}
	case 1:
		e = fuse.DirEntry{Name: "..", Mode: fuse.S_IFDIR, Ino: h.parent}
	default:
		e = h.entries.dirent(h.pos - dots)
	}
	h.pos++
	e.Off = uint64(h.pos)
	return &e, 0
}

var _ = (gofs.FileSeekdirer)((*dirHandle)(nil))

// Seekdir makes the entry after an offset the next one.
func (h *dirHandle) Seekdir(ctx context.Context, off uint64) syscall.Errno {
	if off > uint64(h.entries.len()+dots) {
		return syscall.EINVAL
	}
	h.pos = int(off)
	return 0
}

var _ = (gofs.FileLookuper)((*dirHandle)(nil))

// Lookup serves READDIRPLUS: the node of an entry that was just given.
func (h *dirHandle) Lookup(ctx context.Context, name string, out *fuse.EntryOut) (*gofs.Inode, syscall.Errno) {
	i := h.pos - 1 - dots
	if i < 0 || i >= h.entries.len() || h.entries.name(i) != name {
		var ok bool
		if i, ok = find(h.entries, name); !ok {
			return nil, syscall.ENOENT
		}
	}
	child := h.entries.child(ctx, i, out)
	if child == nil {
		// No node: the kernel takes the name alone (fuse_direntplus_link).
		*out = fuse.EntryOut{}
		return nil, syscall.ENOENT
	}
	return child, 0
}

var _ = (gofs.FileReleasedirer)((*dirHandle)(nil))

// Releasedir ends the listing.
func (h *dirHandle) Releasedir(ctx context.Context, flags uint32) { h.lease.release() }

// find searches for a name.
func find(e entries, name string) (int, bool) {
	i := sort.Search(e.len(), func(i int) bool { return e.name(i) >= name })
	return i, i < e.len() && e.name(i) == name
}
