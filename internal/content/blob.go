package content

import (
	"context"
	"errors"
	"io/fs"

	"ccsfs/internal/content/blobstore"
	"ccsfs/internal/content/index"
)

// openBlob makes the blob that r describes the bytes of the download. A blob that is not
// what r says is fetched again by the caller, and removed if nobody can be about to
// write down what it is: alone means that this process has the document's lease,
// and has read the index under it.
func (d *download) openBlob(ctx context.Context, r *index.Record, alone bool) bool {
	if r.SHA256 == "" {
		return false
	}
	k := d.ref.blob()
	f, err := d.store.blobs.Open(ctx, k)
	if err != nil {
		if !errors.Is(err, fs.ErrNotExist) {
			d.store.diskTrouble("cannot read from the cache; the document is fetched again", err)
		}
		return false
	}
	st, err := f.Stat()
	identity := st.Identity
	if err == nil && identity != r.Identity {
		err = d.store.checkBlob(f, r.Size, r.SHA256)
	}
	if err != nil {
		f.Close()
		if alone {
			_ = d.store.blobs.Remove(k, nil) // else what is fetched takes its place
			d.store.log.Warn("cached document is damaged; it is fetched again",
				"contract", d.ref.ContractID, "document", d.ref.DocumentID, "error", err)
		}
		return false
	}
	if identity != r.Identity {
		verified := *r
		verified.Identity = identity
		d.store.indexes.Of(d.ref.ContractID).Update(r, &verified)
		r = &verified
	}
	d.store.blobs.Touch(k, r.Size)
	d.mu.Lock()
	defer d.mu.Unlock()
	d.useBlob(f, r)
	return true
}

// useBlob makes f, which is what r says, the bytes of the download. d.mu is held.
func (d *download) useBlob(f blobstore.Blob, r *index.Record) {
	d.store.counters.hits.Add(1)
	d.recent.forget() // an answer that broke off may have been of another content
	if d.spool != nil {
		d.old = append(d.old, d.spool)
	}
	d.spool, d.blob, d.identity = f, f, r.Identity
	d.n, d.size, d.info, d.known = r.Size, r.Size, d.store.describe(d.ref, r), true
}

// hasBlob says whether a blob that may be what r describes is in the cache.
func (s *Store) hasBlob(k blobstore.Key, r *index.Record) bool {
	if r.SHA256 == "" {
		return false
	}
	st, err := s.blobs.Stat(k)
	return err == nil && st.Size == r.Size
}

// checkBlob reads a blob through and compares it with what it should be.
func (s *Store) checkBlob(f blobstore.Blob, size int64, sum string) error {
	buf := s.buffers.Get().(*[]byte)
	defer s.buffers.Put(buf)
	return blobstore.Check(f, size, sum, *buf)
}

// drop takes a download, and its blob, out of the cache; not one that another process
// has put in its place.
func (s *Store) drop(d *download) {
	s.forget(d)
	d.mu.Lock()
	f := d.blob
	d.mu.Unlock()
	_ = s.blobs.Remove(d.ref.blob(), f) // else it is noticed again
}
