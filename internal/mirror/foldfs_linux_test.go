package mirror

import (
	"context"
	"fmt"
	"hash/fnv"
	"os"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/hanwen/go-fuse/v2/fs"
	"github.com/hanwen/go-fuse/v2/fuse"
)

// foldFile is a file, or a directory, of a file system that ignores case.
type foldFile struct {
	name  string // as written
	dir   bool
	files map[string]*foldFile // by fold

	data  []byte
	mode  uint32
	mtime time.Time
}

// foldNode is a file under one of its names. Each has an inode number of its own, as on
// exFAT by FUSE.
type foldNode struct {
	fs.Inode
	mu   *sync.Mutex
	file *foldFile
}

// mountFold mounts an empty file system that ignores case, until the test ends.
func mountFold(t *testing.T) (dir string) {
	t.Helper()
	if _, err := os.Stat("/dev/fuse"); err != nil {
		t.Skip("no /dev/fuse")
	}
	dir = t.TempDir()
	zero := time.Duration(0)
	server, err := fs.Mount(dir, &foldNode{mu: &sync.Mutex{}, file: &foldFile{dir: true, files: map[string]*foldFile{}}}, &fs.Options{EntryTimeout: &zero, AttrTimeout: &zero})
	if err != nil {
		t.Skip("no mount: ", err)
	}
	t.Cleanup(func() {
		if err := server.Unmount(); err != nil {
			t.Error(err)
		}
		server.Wait()
	})
	return dir
}

func (n *foldNode) attr(a *fuse.Attr) {
	a.Mode, a.Size, a.Nlink = n.file.mode, uint64(len(n.file.data)), 1
	a.SetTimes(&n.file.mtime, &n.file.mtime, &n.file.mtime)
}

func (n *foldNode) child(ctx context.Context, name string, f *foldFile, out *fuse.EntryOut) *fs.Inode {
	sum := fnv.New64a()
	fmt.Fprintf(sum, "%p %s", f, name)
	kind := uint32(fuse.S_IFREG)
	if f.dir {
		kind = fuse.S_IFDIR
	}
	c := &foldNode{mu: n.mu, file: f}
	c.attr(&out.Attr)
	return n.NewInode(ctx, c, fs.StableAttr{Mode: kind, Ino: sum.Sum64()})
}

func (n *foldNode) add(ctx context.Context, name string, f *foldFile, out *fuse.EntryOut) (*fs.Inode, syscall.Errno) {
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.file.files[fold(name)] != nil {
		return nil, syscall.EEXIST
	}
	f.name, f.mtime = name, time.Now()
	n.file.files[fold(name)] = f
	return n.child(ctx, name, f, out), 0
}

func (n *foldNode) Lookup(ctx context.Context, name string, out *fuse.EntryOut) (*fs.Inode, syscall.Errno) {
	n.mu.Lock()
	defer n.mu.Unlock()
	f := n.file.files[fold(name)]
	if f == nil {
		return nil, syscall.ENOENT
	}
	return n.child(ctx, name, f, out), 0
}

func (n *foldNode) Create(ctx context.Context, name string, _, mode uint32, out *fuse.EntryOut) (*fs.Inode, fs.FileHandle, uint32, syscall.Errno) {
	inode, errno := n.add(ctx, name, &foldFile{mode: mode}, out)
	return inode, nil, fuse.FOPEN_DIRECT_IO, errno
}

func (n *foldNode) Mkdir(ctx context.Context, name string, mode uint32, out *fuse.EntryOut) (*fs.Inode, syscall.Errno) {
	return n.add(ctx, name, &foldFile{mode: mode, dir: true, files: map[string]*foldFile{}}, out)
}

func (n *foldNode) Unlink(_ context.Context, name string) syscall.Errno {
	n.mu.Lock()
	defer n.mu.Unlock()
	delete(n.file.files, fold(name))
	return 0
}

func (n *foldNode) Rename(_ context.Context, name string, parent fs.InodeEmbedder, newName string, _ uint32) syscall.Errno {
	n.mu.Lock()
	defer n.mu.Unlock()
	f := n.file.files[fold(name)]
	delete(n.file.files, fold(name))
	f.name = newName
	parent.(*foldNode).file.files[fold(newName)] = f
	return 0
}

func (n *foldNode) Readdir(context.Context) (fs.DirStream, syscall.Errno) {
	n.mu.Lock()
	defer n.mu.Unlock()
	var list []fuse.DirEntry
	for _, f := range n.file.files {
		kind := uint32(fuse.S_IFREG)
		if f.dir {
			kind = fuse.S_IFDIR
		}
		list = append(list, fuse.DirEntry{Name: f.name, Mode: kind})
	}
	return fs.NewListDirStream(list), 0
}

func (n *foldNode) Open(context.Context, uint32) (fs.FileHandle, uint32, syscall.Errno) {
	return nil, fuse.FOPEN_DIRECT_IO, 0
}

func (n *foldNode) Read(_ context.Context, _ fs.FileHandle, buf []byte, off int64) (fuse.ReadResult, syscall.Errno) {
	n.mu.Lock()
	defer n.mu.Unlock()
	off = min(off, int64(len(n.file.data)))
	return fuse.ReadResultData(buf[:copy(buf, n.file.data[off:])]), 0
}

func (n *foldNode) Write(_ context.Context, _ fs.FileHandle, data []byte, off int64) (uint32, syscall.Errno) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.file.data = append(n.file.data[:off], data...) // nobody writes elsewhere
	n.file.mtime = time.Now()
	return uint32(len(data)), 0
}

func (n *foldNode) Fsync(context.Context, fs.FileHandle, uint32) syscall.Errno { return 0 }

func (n *foldNode) Getattr(_ context.Context, _ fs.FileHandle, out *fuse.AttrOut) syscall.Errno {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.attr(&out.Attr)
	return 0
}

func (n *foldNode) Setattr(_ context.Context, _ fs.FileHandle, in *fuse.SetAttrIn, out *fuse.AttrOut) syscall.Errno {
	n.mu.Lock()
	defer n.mu.Unlock()
	if size, ok := in.GetSize(); ok {
		n.file.data = n.file.data[:size]
	}
	if at, ok := in.GetMTime(); ok {
		n.file.mtime = at
	}
	n.attr(&out.Attr)
	return 0
}
