package fs

import (
	"context"
	"os"
	"strconv"
	"syscall"

	gofs "github.com/hanwen/go-fuse/v2/fs"
	"github.com/hanwen/go-fuse/v2/fuse"
	"golang.org/x/sys/unix"
)

// newServer mounts, and has answered INIT when it returns.
//
// go-fuse opens /dev/fuse without O_CLOEXEC where root mounts directly
// (mountDirect in fuse/mount_linux.go). A child that inherits it could answer in
// our name, and would keep the mount hanging if we died: nobody may fork until
// it is marked.
func newServer(root gofs.InodeEmbedder, dir string, o *fuse.MountOptions) (*fuse.Server, error) {
	if !o.DirectMountStrict {
		return newServerByHelper(root, dir, o)
	}
	syscall.ForkLock.RLock()
	defer syscall.ForkLock.RUnlock()
	server, err := fuse.NewServer(gofs.NewNodeFS(root, nodeOptions()), dir, o)
	if err != nil {
		return nil, err
	}
	keepFromChildren()
	return server, nil
}

// newServerByHelper mounts as users do.
func newServerByHelper(root gofs.InodeEmbedder, dir string, o *fuse.MountOptions) (*fuse.Server, error) {
	bin, err := fusermount()
	if err != nil {
		return nil, err
	}
	fd, err := mountByHelper(bin, dir, o)
	if err != nil {
		return nil, err
	}
	// go-fuse takes a connection by this name, and owns it.
	server, err := fuse.NewServer(gofs.NewNodeFS(root, nodeOptions()), "/dev/fd/"+strconv.Itoa(fd), o)
	if err != nil {
		_ = unmountLazily(context.Background(), dir) // it is the mount that failed
		return nil, err
	}
	return server, nil
}

// keepFromChildren marks every connection to FUSE as not to be inherited.
func keepFromChildren() {
	links, err := os.ReadDir("/proc/self/fd")
	if err != nil {
		return // no /proc: nothing can be found
	}
	for _, link := range links {
		fd, err := strconv.Atoi(link.Name())
		if err != nil {
			continue
		}
		if target, err := os.Readlink("/proc/self/fd/" + link.Name()); err == nil && target == fuseDevice {
			unix.CloseOnExec(fd)
		}
	}
}

// awaitMount has nothing to wait for: the mount is there, and INIT answered, when
// fuse.NewServer returns. fuse.Server.WaitMount would open a file of our own
// mount to teach the kernel that there is no POLL; a kill -9 at that moment
// leaves a process waiting for itself, which nothing can end but aborting the
// connection. See Server.DisablePoll.
func awaitMount(*fuse.Server) error { return nil }
