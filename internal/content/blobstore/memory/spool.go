package memory

import (
	"io"
	"sync"
	"sync/atomic"

	"ccsfs/internal/content/blobstore"
)

// Budget is how many bytes of memory are left for spools.
type Budget struct{ left atomic.Int64 }

// Add gives the budget so many bytes more.
func (b *Budget) Add(bytes int64) { b.left.Add(bytes) }

// Left tells how many bytes are left.
func (b *Budget) Left() int64 { return b.left.Load() }

// ChunkLen is how many bytes a spool takes of its budget at once.
const ChunkLen = 256 << 10

// Spool is a spool in memory. Several may share one budget, so that a full disk does
// not become a full memory.
type Spool struct {
	budget *Budget
	mu     sync.RWMutex // guards the slices' headers; bytes once appended stay
	chunks [][]byte     // of ChunkLen bytes
	n      int64
	blob   *blob // what Put made of it
}

// NewSpool makes an empty spool.
func NewSpool(b *Budget) *Spool { return &Spool{budget: b} }

// Append adds to the spool, or fails with [blobstore.ErrNoSpace].
func (s *Spool) Append(p []byte) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	for int64(len(s.chunks))*ChunkLen < s.n+int64(len(p)) {
		if s.budget.left.Add(-ChunkLen) < 0 {
			s.budget.left.Add(ChunkLen)
			return blobstore.ErrNoSpace
		}
		s.chunks = append(s.chunks, make([]byte, ChunkLen))
	}
	for len(p) > 0 {
		n := copy(s.chunks[s.n/ChunkLen][s.n%ChunkLen:], p)
		s.n += int64(n)
		p = p[n:]
	}
	return nil
}

// ReadAt fills p from off, from what has been appended.
func (s *Spool) ReadAt(p []byte, off int64) (int, error) {
	s.mu.RLock()
	defer s.mu.RUnlock()
	read := 0
	for read < len(p) {
		i := int(off / ChunkLen)
		if i >= len(s.chunks) || off >= s.n {
			return read, io.EOF
		}
		n := copy(p[read:], s.chunks[i][off%ChunkLen:min(ChunkLen, s.n-int64(i)*ChunkLen)])
		read += n
		off += int64(n)
	}
	return read, nil
}

// Stat tells what the spool is now.
func (s *Spool) Stat() (blobstore.State, error) {
	s.mu.RLock()
	defer s.mu.RUnlock()
	if s.blob != nil {
		return s.blob.Stat()
	}
	return blobstore.State{Size: s.n}, nil
}

// Close gives the memory back.
func (s *Spool) Close() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.budget.left.Add(int64(len(s.chunks)) * ChunkLen)
	s.chunks = nil
	return nil
}
