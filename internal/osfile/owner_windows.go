package osfile

import (
	"errors"
	"io/fs"
	"os"

	"golang.org/x/sys/windows"
)

// Stranger is the user who owns a file, if that is not this one, nor unknown, as here: what
// the user has lies in the profile, which is that user's by its access control list.
func Stranger(fs.FileInfo) (uid int, is bool) { return 0, false }

// Exposed tells whether the mode of a file has some of these bits, by which others than its
// owner may do something with it. Modes say nothing of that here, access control lists do.
func Exposed(fs.FileInfo, fs.FileMode) bool { return false }

// Identity is the ID of a file, and how many names it has. A look at a file does not tell
// here.
func Identity(fs.FileInfo) (id ID, names uint64, ok bool) { return ID{}, 0, false }

// errNotDir is not syscall.ENOTDIR, which Is fs.ErrNotExist here.
var errNotDir = errors.New("not a directory")

// Writable tells why nothing can be put into a directory, as far as permissions say, which
// are not looked at here: it is there, and a directory.
func Writable(dir string) error {
	info, err := os.Stat(dir)
	switch {
	case err != nil:
		return err.(*fs.PathError).Err //nolint:errorlint // os.Stat promises it
	case !info.IsDir():
		return errNotDir
	}
	return nil
}

// Free is how many bytes this user can still write to the disk that a directory is on.
func Free(dir string) (int64, error) {
	path, err := windows.UTF16PtrFromString(dir)
	if err != nil {
		return 0, err
	}
	var free uint64
	if err := windows.GetDiskFreeSpaceEx(path, &free, nil, nil); err != nil {
		return 0, err
	}
	return int64(min(free, 1<<62)), nil
}

// SyncDir puts the names in a directory on the disk. Windows does not do so at somebody's
// request: NTFS has a log of its own.
func SyncDir(dir string) error {
	_, err := os.Stat(dir)
	return err
}
