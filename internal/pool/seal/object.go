package seal

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"

	"filippo.io/age"
)

// Object is a header and its bytes, as they are put into a store. It is closed once it was put.
// ReadAt may be called concurrently.
type Object struct {
	at   io.ReaderAt
	size int64
	end  func() error
}

// ReadAt implements io.ReaderAt.
func (o *Object) ReadAt(p []byte, off int64) (int, error) { return o.at.ReadAt(p, off) }

// Size is how long it is in bytes, the header included.
func (o *Object) Size() int64 { return o.size }

// Close gives back what an encrypted object took of the disk. The body stays open.
func (o *Object) Close() error {
	if o.end == nil {
		return nil
	}
	return o.end()
}

// Plain puts a header that [Key.Seal] made before the bytes that it is of.
func (k *Key) Plain(header []byte, body io.ReaderAt, size int64) *Object {
	return &Object{at: joined{header, body, size}, size: int64(len(header)) + size}
}

// inMemory is up to which size in bytes an encrypted object is kept in memory while it is put.
const inMemory = 1 << 20

// Encrypted is Plain, encrypted as one file of age for the pool key: age -d -i KEYFILE gives
// the three lines of the header, and then the bytes. Each call encrypts otherwise. What is
// larger than 1 MiB lies, encrypted, in a file without a name in the directory for temporary
// files until Close, since an upload that is tried again must be of the same bytes.
func (k *Key) Encrypted(header []byte, body io.ReaderAt, size int64) (*Object, error) {
	plain := k.Plain(header, body, size)
	src, err := age.EncryptReader(io.NewSectionReader(plain, 0, plain.size), k.secret.identity.Recipient())
	if err != nil {
		return nil, fmt.Errorf("encrypt an object: %w", err)
	}
	if plain.size <= inMemory {
		var b bytes.Buffer
		b.Grow(int(plain.size) + 1<<10)
		if _, err := b.ReadFrom(src); err != nil {
			return nil, fmt.Errorf("encrypt an object: %w", err)
		}
		return &Object{at: bytes.NewReader(b.Bytes()), size: int64(b.Len())}, nil
	}
	return spooled(src)
}

// spooled keeps what it reads in a temporary file.
func spooled(src io.Reader) (*Object, error) {
	f, err := os.CreateTemp("", "ccsfs-object-*")
	if err != nil {
		return nil, fmt.Errorf("no room to encrypt an object: %w", err)
	}
	// Where open files cannot be removed, it has its name until it is closed.
	unnamed := os.Remove(f.Name()) == nil
	o := &Object{at: f, end: func() error {
		err := f.Close()
		if !unnamed {
			err = errors.Join(err, os.Remove(f.Name()))
		}
		return err
	}}
	if o.size, err = io.Copy(f, src); err != nil {
		return nil, fmt.Errorf("encrypt an object: %w", errors.Join(err, o.Close()))
	}
	return o, nil
}

// joined is a header before a body of size bytes.
type joined struct {
	header []byte
	body   io.ReaderAt
	size   int64
}

// ReadAt implements io.ReaderAt. A body that is shorter than its size is io.ErrUnexpectedEOF.
func (j joined) ReadAt(p []byte, off int64) (n int, err error) {
	if off < 0 {
		return 0, errors.New("read before the beginning of an object")
	}
	if off < int64(len(j.header)) {
		n = copy(p, j.header[off:])
		p, off = p[n:], off+int64(n)
	}
	at := off - int64(len(j.header))
	if left := max(j.size-at, 0); int64(len(p)) > left {
		p, err = p[:left], io.EOF
	}
	if len(p) == 0 {
		return n, err
	}
	m, failed := j.body.ReadAt(p, at)
	switch {
	case m == len(p):
		return n + m, err
	case errors.Is(failed, io.EOF):
		failed = io.ErrUnexpectedEOF
	}
	return n + m, failed
}
