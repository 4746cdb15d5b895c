package content

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"io"
	"io/fs"
	"os"
)

// openBlob makes the blob that r describes the body's bytes. A blob that is not
// what r says is removed: the caller fetches the document again.
func (b *body) openBlob(r *record) bool {
	if r.SHA256 == "" {
		return false
	}
	path := b.store.disk.blobPath(b.ref.key())
	f, err := os.Open(path)
	if err != nil {
		if !errors.Is(err, fs.ErrNotExist) {
			b.store.diskTrouble("cannot read from the cache; the document is fetched again", err)
		}
		return false
	}
	seal, err := sealOf(f)
	if err == nil && seal != r.seal {
		err = checkBlob(f, r.Size, r.SHA256)
	}
	if err != nil {
		f.Close()
		b.store.blobs.remove(path)
		os.Remove(path)
		b.store.log.Warn("cached document is damaged; it is fetched again",
			"contract", b.ref.ContractID, "document", b.ref.DocumentID, "error", err)
		return false
	}
	if seal != r.seal {
		sealed := *r
		sealed.seal = seal
		b.store.index(b.ref.ContractID).update(r, &sealed)
	}
	b.store.blobs.touch(path, r.Size)
	b.store.counters.hits.Add(1)
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.spool != nil {
		b.old = append(b.old, b.spool)
	}
	b.spool, b.file, b.seal = &fileSpool{f: f}, f, seal
	b.n, b.size, b.info, b.known = r.Size, r.Size, b.store.describe(b.ref, r), true
	return true
}

// hasBlob says whether a blob that may be what r describes is in the cache.
func (s *Store) hasBlob(k key, r *record) bool {
	if r.SHA256 == "" {
		return false
	}
	st, err := os.Stat(s.disk.blobPath(k))
	return err == nil && st.Size() == r.Size
}

// hashFile gives the SHA-256 of the first size bytes of f, in hex.
func hashFile(f *os.File, size int64) (string, error) {
	h := sha256.New()
	buf := make([]byte, chunkLen)
	if _, err := io.CopyBuffer(h, io.NewSectionReader(f, 0, size), buf); err != nil {
		return "", err
	}
	return hex.EncodeToString(h.Sum(nil)), nil
}
