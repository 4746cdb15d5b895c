package content

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"syscall"
	"time"

	"ccsfs/apiclient"
)

const (
	// parkTime is how long a download whose size alone was asked for waits for a
	// reader: cp, tar and rsync stat a file just before they open it.
	parkTime = 2 * time.Second
	// parkAhead is the same for one that was begun ahead of somebody who reads one
	// document after the other: until the ones before it are read.
	parkAhead = 10 * time.Second
	// idleKeep is how long a download that stopped half-way can be taken up again.
	idleKeep = time.Minute
	// staleRetry is how long volatile content that could not be revalidated is
	// served before the API is asked again.
	staleRetry = 30 * time.Second
)

// published says whether anybody may have seen bytes or the size.
func (b *body) published() bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.n >= 0 || b.known
}

// publish lets readers at what has been spooled, and tells the size if the answer
// announced one. The last bytes are kept back until the document is whole and,
// unless it is large, remembered: who has read it to the end will find it in the
// cache.
func (b *body) publish() {
	if b.t.hold || b.t.have == b.t.announced {
		return
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	b.n = b.t.have
	if !b.known && b.t.announced >= 0 {
		r := b.record(b.t.announced, "", fileSeal{})
		if r.Size > b.store.cfg.PrefetchLimit { // others need not wait for the rest to learn that
			b.learn(b.store.remember(b.ref, r))
		} else {
			b.learn(b.store.index(b.ref.ContractID).know(r))
		}
	}
	b.release()
}

// learn takes over what the index makes of the answer. b.mu is held.
func (b *body) learn(r *record) {
	b.size, b.info, b.known = r.Size, b.store.describe(b.ref, r), true
	if b.state != complete {
		b.info.SHA256 = ""
	}
}

// handedOut is the generation under which readers had the bytes so far, 0 if they
// had none of them, or under none. b.mu is held.
func (b *body) handedOut() uint64 {
	switch {
	case b.n <= 0:
		return 0
	case b.known:
		return b.info.Generation
	}
	return b.upholds()
}

// upholds is the generation of what was known, and still valid, when the run
// began, 0 if nothing was.
func (b *body) upholds() uint64 {
	if prev := b.t.prev; prev != nil && !b.t.replaces && !b.t.doubted {
		return prev.generation
	}
	return 0
}

// record is what the index should remember of the body.
func (b *body) record(size int64, sum string, seal fileSeal) *record {
	return &record{
		ID: b.ref.DocumentID, UpdatedAt: b.ref.UpdatedAt, Print: b.ref.Print, Listed: b.ref.Listed.Round(0), Size: size, SHA256: sum,
		ETag: b.t.etag, LastModified: b.t.modified, Changed: b.store.now(), Checked: b.t.at,
		Final: b.store.final(b.ref), upholds: b.upholds(), doubted: b.t.doubted, generation: b.info.Generation, seal: seal,
	}
}

// mayGoOn stops a download that nobody wants: a large one whose size alone was
// asked for, or whose readers have left. It first waits a moment for a reader,
// since most tools stat a file just before they open it, and longer for one who is
// on the way to it.
func (b *body) mayGoOn(ctx context.Context) error {
	if !b.unwanted() {
		return nil
	}
	b.mu.Lock()
	asked, expected := b.asked, b.expected
	b.mu.Unlock()
	if !asked && !expected {
		return b.stop()
	}
	evicted, unpark := b.store.parking.park(asked)
	if evicted == nil {
		return b.stop()
	}
	defer unpark()
	most := parkTime
	if !asked {
		most = parkAhead
	}
	timer := time.NewTimer(most)
	defer timer.Stop()
	for b.unwanted() {
		select {
		case <-b.wanted:
		case <-timer.C:
			return b.stop()
		case <-evicted:
			return b.stop()
		case <-ctx.Done():
			return context.Cause(ctx)
		}
	}
	return nil
}

// unwanted says whether the rest of the body is large and nobody reads it.
func (b *body) unwanted() bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.known && b.readers == 0 && b.size-b.n > b.store.cfg.PrefetchLimit
}

