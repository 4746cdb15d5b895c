package disk

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"syscall"
	"time"

	"ccsfs/internal/content/blobstore"
	"ccsfs/internal/osfile"
)

// stateAt is what the system says of a blob, which is not opened.
func stateAt(path string) (blobstore.State, error) {
	info, err := os.Stat(path)
	if err != nil {
		return blobstore.State{}, err
	}
	return state(info), nil
}

// stateOf is stateAt of a file that is open.
func stateOf(f *os.File) (blobstore.State, error) {
	info, err := f.Stat()
	if err != nil {
		return blobstore.State{}, err
	}
	return state(info), nil
}

// state makes an identity of what the system says of a blob: while it stays the same, nobody
// has written to the file or put another in its place, unless that one has set all times to
// what they were.
func state(info fs.FileInfo) blobstore.State {
	b := make([]byte, 0, 3*8)
	b = binary.NativeEndian.AppendUint64(b, uint64(info.Size()))
	b = binary.NativeEndian.AppendUint64(b, uint64(info.ModTime().UnixNano()))
	if data, ok := info.Sys().(*syscall.Win32FileAttributeData); ok {
		b = binary.NativeEndian.AppendUint64(b, uint64(data.CreationTime.Nanoseconds()))
	}
	return blobstore.State{Size: info.Size(), Identity: blobstore.Identity(b)}
}

// lookAt is what a survey notes of a file.
func lookAt(path string) (blob, bool) {
	info, err := os.Lstat(path)
	if err != nil {
		return blob{}, false
	}
	used := info.ModTime()
	// The time of the last access: to the hour, and not kept at all by some disks.
	if data, ok := info.Sys().(*syscall.Win32FileAttributeData); ok {
		if read := time.Unix(0, data.LastAccessTime.Nanoseconds()); read.After(used) {
			used = read
		}
	}
	return blob{info.Size(), used}, true
}

// openFile opens a file for reading.
func openFile(path string) (*os.File, error) {
	f, err := osfile.Open(path, os.O_RDONLY, 0)
	if errors.Is(err, syscall.ELOOP) {
		err = &fs.PathError{Op: "open", Path: path, Err: fmt.Errorf("%w (%w)", blobstore.ErrSymlink, syscall.ELOOP)}
	}
	return f, err
}
