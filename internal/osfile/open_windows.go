package osfile

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	"golang.org/x/sys/windows"
)

// Copied is the mode of a file that is a copy of something: nobody is to change it. Where a
// file that is marked so cannot be replaced either, as here, it is not marked.
const Copied fs.FileMode = 0o666

// Open is os.OpenFile for a file that others may rename, replace or remove while it is open.
// It does not wait for anybody to write to a pipe, and a symbolic link in its place is an
// error that Is syscall.ELOOP.
//
// An os.Root shares files for deletion (FILE_SHARE_DELETE), which os.OpenFile does not.
func Open(path string, flag int, perm fs.FileMode) (f *os.File, err error) {
	err = in(path, func(dir *os.Root, name string) error {
		if info, err := dir.Lstat(name); err == nil && info.Mode()&fs.ModeSymlink != 0 {
			return &fs.PathError{Op: "open", Path: path, Err: syscall.ELOOP}
		}
		f, err = dir.OpenFile(name, flag, perm)
		return err
	})
	return f, err
}

// OpenToRead is Open for reading what a symbolic link leads to, too. That one cannot be
// replaced meanwhile.
func OpenToRead(path string) (*os.File, error) {
	f, err := Open(path, os.O_RDONLY, 0)
	if errors.Is(err, syscall.ELOOP) {
		return os.Open(path)
	}
	return f, err
}

// Remove is os.Remove, also of a file that is open: its name is free at once. An os.Root asks
// for that with FILE_DISPOSITION_POSIX_SEMANTICS; disks that do not know those keep the name
// until the file is closed, so that it is given another one first.
func Remove(path string) error {
	return in(path, func(dir *os.Root, name string) error {
		aside := temporary(name)
		if info, err := dir.Lstat(name); err != nil || !info.Mode().IsRegular() || dir.Rename(name, aside) != nil {
			return dir.Remove(name)
		}
		err := dir.Remove(aside)
		if err != nil {
			err = errors.Join(err, dir.Rename(aside, name))
		}
		return err
	})
}

// Rename is os.Rename, also of a file that is open, and over one that is, see Open: an
// os.Root asks for it with FILE_RENAME_POSIX_SEMANTICS. Disks that do not know those, such as
// FAT, keep the name of an open file from others: it is given another one first, so that
// for a moment nothing is at the path. Where another program has the file open for itself (a
// scanner for viruses does so with what is new), it is tried again for half a second.
func Rename(from, to string) error {
	above, from, to, ok := common(from, to)
	if !ok { // on two drives
		return os.Rename(from, to)
	}
	root, err := os.OpenRoot(above)
	if err != nil {
		return err
	}
	defer root.Close()
	for pause := time.Millisecond; ; pause *= 2 {
		err := root.Rename(from, to)
		if !isOne(err, windows.ERROR_ACCESS_DENIED, windows.ERROR_SHARING_VIOLATION) {
			return err
		}
		if replace(root, from, to) == nil {
			return nil
		}
		if pause > renameMost/2 {
			return err
		}
		time.Sleep(pause)
	}
}

const renameMost = 512 * time.Millisecond

// replace is Rename by way of another name for what is there.
func replace(root *os.Root, from, to string) error {
	aside := filepath.Join(filepath.Dir(to), temporary(filepath.Base(to)))
	if err := root.Rename(to, aside); err != nil {
		return err
	}
	if err := root.Rename(from, to); err != nil {
		return errors.Join(err, root.Rename(aside, to))
	}
	_ = root.Remove(aside) // goes when it is closed
	return nil
}

// common is the directory that two paths are both below, and what they are from there.
func common(a, b string) (dir, fromA, fromB string, ok bool) {
	for _, p := range []*string{&a, &b} {
		abs, err := filepath.Abs(*p)
		if err != nil {
			return "", a, b, false
		}
		*p = abs
	}
	for dir = filepath.Dir(a); ; dir = filepath.Dir(dir) {
		prefix := strings.TrimSuffix(dir, `\`) + `\`
		if below, is := strings.CutPrefix(b, prefix); is && below != "" {
			return dir, strings.TrimPrefix(a, prefix), below, true
		}
		if dir == filepath.Dir(dir) {
			return "", a, b, false
		}
	}
}

// in calls do with the directory of a path. Errors name the whole path.
func in(path string, do func(dir *os.Root, name string) error) error {
	root, err := os.OpenRoot(filepath.Dir(path))
	if err != nil {
		return err
	}
	defer root.Close()
	err = do(root, filepath.Base(path))
	var p *fs.PathError
	if errors.As(err, &p) {
		return &fs.PathError{Op: strings.TrimSuffix(p.Op, "at"), Path: path, Err: p.Err}
	}
	return err
}

// lstat has the identity of the file looked up at once: package os does so when it is
// compared, by the path, where there may be another file then.
func lstat(path string) (fs.FileInfo, error) {
	info, err := os.Lstat(path)
	if err == nil {
		os.SameFile(info, info)
	}
	return info, err
}