// stop remembers the size and ends the run, to be taken up again.
func (b *body) stop() error {
	b.mu.Lock()
	r := b.record(b.size, "", fileSeal{})
	b.mu.Unlock()
	if prev := b.t.prev; prev == nil || b.t.replaces || prev.Size != r.Size {
		b.store.remember(b.ref, r)
	}
	return errStopped
}

// append adds to the spool, on disk if at all possible.
func (b *body) append(p []byte) error {
	if b.spool == nil {
		b.setSpool(b.store.newSpool())
	}
	err := b.spool.Append(p)
	_, onDisk := b.spool.(*fileSpool)
	if err == nil || !onDisk {
		return err
	}
	if errors.Is(err, syscall.ENOSPC) && b.store.blobs.free(int64(len(p)), b.t.have) {
		if err = b.spool.Append(p); err == nil {
			return nil
		}
	}
	b.store.diskTrouble("cannot write to the cache; documents are kept in memory while they are read", err)
	m := b.store.newMemSpool()
	if err := copySpool(m, b.spool, b.t.have); err != nil {
		_ = m.Close() // only gives its memory back
		return err
	}
	b.mu.Lock()
	b.old = append(b.old, b.spool)
	b.spool = m
	b.mu.Unlock()
	return m.Append(p)
}

// copySpool copies the first n bytes of src to dst.
func copySpool(dst, src spool, n int64) error {
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

func (b *body) setSpool(sp spool) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.spool = sp
}

// reset forgets what has been spooled. Nobody has seen it. b.mu is held.
func (b *body) reset() {
	if b.spool != nil {
		b.old = append(b.old, b.spool)
		b.spool = nil
	}
	b.n = -1
	was := b.t
	b.t = newTransfer()
	b.t.prev, b.t.replaces, b.t.answered, b.t.noRanges = was.prev, was.replaces, was.answered, was.noRanges
	b.t.unzipped = was.unzipped
}

// errReplaced is the error of those who had the beginning of a document under the
// generation of another one. It is known, and kept, under its own by now.
var errReplaced = fmt.Errorf("%w: it is not what it was when its size was found out", ErrChanged)

// finish makes the spooled bytes the document, and lets readers at the last of
// them. The hash is taken here and not while bytes arrive: it costs as much as all
// the rest together, and the readers of a large document need not wait for it,
// unless it may turn out to be another one than they have the beginning of.
func (b *body) finish() error {
	size := b.t.have
	if b.t.announced >= 0 && size != b.t.announced { // see ended: it cannot be
		return fmt.Errorf("%w: %d bytes of %d", apiclient.ErrProtocol, size, b.t.announced)
	}
	if b.spool == nil { // it is empty
		b.setSpool(b.store.newSpool())
	}
	doubtful := b.upholds() != 0 && b.t.prev.SHA256 != ""
	if size == b.t.announced && size > b.store.cfg.PrefetchLimit && !doubtful {
		b.mu.Lock()
		b.n = size
		b.release()
		b.mu.Unlock()
	}
	buf := b.store.buffers.Get().(*[]byte)
	sum, err := hashOf(b.spool, size, *buf)
	b.store.buffers.Put(buf)
	if err != nil {
		return fmt.Errorf("reading the spool back: %w", err)
	}
	file, seal := b.keep(size)
	b.mu.Lock()
	r := b.record(size, sum, seal)
	b.mu.Unlock()
	r = b.store.remember(b.ref, r)
	b.store.counters.downloads.Add(1)

	b.mu.Lock()
	defer b.mu.Unlock()
	if g := b.handedOut(); g != 0 && g != r.generation {
		return errReplaced
	}
	b.learn(r)
	b.n, b.info.SHA256 = size, sum
	b.file, b.seal = file, seal
	return nil
}

// keep makes the spool a blob of the cache where that is possible; the document is
// served either way.
func (b *body) keep(size int64) (*os.File, fileSeal) {
	fs, onDisk := b.spool.(*fileSpool)
	if !onDisk || size > b.store.cfg.CacheSize {
		return nil, fileSeal{}
	}
	seal, err := b.store.disk.install(fs.f, b.ref.key())
	if err != nil {
		b.store.diskTrouble("cannot keep documents in the cache", err)
		return nil, fileSeal{}
	}
	fs.temp = ""
	b.store.blobs.add(b.store.ctx, b.store.disk.blobPath(b.ref.key()), size)
	return fs.f, seal
}
