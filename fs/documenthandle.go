//go:build !windows

package fs

import (
	"context"
	"errors"
	"fmt"
	"io"
	"sync/atomic"
	"syscall"
	"time"

	gofs "github.com/hanwen/go-fuse/v2/fs"
	"github.com/hanwen/go-fuse/v2/fuse"

	"ccsfs/internal/content"
	"ccsfs/internal/folder"
)

// documentHandle is an open document. It keeps reading the content it began
// with, whatever becomes of the document.
type documentHandle struct {
	node  *document
	file  contentFile
	ref   content.Ref
	mtime time.Time // without regard to the content
	same  atomic.Bool
}

// errMixed is the answer to a reader whose download turned out to be of another
// content than the kernel holds pages of.
var errMixed = errors.New("the document changed while it was being opened; open it again")

// getattr answers fstat, and stat while the document is open.
func (h *documentHandle) getattr(ctx context.Context, out *fuse.AttrOut) syscall.Errno {
	info := h.file.Info()
	if info.Size < 0 {
		var err error
		if info, err = h.node.contract.content.Stat(ctx, h.ref); err != nil {
			return h.node.failListed("getattr", err)
		}
	}
	return h.node.tell(info, folder.ContentTime(h.mtime, h.ref.Volatile, info), out)
}

var _ = (gofs.FileReader)((*documentHandle)(nil))

// Read fills dest, or reaches the end of the document, or fails. The kernel
// takes a short answer for the end of the file and shrinks it
// (fuse_short_read in fs/fuse/file.c), so there is never one in the middle.
func (h *documentHandle) Read(ctx context.Context, dest []byte, off int64) (fuse.ReadResult, syscall.Errno) {
	ctx, done := withInterrupts(ctx)
	defer done()
	b, err := h.file.Read(ctx, dest, off)
	if n := b.Len(); err == nil && n < len(dest) || errors.Is(err, io.EOF) {
		err = h.checkEnd(off + int64(n))
	}
	if err == nil {
		err = h.checkVersion()
	}
	if err != nil {
		b.Done()
		return nil, h.node.failListed("read", err)
	}
	return &readResult{b}, 0
}

// readResult is bytes that go-fuse passes on from where they are (writeWithSlice in its
// package fuse), and lets go of then.
type readResult struct{ read content.Bytes }

var _ = fuse.ReadResult((*readResult)(nil))

// Size is how many bytes there are.
func (r *readResult) Size() int { return r.read.Len() }

// Done is said when they have been passed on.
func (r *readResult) Done() { r.read.Done() }

// Slices is all of them, as they lie.
func (r *readResult) Slices() ([][]byte, fuse.Status) { return r.read.Parts, fuse.OK }

// Bytes is all of them in one place: where Slices is not asked for.
func (r *readResult) Bytes(buf []byte) ([]byte, fuse.Status) {
	if len(r.read.Parts) == 1 {
		return r.read.Parts[0], fuse.OK
	}
	buf = buf[:0]
	for _, p := range r.read.Parts {
		buf = append(buf, p...)
	}
	return buf, fuse.OK
}

// checkEnd makes sure that the document really ends at end, or before.
func (h *documentHandle) checkEnd(end int64) error {
	if size := h.file.Info().Size; size > end {
		return fmt.Errorf("document ends at byte %d of %d", end, size)
	}
	return nil
}

// checkVersion makes sure, once, that what is read is what the node stands for.
// At the open that may not have been known yet.
func (h *documentHandle) checkVersion() error {
	if h.same.Load() {
		return nil
	}
	info := h.file.Info()
	if info.Size < 0 {
		return nil // nothing is bound before a size is known, and no page filled
	}
	if !h.node.adopt(info) {
		_ = h.node.stale() // EIO says more to a reader than ESTALE
		return errMixed
	}
	h.same.Store(true)
	return nil
}

var _ = (gofs.FileReleaser)((*documentHandle)(nil))

// Release lets the content go. The kernel sends it when the last reader has
// closed the file and no request for it is under way.
func (h *documentHandle) Release(ctx context.Context) syscall.Errno {
	if err := h.file.Close(); err != nil {
		return h.node.fail("release", err)
	}
	return 0
}
