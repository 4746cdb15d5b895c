//go:build linux || windows

package lease

import (
	"errors"
	"os"
	"sync"

	"ccsfs/internal/osfile"
)

// rangeLocker locks bytes of one file.
type rangeLocker struct {
	path string

	mu   sync.Mutex
	file *rangeFile // nil before the first use
}

// rangeFile is the file while anything needs it: locks of a file that was
// removed meanwhile are still honoured by those who hold them.
type rangeFile struct {
	f       *os.File
	locks   int
	retired bool // another one has taken its place
}

func newLocker(path string) locker { return &rangeLocker{path: path} }

func (r *rangeLocker) try(key uint64) (func(), bool, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	f, err := r.open()
	if err != nil {
		return nil, false, err
	}
	switch err := osfile.LockByte(f.f, key); {
	case errors.Is(err, osfile.ErrLocked):
		return nil, false, nil
	case err != nil:
		return nil, false, err
	}
	f.locks++
	return func() { r.unlock(f, key) }, true, nil
}

// open returns the file that the path leads to now. r.mu is held.
func (r *rangeLocker) open() (*rangeFile, error) {
	if r.file != nil && leadsTo(r.path, r.file.f) {
		return r.file, nil
	}
	f, err := osfile.Open(r.path, os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return nil, err
	}
	r.retire()
	r.file = &rangeFile{f: f}
	return r.file, nil
}

// retire lets go of the file as soon as it holds no lock. r.mu is held.
func (r *rangeLocker) retire() {
	if r.file == nil {
		return
	}
	r.file.retired = true
	if r.file.locks == 0 {
		r.file.f.Close()
	}
	r.file = nil
}

func (r *rangeLocker) unlock(f *rangeFile, key uint64) {
	r.mu.Lock()
	defer r.mu.Unlock()
	_ = osfile.UnlockByte(f.f, key) // it can only fail where the file is closed, and so unlocked
	if f.locks--; f.locks == 0 && f.retired {
		f.f.Close()
	}
}

func (r *rangeLocker) close() error {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.file == nil {
		return nil
	}
	f := r.file
	r.file = nil
	f.retired = true
	if f.locks > 0 {
		return nil // closed with its last lock
	}
	return f.f.Close()
}
