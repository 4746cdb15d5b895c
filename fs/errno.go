//go:build !windows

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
// There is no EAGAIN, which read(2) would pass on, from READ or from the GETATTR
// before it, and there means "no data yet, use poll(2)": Go programs wait for ever
// in epoll_wait(2), since the kernel lets them poll files of FUSE, and Python's
// read returns None, which shutil takes for the end: an empty copy, no error.
//
// Nor is there an EPROTO for an answer that is not what the API promises: EIO says
// as much, and is one of those that backups know to mean one file. On any other
// duplicity and rdiff-backup end at once.
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
		{apiclient.ErrRateLimited, syscall.EBUSY},
		{errListed, syscall.EIO},
		{apiclient.ErrNotFound, syscall.ENOENT},
		{apiclient.ErrUnreachable, syscall.EHOSTUNREACH},
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

// errListed is that something is in a listing, and yet not to be found.
var errListed = errors.New("it is listed, but the API does not have it")

// unavailable reports whether err is an answer of the API about one document: it
// is not there, may not be had, or is none. Other documents are none the worse.
func unavailable(err error) bool {
	if errors.Is(err, context.Canceled) || errors.Is(err, apiclient.ErrUnauthorized) {
		return false // about the caller, or about the account
	}
	for _, cause := range [...]error{
		apiclient.ErrNotFound, apiclient.ErrForbidden, apiclient.ErrInvalid, apiclient.ErrProtocol,
	} {
		if errors.Is(err, cause) {
			return true
		}
	}
	return false
}
