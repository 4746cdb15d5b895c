package content

import (
	"fmt"

	"ccsfs/apiclient"
	"ccsfs/internal/content/blobstore"
)

// errReplaced is the error of those who had the beginning of a document under the
// generation of another one. It is known, and kept, under its own by now.
var errReplaced = fmt.Errorf("%w: it is not what it was when its size was found out", ErrChanged)

// finish makes the spooled bytes the document, and lets readers at the last of
// them. The hash is taken here and not while bytes arrive: it costs as much as all
// the rest together, and the readers of a large document need not wait for it,
// unless it may turn out to be another one than they have the beginning of.
func (d *download) finish() error {
	size := d.w.have
	if d.w.announced >= 0 && size != d.w.announced { // see ended: it cannot be
		return fmt.Errorf("%w: %d bytes of %d", apiclient.ErrProtocol, size, d.w.announced)
	}
	if d.w.spool == nil { // it is empty
		d.beginSpool()
	}
	doubtful := d.upholds() != 0 && d.w.prev.SHA256 != ""
	if size == d.w.announced && size > d.store.cfg.PrefetchLimit && !doubtful && !d.w.withheld {
		d.mu.Lock()
		d.n = size
		d.release()
		d.mu.Unlock()
	}
	buf := d.store.buffers.Get().(*[]byte)
	sum, err := blobstore.Hash(d.w.spool, size, *buf)
	d.store.buffers.Put(buf)
	if err != nil {
		return fmt.Errorf("reading the spool back: %w", err)
	}
	blob, identity := d.install(size)
	d.mu.Lock()
	r := d.record(size, sum, identity)
	d.mu.Unlock()
	r = d.store.remember(d.ref, r)
	d.store.counters.downloads.Add(1)

	d.mu.Lock()
	defer d.mu.Unlock()
	if g := d.handedOut(); g != 0 && g != r.Generation {
		return errReplaced
	}
	d.learn(r)
	d.n, d.info.SHA256 = size, sum
	d.blob, d.identity = blob, identity
	return nil
}

// install makes the spool a blob of the cache where that is possible; the document is
// served either way.
func (d *download) install(size int64) (blobstore.Blob, blobstore.Identity) {
	sp := d.w.spool
	if d.w.reserve || size > d.store.cfg.CacheSize {
		return nil, ""
	}
	identity, ok := d.store.keep(d.ref.blob(), sp)
	if !ok {
		return nil, ""
	}
	return sp, identity
}
