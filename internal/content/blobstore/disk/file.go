package disk

import (
	"encoding/binary"
	"errors"
	"fmt"
	"os"
	"syscall"

	"ccsfs/internal/content/blobstore"
	"golang.org/x/sys/unix"
)

// file is a spool, or a finished blob.
type file struct {
	f     *os.File
	n     int64  // bytes appended
	temp  string // where it is, to be removed at Close; "" once it is a blob
	bound *bound // makes room where the disk is full
}

// Append writes at the end. Where the disk is full the blobs go that were not used for
// longest.
func (s *file) Append(p []byte) error {
	_, err := s.f.WriteAt(p, s.n)
	if errors.Is(err, syscall.ENOSPC) && s.bound.free(int64(len(p)), s.n) {
		_, err = s.f.WriteAt(p, s.n)
	}
	if err != nil {
		return err
	}
	s.n += int64(len(p))
	return nil
}

func (s *file) ReadAt(p []byte, off int64) (int, error) { return s.f.ReadAt(p, off) }

func (s *file) Close() error {
	if s.temp != "" {
		os.Remove(s.temp)
	}
	return s.f.Close()
}

func (s *file) Stat() (blobstore.State, error) {
	var st unix.Stat_t
	if err := unix.Fstat(int(s.f.Fd()), &st); err != nil {
		return blobstore.State{}, &os.PathError{Op: "fstat", Path: s.f.Name(), Err: err}
	}
	return stateOf(&st), nil
}

// stateOf makes an identity of what stat says of a blob: while it stays the same, nobody
// has written to the file or put another in its place (ctime cannot be set).
func stateOf(st *unix.Stat_t) blobstore.State {
	b := make([]byte, 0, 6*8)
	mtime, mnano := st.Mtim.Unix()
	ctime, cnano := st.Ctim.Unix()
	for _, v := range [...]uint64{st.Ino, uint64(st.Size), uint64(mtime), uint64(mnano), uint64(ctime), uint64(cnano)} {
		b = binary.NativeEndian.AppendUint64(b, v)
	}
	return blobstore.State{Size: st.Size, Identity: blobstore.Identity(b)}
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
