package content

import (
	"context"
	"sync"
)

// File is an open document. Its methods may be called concurrently.
type File struct {
	d      *download
	unread bool // it may be that nobody asks for its bytes; see openUnread
	once   sync.Once
}

// Open opens a document. It does not wait: what cannot be had is the error of the
// first read, unless it is known already.
func (s *Store) Open(ctx context.Context, r Ref) (*File, error) {
	d := s.acquire(r, true, nil)
	d.mu.Lock()
	var err error
	unread := false
	switch {
	case s.isClosed(): // nobody would close the file
		err = ErrClosed
	case d.state != idle || d.n >= 0:
		err = d.demand()
	case d.openVerified(ctx):
	case d.openUnread():
		unread = true
	default:
		err = d.demand()
	}
	d.mu.Unlock()
	if err != nil {
		d.unref(true)
		return nil, s.short.handOut(r, err)
	}
	return &File{d: d, unread: unread}, nil
}

// Begin waits, as long as ctx lasts, until all of the document is here, or the
// beginning of one that is larger than Config.StreamAbove, or returns why it cannot be had: there
// are programs that take the error of a read for the end of the file, and none that
// does so with the error of an open. It does not wait where nothing is kept and the
// kernel may have all of it.
func (f *File) Begin(ctx context.Context) error {
	if f.unread {
		return nil
	}
	return f.d.store.short.handOut(f.d.ref, f.d.begun(ctx))
}

// openVerified makes the download complete at once if its blob is in the cache and was
// verified before: by far the most frequent open, and worth no goroutine.
// d.mu is held.
func (d *download) openVerified(ctx context.Context) bool {
	r := d.store.record(d.ref)
	if r == nil || r.SHA256 == "" || r.Identity == "" || !d.store.fresh(d.ref, r) {
		return false
	}
	k := d.ref.blob()
	f, err := d.store.blobs.Open(ctx, k)
	if err != nil {
		return false
	}
	if st, err := f.Stat(); err != nil || st.Identity != r.Identity {
		f.Close()
		return false
	}
	d.store.blobs.Touch(k, r.Size)
	d.useBlob(f, r)
	d.state, d.err = complete, nil
	return true
}

// openUnread makes do with what is known of the document until somebody reads it, where it
// could not be kept: the kernel may have all of its bytes, and then nobody asks for
// them. d.mu is held.
func (d *download) openUnread() bool {
	r := d.store.record(d.ref)
	if r == nil || r.SHA256 == "" || !d.store.keepsNothing() || !d.store.fresh(d.ref, r) {
		return false
	}
	if r.Size > d.store.streamAbove() { // what comes cannot be compared with it before it is read
		return false
	}
	d.learn(r)
	return true
}

// ReadAt fills p with the document's bytes from off and returns len(p), or reaches
// the end and returns io.EOF, or fails; it never returns less without an error.
// It waits for bytes that are on their way, as long as ctx lasts; the download
// does not depend on ctx.
func (f *File) ReadAt(ctx context.Context, p []byte, off int64) (int, error) {
	b, err := f.Read(ctx, p, off)
	defer b.Done()
	n := 0
	for _, part := range b.Parts {
		n += copy(p[n:], part) // on itself, if it is in p
	}
	return n, err
}

// Read is ReadAt for who can do with bytes that are in memory: p is the place for them, and
// says how many are wanted, but only what is not in memory is read into it. Done must
// follow when they have been used.
func (f *File) Read(ctx context.Context, p []byte, off int64) (Bytes, error) {
	b, err := f.d.read(ctx, p, off)
	return b, f.d.store.short.handOut(f.d.ref, err)
}

// Info is what was known at the time of the open, completed by what is known now.
// Its size is -1 while the API has not announced one.
func (f *File) Info() Info {
	f.d.mu.Lock()
	defer f.d.mu.Unlock()
	if !f.d.known {
		return Info{Size: -1}
	}
	return f.d.info
}

// Close lets the document go. A download that nobody waits for any more finishes
// if little is left, else it stops and can be resumed for a while.
func (f *File) Close() error {
	f.once.Do(func() { f.d.unref(true) })
	return nil
}

func (d *download) unref(reader bool) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.refs--
	if reader {
		d.readers--
	}
	d.retire()
}
