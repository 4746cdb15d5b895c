package mirror

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"io"
	"io/fs"
	"os"
	"time"
)

// What is at a place of the destination, and whether it is what an earlier pull left there.

// local looks at a file of the destination; nil if there is none.
func (d *Dest) local(name string) (fs.FileInfo, error) {
	info, err := d.lstat(name)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return nil, nil
	case err != nil:
		return nil, err
	case info.Mode()&fs.ModeSymlink != 0:
		return nil, errors.New("a symbolic link is in its place; it is left alone")
	case !info.Mode().IsRegular():
		return nil, errors.New("something that is no file is in its place; it is left alone")
	}
	return info, nil
}

// untouched tells whether a file is as an earlier pull left it.
func (d *Dest) untouched(name string, info fs.FileInfo) bool {
	e, ok := d.noted(name)
	return ok && e.Size == info.Size() && e.ModTime.Equal(info.ModTime())
}

// intact tells whether a file holds what an earlier pull left there, whatever its time: a
// folder that is copied to another disk, or comes back from a backup, may have others.
func (d *Dest) intact(e entry) bool {
	info, err := d.lstat(e.Path)
	if err != nil || !info.Mode().IsRegular() || info.Size() != e.Size {
		return false
	}
	if e.ModTime.Equal(info.ModTime()) {
		return true
	}
	sum, err := d.hash(e.Path)
	return err == nil && sum == e.SHA256
}

// hash returns the SHA-256 of a file, in hex.
func (d *Dest) hash(name string) (string, error) {
	f, err := d.open(name)
	if err != nil {
		return "", err
	}
	defer f.Close()
	return hashOf(f)
}

// hashOf returns the SHA-256 of what r has, in hex.
func hashOf(r io.Reader) (string, error) {
	h := sha256.New()
	if _, err := io.Copy(h, r); err != nil {
		return "", err
	}
	return hex.EncodeToString(h.Sum(nil)), nil
}

// sameFile tells whether two looks at a place saw the same file, or no file, and nobody
// wrote to it in between.
func sameFile(a, b fs.FileInfo) bool {
	if a == nil || b == nil {
		return a == nil && b == nil
	}
	return os.SameFile(a, b) && a.Size() == b.Size() && a.ModTime().Equal(b.ModTime())
}

// sameTime compares the times of files, as coarsely as file systems keep them.
func sameTime(a, b time.Time) bool { return a.Sub(b).Abs() <= mtimeGrain }

// mtimeGrain is the coarsest time of a file that is still taken for the same: FAT counts
// in two seconds.
const mtimeGrain = 2 * time.Second
