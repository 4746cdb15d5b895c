package content

import (
	"errors"
	"io"
	"os"
	"sync"
	"sync/atomic"
)

// spool is where the bytes of a document go while they arrive. Append is called
// by one goroutine; ReadAt by many, only below what has been appended. An Append
// that fails has appended nothing: the next one takes the same place.
type spool interface {
	Append(p []byte) error
	io.ReaderAt
	io.Closer
}

// fileSpool is a spool on disk, or a finished blob.
type fileSpool struct {
	f    *os.File
	n    int64
	temp string // path to remove at Close; "" once it is a blob
}

func (s *fileSpool) Append(p []byte) error {
	if _, err := s.f.WriteAt(p, s.n); err != nil {
		return err
	}
	s.n += int64(len(p))
	return nil
}

func (s *fileSpool) ReadAt(p []byte, off int64) (int, error) { return s.f.ReadAt(p, off) }

func (s *fileSpool) Close() error {
	if s.temp != "" {
		os.Remove(s.temp)
	}
	return s.f.Close()
}

// memSpool is a spool in memory, for when the disk is full or gone. All of a
// store's share one budget, so that a full disk does not become a full memory.
type memSpool struct {
	budget *atomic.Int64 // bytes left
	mu     sync.RWMutex  // guards the slices' headers; bytes once appended stay
	chunks [][]byte      // of memChunk bytes
	n      int64
}

const (
	memChunk  = 256 << 10
	memBudget = 64 << 20
)

// errNoSpace is what a full disk and a full budget have in common.
var errNoSpace = errors.New("no space to keep the document while it is read: the cache disk is full, and so is the memory set aside for that")

func (s *memSpool) Append(p []byte) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	for int64(len(s.chunks))*memChunk < s.n+int64(len(p)) {
		if s.budget.Add(-memChunk) < 0 {
			s.budget.Add(memChunk)
			return errNoSpace
		}
		s.chunks = append(s.chunks, make([]byte, memChunk))
	}
	for len(p) > 0 {
		n := copy(s.chunks[s.n/memChunk][s.n%memChunk:], p)
		s.n += int64(n)
		p = p[n:]
	}
	return nil
}

func (s *memSpool) ReadAt(p []byte, off int64) (int, error) {
	s.mu.RLock()
	defer s.mu.RUnlock()
	read := 0
	for read < len(p) {
		i := int(off / memChunk)
		if i >= len(s.chunks) {
			return read, io.EOF
		}
		n := copy(p[read:], s.chunks[i][off%memChunk:])
		read += n
		off += int64(n)
	}
	return read, nil
}

func (s *memSpool) Close() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.budget.Add(int64(len(s.chunks)) * memChunk)
	s.chunks = nil
	return nil
}
