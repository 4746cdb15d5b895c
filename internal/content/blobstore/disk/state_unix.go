//go:build unix

package disk

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"time"

	"golang.org/x/sys/unix"

	"ccsfs/internal/content/blobstore"
)

// stateAt is what stat says of a blob, which is not opened.
func stateAt(path string) (blobstore.State, error) {
	var st unix.Stat_t
	for {
		switch err := unix.Stat(path, &st); {
		case errors.Is(err, unix.EINTR):
		case err != nil:
			return blobstore.State{}, &fs.PathError{Op: "stat", Path: path, Err: err}
		default:
			return state(&st), nil
		}
	}
}

// stateOf is stateAt of a file that is open.
func stateOf(f *os.File) (blobstore.State, error) {
	var st unix.Stat_t
	if err := unix.Fstat(int(f.Fd()), &st); err != nil {
		return blobstore.State{}, &os.PathError{Op: "fstat", Path: f.Name(), Err: err}
	}
	return state(&st), nil
}

// state makes an identity of what stat says of a blob: while it stays the same, nobody
// has written to the file or put another in its place (ctime cannot be set).
func state(st *unix.Stat_t) blobstore.State {
	mtime, mnano := st.Mtim.Unix()
	ctime, cnano := st.Ctim.Unix()
	return blobstore.State{Size: st.Size, Identity: identity(int64(st.Ino), st.Size, mtime, ctime-mtime, mnano, cnano-mnano)}
}

// lookAt is what a survey notes of a file.
func lookAt(path string) (blob, bool) {
	var st unix.Stat_t
	if err := unix.Lstat(path, &st); err != nil {
		return blob{}, false
	}
	// atime: with relatime to the day, and never before it was written
	used := time.Unix(st.Atim.Unix())
	if written := time.Unix(st.Mtim.Unix()); written.After(used) {
		used = written
	}
	return blob{st.Size, used}, true
}

// openFile opens a file for reading without a try to have it polled, which
// os.Open makes and which regular files never take. It does not wait for anybody
// to write to a pipe that lies in the place of a file.
func openFile(path string) (*os.File, error) {
	fd, err := unix.Open(path, unix.O_RDONLY|unix.O_CLOEXEC|unix.O_NOFOLLOW|unix.O_NONBLOCK, 0)
	if errors.Is(err, unix.ELOOP) {
		err = fmt.Errorf("%w (%w)", blobstore.ErrSymlink, err)
	}
	if err != nil {
		return nil, &os.PathError{Op: "open", Path: path, Err: err}
	}
	return os.NewFile(uintptr(fd), path), nil
}
