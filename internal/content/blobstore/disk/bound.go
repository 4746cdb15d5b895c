package disk

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

	"ccsfs/internal/osfile"
)

// bound bounds the bytes of the cache: the least recently used blob goes first.
//
// The bound holds for all processes that share the directory together. Each counts
// what it adds, and takes stock of the directory whenever it has added a 64th part
// of the bound. Where others have added something meanwhile it leaves a 16th part
// free, so that up to four processes stay within the bound between two surveys.
type bound struct {
	dir   string
	limit int64
	log   *slog.Logger

	mu       sync.Mutex
	lru      *simplelru.LRU[string, blob] // by path
	bytes    int64
	added    int64 // bytes since the last survey
	surveyed bool
	surveys  sync.Mutex // one at a time
}

// blob is what is known of one.
type blob struct {
	size int64 // bytes
	used time.Time
}

const (
	surveyShare = 64 // a survey is due after this part of the bound
	othersShare = 16 // this part is left free where other processes add, too
)

func newBound(dir string, limit int64, log *slog.Logger) *bound {
	c := &bound{dir: filepath.Join(dir, "blobs"), limit: limit, log: log}
	c.lru = newBlobLRU()
	return c
}

func newBlobLRU() *simplelru.LRU[string, blob] {
	l, _ := simplelru.NewLRU[string, blob](math.MaxInt, nil) // an error only for sizes below 1
	return l
}

// add makes path the most recent blob and removes what is over the limit.
func (c *bound) add(ctx context.Context, path string, size int64) {
	c.mu.Lock()
	c.put(path, blob{size, time.Now()})
	c.added += size
	due := c.surveyed && c.added > c.limit/surveyShare
	c.trim(c.limit, path)
	c.mu.Unlock()
	if due {
		c.survey(ctx, path)
	}
}

func (c *bound) put(path string, b blob) {
	if old, ok := c.lru.Peek(path); ok {
		c.bytes -= old.size
	}
	c.lru.Add(path, b)
	c.bytes += b.size
}

// touch makes path the most recent blob.
func (c *bound) touch(path string, size int64) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.put(path, blob{size, time.Now()})
}

// remove forgets a blob whose file is gone.
func (c *bound) remove(path string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if old, ok := c.lru.Peek(path); ok {
		c.lru.Remove(path)
		c.bytes -= old.size
	}
}

// free removes the oldest blobs until at least n bytes are free; false if there
// was nothing to remove. It takes a generous share at once, for a full disk would
// else be met again by the next write.
func (c *bound) free(n, share int64) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	before := c.bytes
	c.trim(max(c.bytes-max(n, share, c.bytes/10), 0), "")
	return c.bytes < before
}

// trim removes the oldest blobs, but not keep, until at most limit bytes are left.
func (c *bound) trim(limit int64, keep string) {
	for c.bytes > limit {
		path, old, ok := c.lru.GetOldest()
		if !ok || path == keep {
			return
		}
		if err := osfile.Remove(path); err != nil && !os.IsNotExist(err) {
			c.log.Warn("blob not removed from the cache", "path", path, "error", err)
		}
		c.lru.Remove(path)
		c.bytes -= old.size
	}
}

// usage is the number of blobs and their bytes.
func (c *bound) usage() (count int, bytes int64) {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.lru.Len(), c.bytes
}

// found is a blob met by a survey.
type found struct {
	path string
	blob
}

// survey takes stock of the directory, and removes what is over the limit, the
// oldest first, but not keep. The first one runs beside everything else: nothing waits for it,
// however many blobs there are.
func (c *bound) survey(ctx context.Context, keep string) {
	c.surveys.Lock()
	defer c.surveys.Unlock()
	began := time.Now()
	all, err := c.walk(ctx)
	if err != nil {
		return
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	others := false
	met := make(map[string]bool, len(all))
	for i := range all {
		f := &all[i]
		met[f.path] = true
		mine, ok := c.lru.Peek(f.path)
		if ok && mine.used.After(f.used) {
			f.used = mine.used
		}
		others = others || !ok && c.surveyed
	}
	for _, path := range c.lru.Keys() {
		if b, _ := c.lru.Peek(path); !met[path] && !b.used.Before(began) {
			all = append(all, found{path, b}) // added while we walked
		}
	}
	slices.SortFunc(all, func(a, b found) int {
		return cmp.Or(a.used.Compare(b.used), cmp.Compare(a.path, b.path))
	})
	c.lru, c.bytes, c.added, c.surveyed = newBlobLRU(), 0, 0, true
	for _, f := range all {
		c.put(f.path, f.blob)
	}
	limit := c.limit
	if others {
		limit -= limit / othersShare
	}
	c.trim(limit, keep)
}

// walk finds all blobs.
func (c *bound) walk(ctx context.Context) (all []found, err error) {
	err = filepath.WalkDir(c.dir, func(path string, d fs.DirEntry, err error) error {
		if ctx.Err() != nil {
			return ctx.Err()
		}
		if err != nil || !d.Type().IsRegular() {
			return nil // gone meanwhile, or nothing of ours
		}
		if b, ok := lookAt(path); ok {
			all = append(all, found{path, b})
		}
		return nil
	})
	return all, err
}
