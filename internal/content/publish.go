package content

import (
	"ccsfs/internal/content/blobstore"
	"ccsfs/internal/content/index"
)

// published says whether anybody may have seen bytes or the size.
func (d *download) published() bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.n >= 0 || d.known
}

// publish lets readers at what has been spooled, and tells the size if the answer
// announced one. The last bytes are kept back until the document is whole and,
// unless it is large, remembered: who has read it to the end will find it in the
// cache.
func (d *download) publish() {
	if d.w.withheld || d.w.have == d.w.announced {
		return
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	d.n = d.w.have
	if !d.known && d.w.announced >= 0 {
		r := d.record(d.w.announced, "", "")
		if r.Size > d.store.cfg.PrefetchLimit { // others need not wait for the rest to learn that
			d.learn(d.store.remember(d.ref, r))
		} else {
			d.learn(d.store.indexes.Of(d.ref.ContractID).Know(r))
		}
	}
	d.release()
}

// learn takes over what the index makes of the answer. d.mu is held.
func (d *download) learn(r *index.Record) {
	d.size, d.info, d.known = r.Size, d.store.describe(d.ref, r), true
	if d.state != complete {
		d.info.SHA256 = ""
	}
}

// handedOut is the generation under which readers had the bytes so far, 0 if they
// had none of them, or under none. d.mu is held.
func (d *download) handedOut() uint64 {
	switch {
	case d.n <= 0:
		return 0
	case d.known:
		return d.info.Generation
	}
	return d.upholds()
}

// upholds is the generation of what was known, and still valid, when the run
// began, 0 if nothing was.
func (d *download) upholds() uint64 {
	if prev := d.w.prev; prev != nil && !d.w.replaces && !d.w.doubted {
		return prev.Generation
	}
	return 0
}

// record is what the index should remember of the document.
func (d *download) record(size int64, sum string, identity blobstore.Identity) *index.Record {
	return &index.Record{
		ID: d.ref.DocumentID, UpdatedAt: d.ref.UpdatedAt, Fingerprint: d.ref.Fingerprint, Listed: d.ref.Listed.Round(0), Size: size, SHA256: sum,
		ETag: d.w.etag, LastModified: d.w.modified, Changed: d.store.now(), Checked: d.w.at,
		Final: d.store.final(d.ref), Upholds: d.upholds(), Doubted: d.w.doubted, Generation: d.info.Generation, Identity: identity,
	}
}
