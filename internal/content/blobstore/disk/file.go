package disk

import (
	"os"

	"ccsfs/internal/content/blobstore"
	"ccsfs/internal/osfile"
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
	if osfile.IsFull(err) && s.bound.free(int64(len(p)), s.n) {
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
		osfile.Remove(s.temp)
	}
	return s.f.Close()
}

// Stat implements blobstore.Blob.
func (s *file) Stat() (blobstore.State, error) { return stateOf(s.f) }
