//go:build unix

package redis

import (
	"errors"
	"io"
	"syscall"

	"golang.org/x/sys/unix"
)

var errUnasked = errors.New("redis: something came that was not asked for")

// quiet looks whether a socket has ended, or holds something, and takes nothing out of it.
func quiet(socket syscall.RawConn) error {
	var found error
	err := socket.Read(func(fd uintptr) bool {
		var b [1]byte
		switch n, _, err := unix.Recvfrom(int(fd), b[:], unix.MSG_PEEK|unix.MSG_DONTWAIT); {
		case errors.Is(err, unix.EAGAIN), errors.Is(err, unix.EINTR):
		case err != nil:
			found = err
		case n == 0:
			found = io.EOF
		default:
			found = errUnasked
		}
		return true // never wait
	})
	if err != nil {
		return err
	}
	return found
}
