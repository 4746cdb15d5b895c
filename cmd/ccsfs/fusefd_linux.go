package main

import (
	"os"
	"strconv"

	"golang.org/x/sys/unix"
)

// keepFromChildren makes sure that no program we start inherits a connection
// to the kernel's FUSE. go-fuse opens /dev/fuse without O_CLOEXEC where root
// mounts directly (mountDirect in fuse/mount_linux.go): a child that holds it
// could answer in our name, and would keep the mount hanging if we died.
func keepFromChildren() error {
	links, err := os.ReadDir("/proc/self/fd")
	if err != nil {
		return err
	}
	for _, link := range links {
		fd, err := strconv.Atoi(link.Name())
		if err != nil {
			continue
		}
		if target, err := os.Readlink("/proc/self/fd/" + link.Name()); err == nil && target == "/dev/fuse" {
			unix.CloseOnExec(fd)
		}
	}
	return nil
}
