package content

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"

	"ccsfs/internal/content/blobstore"
	"ccsfs/internal/content/index"
)

// Noted returns what was noted of the content that answers for r now, "" if nothing was. It
// asks nobody, and outlives the bytes in the cache.
func (s *Store) Noted(r Ref) string {
	rec := s.record(r)
	if rec == nil || rec.SHA256 == "" || !s.fresh(r, rec) {
		return ""
	}
	return rec.Note
}

// Note keeps a text of at most [index.MaxNote] bytes with the content of this hash: what
// somebody read in it. Content that replaces it has none. The error says that it is not kept.
func (s *Store) Note(r Ref, sha256, text string) error {
	rec := s.record(r)
	switch {
	case len(text) > index.MaxNote:
		return fmt.Errorf("a note of %d bytes", len(text))
	case rec == nil || rec.SHA256 == "" || rec.SHA256 != sha256:
		return errors.New("it has another content by now")
	}
	noted := *rec
	noted.Note = text
	s.remember(r, &noted)
	return nil
}

// Kept is a document that was opened in the cache. Its bytes are those of its hash.
type Kept struct {
	blob   blobstore.Blob
	Size   int64 // bytes
	SHA256 string
}

// OpenKept opens a document that is in the cache, whole and not due to be asked about
// again. It never asks the API, also where the cache is damaged: the error Is
// fs.ErrNotExist if it would have to be asked for.
func (s *Store) OpenKept(ctx context.Context, r Ref) (*Kept, error) {
	rec := s.record(r)
	if rec == nil || rec.SHA256 == "" || !s.fresh(r, rec) || s.isClosed() {
		return nil, fs.ErrNotExist
	}
	k := r.blob()
	b, err := s.blobs.Open(ctx, k)
	if err != nil {
		return nil, err
	}
	if err := s.checkBlob(b, rec.Size, rec.SHA256); err != nil {
		b.Close()
		return nil, fmt.Errorf("%w in the cache: %w", fs.ErrNotExist, err)
	}
	s.blobs.Touch(k, rec.Size)
	return &Kept{b, rec.Size, rec.SHA256}, nil
}

// ReadAt implements io.ReaderAt.
func (k *Kept) ReadAt(p []byte, off int64) (int, error) {
	if off >= k.Size {
		return 0, io.EOF
	}
	n, err := k.blob.ReadAt(p[:min(int64(len(p)), k.Size-off)], off)
	if err == nil && n < len(p) {
		err = io.EOF
	}
	return n, err
}

// Close lets the document go.
func (k *Kept) Close() error { return k.blob.Close() }
