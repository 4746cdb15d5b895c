package content

import "sync/atomic"

type counters struct {
	requests, failures, downloads, bytes, hits, ahead, diskErrors, running, taken, given atomic.Int64
}

// Stats is a snapshot of what the store has done and holds.
type Stats struct {
	Blobs      int   // documents in the cache
	BlobBytes  int64 // their bytes
	CacheSize  int64 // the bound on them, in bytes
	SizesKnown int   // documents whose size is known, of the contracts looked at
	Active     int   // documents open or on their way
	Running    int   // on their way, or waited for, until what came of it is remembered
	Requests   int64 // requests for documents
	Failures   int64 // of them failed
	Downloads  int64 // documents fetched whole
	Bytes      int64 // bytes fetched
	Hits       int64 // opens served from the cache
	Ahead      int64 // documents fetched ahead of their reader
	DiskErrors int64
	Taken      int64 // documents had from the shared store
	Given      int64 // documents put there
}

// Stats never waits for the network or the disk.
func (s *Store) Stats() Stats {
	st := Stats{
		CacheSize: s.cfg.CacheSize,
		Requests:  s.counters.requests.Load(), Failures: s.counters.failures.Load(),
		Downloads: s.counters.downloads.Load(), Bytes: s.counters.bytes.Load(),
		Hits: s.counters.hits.Load(), Ahead: s.counters.ahead.Load(),
		Taken: s.counters.taken.Load(), Given: s.counters.given.Load(),
		DiskErrors: s.counters.diskErrors.Load(), Running: int(s.counters.running.Load()),
	}
	st.Blobs, st.BlobBytes = s.blobs.Usage()
	s.mu.Lock()
	st.Active = len(s.active)
	s.mu.Unlock()
	st.SizesKnown = s.indexes.Known()
	return st
}
