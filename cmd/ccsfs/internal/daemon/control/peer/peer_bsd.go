//go:build darwin || freebsd

package peer

import (
	"net"

	"golang.org/x/sys/unix"
)

// Credentials returns the user at the other end of a connection (LOCAL_PEERCRED, unix(4)); the
// process is not known there, 0.
func Credentials(c *net.UnixConn) (uid uint32, pid int, err error) {
	raw, err := c.SyscallConn()
	if err != nil {
		return 0, 0, err
	}
	var cred *unix.Xucred
	var credErr error
	err = raw.Control(func(fd uintptr) {
		cred, credErr = unix.GetsockoptXucred(int(fd), 0, unix.LOCAL_PEERCRED) // level 0: SOL_LOCAL
	})
	if err != nil {
		return 0, 0, err
	}
	if credErr != nil {
		return 0, 0, credErr
	}
	return cred.Uid, 0, nil
}
