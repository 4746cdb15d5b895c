package content

import (
	"cmp"
	"context"
	"io/fs"
	"log/slog"
	"math"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"time"

	"github.com/hashicorp/golang-lru/v2/simplelru"
	"golang.org/x/sys/unix"
)

// blobs bounds the bytes of the cache: the least recently used blob goes first.
// What another process keeps in the same directory is found by the survey.
type blobs struct {
	dir   string
	limit int64
	log   *slog.Logger

	mu       sync.Mutex
	lru      *simplelru.LRU[string, int64] // path → size in bytes
	bytes    int64
	surveyed bool
}

func newBlobs(dir string, limit int64, log *slog.Logger) *blobs {
	c := &blobs{dir: filepath.Join(dir, "blobs"), limit: limit, log: log}
	c.lru, _ = simplelru.NewLRU[string, int64](math.MaxInt, nil) // an error only for sizes below 1
	return c
}

// add makes path the most recent blob and removes what is over the limit.
func (c *blobs) add(path string, size int64) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.put(path, size)
	c.trim(c.limit, path)
}

func (c *blobs) put(path string, size int64) {
	if old, ok := c.lru.Peek(path); ok {
		c.bytes -= old
	}
	c.lru.Add(path, size)
	c.bytes += size
}

// touch makes path the most recent blob.
func (c *blobs) touch(path string, size int64) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if _, ok := c.lru.Get(path); !ok {
		c.put(path, size)
	}
}

// has says whether path is known to be in the cache, without a look at the disk.
func (c *blobs) has(path string) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.lru.Contains(path)
}

// remove forgets a blob whose file is gone.
func (c *blobs) remove(path string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if size, ok := c.lru.Peek(path); ok {
		c.lru.Remove(path)
		c.bytes -= size
	}
}

// free removes the oldest blobs until at least n bytes are free; false if there
// was nothing to remove. It takes a generous share at once, for a full disk would
// else be met again by the next write.
func (c *blobs) free(n, share int64) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	before := c.bytes
	c.trim(max(c.bytes-max(n, share, c.bytes/10), 0), "")
	return c.bytes < before
}

// trim removes the oldest blobs, but not keep, until at most limit bytes are left.
func (c *blobs) trim(limit int64, keep string) {
	for c.bytes > limit {
		path, size, ok := c.lru.GetOldest()
		if !ok || path == keep {
			return
		}
		if err := os.Remove(path); err != nil && !os.IsNotExist(err) {
			c.log.Warn("blob not removed from the cache", "path", path, "error", err)
		}
		c.lru.Remove(path)
		c.bytes -= size
	}
}

// usage is the number of blobs and their bytes.
func (c *blobs) usage() (count int, bytes int64) {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.lru.Len(), c.bytes
}

// found is a blob met by a survey.
type found struct {
	path string
	size int64
	used time.Time
}

// survey takes in the blobs that lie in the cache already, oldest use first, and
// removes what is over the limit. It runs beside everything else: nothing waits
// for it, however many there are.
func (c *blobs) survey(ctx context.Context) {
	var all []found
	err := filepath.WalkDir(c.dir, func(path string, d fs.DirEntry, err error) error {
		if ctx.Err() != nil {
			return ctx.Err()
		}
		if err != nil || !d.Type().IsRegular() {
			return nil // gone meanwhile, or nothing of ours
		}
		var st unix.Stat_t
		if err := unix.Lstat(path, &st); err == nil {
			// atime: with relatime to the day, and never before it was written
			all = append(all, found{path, st.Size, time.Unix(st.Atim.Unix())})
		}
		return nil
	})
	if err != nil {
		return
	}
	slices.SortFunc(all, func(a, b found) int {
		return cmp.Or(a.used.Compare(b.used), cmp.Compare(a.path, b.path))
	})
	c.mu.Lock()
	defer c.mu.Unlock()
	mine := c.lru.Keys() // what this process has added meanwhile is newer
	sizes := c.lru.Values()
	for _, f := range all {
		if !c.lru.Contains(f.path) {
			c.put(f.path, f.size)
		}
	}
	for i, path := range mine {
		c.put(path, sizes[i])
	}
	c.surveyed = true
	c.trim(c.limit, "")
}
