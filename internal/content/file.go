package content

import (
	"context"
	"sync"
)

// File is an open document. Its methods may be called concurrently.
type File struct {
	b      *body
	unread bool // it may be that nobody asks for its bytes; see openUnread
	once   sync.Once
}

// Open opens a document. It does not wait: what cannot be had is the error of the
// first read, unless it is known already.
func (s *Store) Open(_ context.Context, r Ref) (*File, error) {
	b := s.acquire(r, true, nil)
	b.mu.Lock()
	var err error
	unread := false
	switch {
	case s.isClosed(): // nobody would close the file
		err = ErrClosed
	case b.state != idle || b.n >= 0:
		err = b.demand()
	case b.openSealed():
	case b.openUnread():
		unread = true
	default:
		err = b.demand()
	}
	b.mu.Unlock()
	if err != nil {
		b.unref(true)
		return nil, s.short.handOut(r, err)
	}
	return &File{b: b, unread: unread}, nil
}

// Begin waits, as long as ctx lasts, until the document is here, or the beginning of
// one that is larger than Config.PrefetchLimit, or returns why it cannot be had: there
// are programs that take the error of a read for the end of the file, and none that
// does so with the error of an open. It does not wait where nothing is kept and the
// kernel may have all of it.
func (f *File) Begin(ctx context.Context) error {
	if f.unread {
		return nil
	}
	return f.b.store.short.handOut(f.b.ref, f.b.begun(ctx))
}

// openSealed makes the body complete at once if its blob is in the cache and was
// verified before: by far the most frequent open, and worth no goroutine.
// b.mu is held.
func (b *body) openSealed() bool {
	r := b.store.record(b.ref)
	if r == nil || r.SHA256 == "" || r.seal == (fileSeal{}) || !b.store.fresh(b.ref, r) {
		return false
	}
	path := b.store.disk.blobPath(b.ref.key())
	f, err := openFile(path)
	if err != nil {
		return false
	}
	if seal, err := sealOf(f); err != nil || seal != r.seal {
		f.Close()
		return false
	}
	b.store.blobs.touch(path, r.Size)
	b.useBlob(f, r)
	b.state, b.err = complete, nil
	return true
}

// openUnread makes do with what is known of the body until somebody reads it, where it
// could not be kept: the kernel may have all of its bytes, and then nobody asks for
// them. b.mu is held.
func (b *body) openUnread() bool {
	r := b.store.record(b.ref)
	if r == nil || r.SHA256 == "" || !b.store.keepsNothing() || !b.store.fresh(b.ref, r) {
		return false
	}
	if r.Size > b.store.cfg.PrefetchLimit { // what comes cannot be compared with it before it is read
		return false
	}
	b.learn(r)
	return true
}

// ReadAt fills p with the document's bytes from off and returns len(p), or reaches
// the end and returns io.EOF, or fails; it never returns less without an error.
// It waits for bytes that are on their way, as long as ctx lasts; the download
// does not depend on ctx.
func (f *File) ReadAt(ctx context.Context, p []byte, off int64) (int, error) {
	n, err := f.b.readAt(ctx, p, off)
	return n, f.b.store.short.handOut(f.b.ref, err)
}

// Info is what was known at the time of the open, completed by what is known now.
// Its size is -1 while the API has not announced one.
func (f *File) Info() Info {
	f.b.mu.Lock()
	defer f.b.mu.Unlock()
	if !f.b.known {
		return Info{Size: -1}
	}
	return f.b.info
}

// Fd gives the file descriptor of the finished blob, for splice(2) or passthrough;
// false while the document is on its way, in memory, or touched since it was
// verified. The descriptor is valid until Close.
func (f *File) Fd() (uintptr, bool) {
	f.b.mu.Lock()
	file, seal := f.b.file, f.b.seal
	f.b.mu.Unlock()
	if file == nil {
		return 0, false
	}
	if now, err := sealOf(file); err != nil || now != seal {
		return 0, false
	}
	return file.Fd(), true
}

// Close lets the document go. A download that nobody waits for any more finishes
// if little is left, else it stops and can be resumed for a while.
func (f *File) Close() error {
	f.once.Do(func() { f.b.unref(true) })
	return nil
}

func (b *body) unref(reader bool) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.refs--
	if reader {
		b.readers--
	}
	b.retire()
}
