//go:build unix

package osfile

import (
	"io/fs"
	"os"

	"golang.org/x/sys/unix"
)

// Copied is the mode of a file that is a copy of something: nobody is to change it. Where a
// file that is marked so cannot be replaced either, it is not marked.
const Copied fs.FileMode = 0o444

// Open is os.OpenFile for a file that others may rename, replace or remove while it is open.
// It does not wait for anybody to write to a pipe, and a symbolic link in its place is an
// error that Is syscall.ELOOP.
func Open(path string, flag int, perm fs.FileMode) (*os.File, error) {
	return os.OpenFile(path, flag|unix.O_NOFOLLOW|unix.O_NONBLOCK, perm)
}

// OpenToRead is Open for reading what a symbolic link leads to, too.
func OpenToRead(path string) (*os.File, error) {
	return os.OpenFile(path, os.O_RDONLY|unix.O_NONBLOCK, 0)
}

// Rename is os.Rename, also of a file that is open, and over one that is.
func Rename(from, to string) error { return os.Rename(from, to) }

// Remove is os.Remove, also of a file that is open: its name is free at once.
func Remove(path string) error { return os.Remove(path) }

func lstat(path string) (fs.FileInfo, error) { return os.Lstat(path) }
