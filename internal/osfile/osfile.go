// Package osfile is what operating systems do differently about files, each thing once: to
// open one that others may rename or remove meanwhile, to lock it, to put it in the place of
// another, whose it is, why it cannot be written. Whoever uses it has one code for all of
// them. It knows nothing of what is in a file.
//
// Unix is the measure. Windows does as much of it as it can: names of open files can be
// taken away or given to others on NTFS since Windows 10 1809, not on FAT; who may read a
// file is said by access control lists, which are not looked at.
package osfile

import (
	"errors"
	"io/fs"
)

// ErrLocked says that somebody else has a lock.
var ErrLocked = errors.New("it is locked")

// ID tells the files of this machine apart, for as long as they are there: device and inode.
type ID struct{ Device, Inode uint64 }

// Lstat is os.Lstat for an answer that is kept, to be compared with a later one by
// os.SameFile.
func Lstat(path string) (fs.FileInfo, error) { return lstat(path) }
