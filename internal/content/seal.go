package content

import (
	"os"

	"golang.org/x/sys/unix"
)

// fileSeal is what stat says of a blob: while it stays the same, nobody has
// written to the file or put another in its place (ctime cannot be set).
type fileSeal struct {
	ino          uint64
	size         int64
	mtime, ctime unix.Timespec
}

func sealOf(f *os.File) (fileSeal, error) {
	var st unix.Stat_t
	if err := unix.Fstat(int(f.Fd()), &st); err != nil {
		return fileSeal{}, &os.PathError{Op: "fstat", Path: f.Name(), Err: err}
	}
	return fileSeal{ino: st.Ino, size: st.Size, mtime: st.Mtim, ctime: st.Ctim}, nil
}

// lockShared waits for a shared lock on f. Where the file system has no locks it
// does nothing: it only guards against a second process's compaction.
func lockShared(f *os.File) { _ = unix.Flock(int(f.Fd()), unix.LOCK_SH) }

// lockExclusive tries for an exclusive lock on f. It lasts until the file is
// closed or the process ends, also by kill -9.
func lockExclusive(f *os.File) bool {
	return unix.Flock(int(f.Fd()), unix.LOCK_EX|unix.LOCK_NB) == nil
}
