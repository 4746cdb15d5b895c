package fs

import (
	"context"
	"errors"
	"syscall"

	"ccsfs/apiclient"
)

// errnoOf is the one place where an error becomes an errno. go-fuse's own
// fs.ToErrno makes ENOTSUP of context errors, and ENOENT of anything that wraps
// os.ErrNotExist, even a cache file that is gone.
//
// The order matters: a cancelled call may carry other errors along, and a call
// that was cancelled says nothing about the thing asked for.
func errnoOf(err error) syscall.Errno {
	for _, row := range [...]struct {
		cause error
		errno syscall.Errno
	}{
		{context.Canceled, syscall.EINTR},
		{context.DeadlineExceeded, syscall.ETIMEDOUT},
		{apiclient.ErrTimeout, syscall.ETIMEDOUT},
		{apiclient.ErrUnauthorized, syscall.EACCES},
		{apiclient.ErrForbidden, syscall.EACCES},
		{apiclient.ErrRateLimited, syscall.EAGAIN},
		{apiclient.ErrNotFound, syscall.ENOENT},
		{apiclient.ErrUnreachable, syscall.EHOSTUNREACH},
		{apiclient.ErrProtocol, syscall.EPROTO},
	} {
		if errors.Is(err, row.cause) {
			return row.errno
		}
	}
	if err == nil {
		return 0
	}
	return syscall.EIO
}

// errnoOfRead keeps EAGAIN from read(2), to which it means "no data yet, use
// poll(2)": Go programs then wait for ever (the kernel lets them poll files of
// FUSE), and Python's read returns None, which shutil takes for the end, and so
// makes an empty copy without an error. Opening, listing and stat are safe.
func errnoOfRead(errno syscall.Errno) syscall.Errno {
	if errno == syscall.EAGAIN {
		return syscall.EBUSY
	}
	return errno
}
