package content

import (
	"context"
	"fmt"
	"log/slog"
	"path/filepath"
	"time"

	"ccsfs/internal/content/blobstore"
	"ccsfs/internal/content/blobstore/disk"
	"ccsfs/internal/content/index"
	"ccsfs/internal/lease"
)

// Cached is a document in a cache, as a look at it has found it.
type Cached struct {
	disk.Kept
	// Known says that its hash is known. What is not known is never served; it was left by
	// a process that was killed, or is just about to be noted.
	Known bool
}

// Stock is what the cache in a directory holds.
type Stock struct {
	Documents []Cached
	disk.Sessions
}

// Bytes are those of the documents.
func (s Stock) Bytes() (n int64) {
	for _, d := range s.Documents {
		n += d.Size
	}
	return n
}

// TakeStock looks at the cache in a directory without opening it: nobody is waited for and
// nothing fetched or removed, whoever uses it.
func TakeStock(ctx context.Context, dir string) (Stock, error) {
	kept, err := disk.Stock(ctx, dir)
	if err != nil {
		return Stock{}, fmt.Errorf("content cache: %w", err)
	}
	s := Stock{Sessions: disk.LookAtSessions(dir)}
	indexes := index.NewDir(filepath.Join(dir, "index"), slog.New(slog.DiscardHandler), time.Now)
	known := map[blobstore.Key]bool{}
	contracts := map[string]bool{}
	for _, k := range kept {
		if !contracts[k.Contract] {
			contracts[k.Contract] = true
			for _, r := range indexes.Load(k.Contract).All() {
				known[blobstore.Key{Contract: k.Contract, Document: blobstore.Name(r.ID)}] = r.SHA256 != ""
			}
		}
		s.Documents = append(s.Documents, Cached{k, known[k.Key]})
	}
	return s, nil
}

// Cleaner removes documents from the cache in a directory that other processes may use.
type Cleaner struct {
	dir    string
	leases *lease.Table
}

// NewCleaner is of the cache in a directory. Close it.
func NewCleaner(dir string) *Cleaner {
	return &Cleaner{dir, lease.Open(filepath.Join(dir, "leases"))}
}

// Remove removes a document that TakeStock has found, and tells whether it did: not if it
// is gone, or another one now, or a process is just about to put one there. Readers that
// have it open go on; later ones fetch it again.
func (c *Cleaner) Remove(d Cached) (bool, error) {
	l, ok := c.leases.Try(leaseName(d.Key))
	if !ok {
		return false, nil
	}
	defer l.Release()
	return disk.Discard(c.dir, d.Kept)
}

// Sweep removes what killed processes have left.
func (c *Cleaner) Sweep() { disk.Sweep(c.dir, slog.New(slog.DiscardHandler)) }

// Forget removes what is known of documents: it is asked for again. It returns how many
// files it removed.
func (c *Cleaner) Forget() (int, error) {
	return index.NewDir(filepath.Join(c.dir, "index"), slog.New(slog.DiscardHandler), time.Now).Remove()
}

// Close ends the use of the cache.
func (c *Cleaner) Close() error { return c.leases.Close() }
