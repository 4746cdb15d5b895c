package content

import (
	"errors"
	"io"
	"sync"
)

// recentMost is how many chunks of a document that is read while it comes stay in memory:
// 2 MiB, some times as much as the kernel reads ahead.
const recentMost = 8

// recent is where the bytes of a document are received, and the last of them, so that who
// reads a large one while it comes need not read them back from the cache, nor have them
// copied. All that it holds is in the spool, too.
type recent struct {
	pool *sync.Pool // of *[]byte, chunkLen long each

	mu     sync.Mutex
	chunks []*chunk // oldest first
}

// chunk is a part of the document. Its bytes never change once they are filled in; it goes
// back to the pool when it is dropped and nobody reads it.
type chunk struct {
	at      int64 // where it begins in the document
	filled  int
	buf     *[]byte
	readers int
	dropped bool
}

// space is where to put the bytes that follow at, of which keep tells then. It keeps at
// most so many chunks.
func (r *recent) space(at int64, most int) []byte {
	r.mu.Lock()
	defer r.mu.Unlock()
	if n := len(r.chunks); n > 0 {
		if c := r.chunks[n-1]; c.at+int64(c.filled) == at && c.filled < len(*c.buf) {
			return (*c.buf)[c.filled:]
		}
	}
	for len(r.chunks) >= most {
		r.drop()
	}
	c := &chunk{at: at, buf: r.pool.Get().(*[]byte)}
	r.chunks = append(r.chunks, c)
	return *c.buf
}

// keep says that the first n bytes of the space are of the document.
func (r *recent) keep(n int) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.chunks[len(r.chunks)-1].filled += n
}

// drop lets the oldest chunk go. r.mu is held.
func (r *recent) drop() {
	c := r.chunks[0]
	r.chunks[0] = nil
	r.chunks = r.chunks[1:]
	if c.dropped = true; c.readers == 0 {
		r.pool.Put(c.buf)
	}
}

// forget lets all go.
func (r *recent) forget() {
	r.mu.Lock()
	defer r.mu.Unlock()
	for len(r.chunks) > 0 {
		r.drop()
	}
}

// view returns n bytes from off, false where not all of them are in memory. They stay what
// they are until Done.
func (r *recent) view(n int, off int64) (Bytes, bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	b := Bytes{of: r}
	for _, c := range r.chunks {
		if skip := off - c.at; n > 0 && skip >= 0 && skip < int64(c.filled) {
			part := (*c.buf)[skip:min(int64(c.filled), skip+int64(n))]
			b.Parts, b.chunks = append(b.Parts, part), append(b.chunks, c)
			off, n = off+int64(len(part)), n-len(part)
		}
	}
	if n > 0 {
		return Bytes{}, false
	}
	for _, c := range b.chunks {
		c.readers++
	}
	return b, true
}

// Bytes is a part of a document, in pieces.
type Bytes struct {
	Parts  [][]byte // not to be changed, and not to be used after Done
	of     *recent
	chunks []*chunk
}

// Len is how many there are.
func (b Bytes) Len() (n int) {
	for _, p := range b.Parts {
		n += len(p)
	}
	return n
}

// Done lets go of the bytes. Where it is never called they are garbage some time.
func (b Bytes) Done() {
	if b.of == nil {
		return
	}
	b.of.mu.Lock()
	defer b.of.mu.Unlock()
	for _, c := range b.chunks {
		if c.readers--; c.readers == 0 && c.dropped {
			b.of.pool.Put(c.buf)
		}
	}
}

// whole is Bytes that are in one place, with the error that came with them.
func whole(p []byte, err error) (Bytes, error) {
	if len(p) == 0 || err != nil && !errors.Is(err, io.EOF) {
		return Bytes{}, err
	}
	return Bytes{Parts: [][]byte{p}}, err
}
