package content

import (
	"errors"
	"io"

	"ccsfs/internal/content/blobstore"
	"ccsfs/internal/content/blobstore/memory"
)

// append adds to the spool, on disk if at all possible.
func (d *download) append(p []byte) error {
	if d.w.spool == nil {
		d.beginSpool()
	}
	err := d.w.spool.Append(p)
	if err == nil || d.w.reserve {
		return noSpace(err)
	}
	d.store.diskTrouble("cannot write to the cache; documents are kept in memory while they are read", err)
	m := d.store.newMemSpool()
	if err := copySpool(m, d.w.spool, d.w.have); err != nil {
		_ = m.Close() // only gives its memory back
		return noSpace(err)
	}
	d.mu.Lock()
	d.old = append(d.old, d.spool)
	d.w.spool, d.w.reserve, d.spool = m, true, m
	d.mu.Unlock()
	return noSpace(m.Append(p))
}

// copySpool copies the first n bytes of src to dst.
func copySpool(dst, src blobstore.Spool, n int64) error {
	buf := make([]byte, chunkLen)
	for off := int64(0); off < n; {
		k, err := src.ReadAt(buf[:min(chunkLen, n-off)], off)
		if k == 0 {
			return errors.Join(io.ErrUnexpectedEOF, err)
		}
		if err := dst.Append(buf[:k]); err != nil {
			return err
		}
		off += int64(k)
	}
	return nil
}

// beginSpool makes a spool in the store, or in memory where the store takes none.
func (d *download) beginSpool() {
	sp, reserve := d.store.newSpool()
	d.mu.Lock()
	defer d.mu.Unlock()
	d.w.spool, d.w.reserve, d.spool = sp, reserve, sp
}

// errNoSpace is what a full disk and a full reserve in memory have in common.
var errNoSpace = errors.New("no space to keep the document while it is read: the cache disk is full, and so is the memory set aside for that")

// noSpace is err of a spool in memory, in words for who reads the document.
func noSpace(err error) error {
	if errors.Is(err, blobstore.ErrNoSpace) {
		return errNoSpace
	}
	return err
}

// reset forgets what has been spooled. Nobody has seen it. d.mu is held.
func (d *download) reset() {
	if d.spool != nil {
		d.old = append(d.old, d.spool)
		d.spool = nil
	}
	d.n = -1
	d.recent.forget()
	was := d.w
	d.w = newDownloadWriter()
	d.w.prev, d.w.replaces, d.w.answered, d.w.noRanges = was.prev, was.replaces, was.answered, was.noRanges
	d.w.unzipped = was.unzipped
}

// memBudget is for how many bytes of documents at once there is a reserve in memory.
const memBudget = 64 << 20

// newMemSpool makes a spool in memory, for when the disk is full or gone. All of them
// share one budget, so that a full disk does not become a full memory.
func (s *Store) newMemSpool() *memory.Spool { return memory.NewSpool(&s.memory) }

// newSpool makes a spool in the store, or in memory, as a reserve, where that does not
// take it.
func (s *Store) newSpool() (sp blobstore.Spool, reserve bool) {
	sp, err := s.blobs.Create()
	if err != nil {
		s.diskTrouble("cannot write to the cache; documents are kept in memory while they are read", err)
		return s.newMemSpool(), true
	}
	return sp, false
}
