package content

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"

	"golang.org/x/sys/unix"
)

// openBlob makes the blob that r describes the body's bytes. A blob that is not
// what r says is fetched again by the caller, and removed if nobody can be about to
// write down what it is: alone means that this process has the document's lease,
// and has read the index under it.
func (b *body) openBlob(r *record, alone bool) bool {
	if r.SHA256 == "" {
		return false
	}
	path := b.store.disk.blobPath(b.ref.key())
	f, err := openFile(path)
	if err != nil {
		if !errors.Is(err, fs.ErrNotExist) {
			b.store.diskTrouble("cannot read from the cache; the document is fetched again", err)
		}
		return false
	}
	seal, err := sealOf(f)
	if err == nil && seal != r.seal {
		err = b.store.checkBlob(f, r.Size, r.SHA256)
	}
	if err != nil {
		f.Close()
		if alone {
			b.store.blobs.remove(path)
			os.Remove(path)
			b.store.log.Warn("cached document is damaged; it is fetched again",
				"contract", b.ref.ContractID, "document", b.ref.DocumentID, "error", err)
		}
		return false
	}
	if seal != r.seal {
		sealed := *r
		sealed.seal = seal
		b.store.index(b.ref.ContractID).update(r, &sealed)
		r = &sealed
	}
	b.store.blobs.touch(path, r.Size)
	b.mu.Lock()
	defer b.mu.Unlock()
	b.useBlob(f, r)
	return true
}

// useBlob makes f, which is what r says, the body's bytes. b.mu is held.
func (b *body) useBlob(f *os.File, r *record) {
	b.store.counters.hits.Add(1)
	if b.spool != nil {
		b.old = append(b.old, b.spool)
	}
	b.spool, b.file, b.seal = &fileSpool{f: f}, f, r.seal
	b.n, b.size, b.info, b.known = r.Size, r.Size, b.store.describe(b.ref, r), true
}

// openFile opens a file for reading without a try to have it polled, which
// os.Open makes and which regular files never take. It does not wait for anybody
// to write to a pipe that lies in the place of a file.
func openFile(path string) (*os.File, error) {
	fd, err := unix.Open(path, unix.O_RDONLY|unix.O_CLOEXEC|unix.O_NOFOLLOW|unix.O_NONBLOCK, 0)
	if err != nil {
		return nil, &os.PathError{Op: "open", Path: path, Err: err}
	}
	return os.NewFile(uintptr(fd), path), nil
}

// hasBlob says whether a blob that may be what r describes is in the cache.
func (s *Store) hasBlob(k key, r *record) bool {
	if r.SHA256 == "" {
		return false
	}
	st, err := os.Stat(s.disk.blobPath(k))
	return err == nil && st.Size() == r.Size
}

// hashOf gives the SHA-256 of the first size bytes of r, in hex. Fewer are an error.
func hashOf(r io.ReaderAt, size int64, buf []byte) (string, error) {
	h := sha256.New()
	n, err := io.CopyBuffer(h, io.NewSectionReader(r, 0, size), buf)
	if err == nil && n < size {
		err = io.ErrUnexpectedEOF
	}
	return hex.EncodeToString(h.Sum(nil)), err
}

// checkBlob reads a blob through and compares it with what it should be.
func (s *Store) checkBlob(f *os.File, size int64, sum string) error {
	st, err := f.Stat()
	if err != nil {
		return err
	}
	if st.Size() != size {
		return fmt.Errorf("it has %d bytes, not %d", st.Size(), size)
	}
	buf := s.buffers.Get().(*[]byte)
	defer s.buffers.Put(buf)
	got, err := hashOf(f, size, *buf)
	if err == nil && got != sum {
		err = fmt.Errorf("its SHA-256 is not the one it was stored with")
	}
	return err
}
