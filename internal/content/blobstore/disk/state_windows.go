package disk

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"syscall"
	"time"
	"unsafe"

	"golang.org/x/sys/windows"

	"ccsfs/internal/content/blobstore"
	"ccsfs/internal/osfile"
)

// stateAt is what the system says of a blob, which is opened for no more than that.
func stateAt(path string) (blobstore.State, error) {
	name, err := windows.UTF16PtrFromString(path)
	if err != nil {
		return blobstore.State{}, &fs.PathError{Op: "stat", Path: path, Err: err}
	}
	const share = windows.FILE_SHARE_READ | windows.FILE_SHARE_WRITE | windows.FILE_SHARE_DELETE
	h, err := windows.CreateFile(name, windows.FILE_READ_ATTRIBUTES, share, nil, windows.OPEN_EXISTING, windows.FILE_FLAG_BACKUP_SEMANTICS, 0)
	if err != nil {
		return blobstore.State{}, &fs.PathError{Op: "stat", Path: path, Err: err}
	}
	defer windows.CloseHandle(h) //nolint:errcheck // nothing was written
	return state(h, path)
}

// stateOf is stateAt of a file that is open.
func stateOf(f *os.File) (blobstore.State, error) { return state(windows.Handle(f.Fd()), f.Name()) }

// times are FILE_BASIC_INFO. What is in Changed cannot be set but by who asks for it.
type times struct {
	Created, Read, Written, Changed int64
	Attributes                      uint32
	_                               uint32
}

// state makes an identity of what the system says of a blob: while it stays the same, nobody
// has written to the file or put another in its place.
func state(h windows.Handle, path string) (blobstore.State, error) {
	var is windows.ByHandleFileInformation
	var at times
	err := windows.GetFileInformationByHandle(h, &is)
	if err == nil {
		err = windows.GetFileInformationByHandleEx(h, windows.FileBasicInfo, (*byte)(unsafe.Pointer(&at)), uint32(unsafe.Sizeof(at)))
	}
	if err != nil {
		return blobstore.State{}, &fs.PathError{Op: "stat", Path: path, Err: err}
	}
	size := int64(is.FileSizeHigh)<<32 | int64(is.FileSizeLow)
	index := int64(is.FileIndexHigh)<<32 | int64(is.FileIndexLow)
	return blobstore.State{Size: size, Identity: identity(index, size, at.Created, at.Written-at.Created, at.Changed-at.Written)}, nil
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
