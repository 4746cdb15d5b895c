package disk

import (
	"context"
	"log/slog"
	"math"
	"os"
	"path/filepath"
	"sync"
	"time"

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

	mu        sync.Mutex
	blobs     *order
	bytes     int64
	added     int64                // bytes since the last survey
	meanwhile map[blobKey]struct{} // used since the survey began that is under way; nil: none is
	surveyed  bool
	surveys   sync.Mutex // one at a time
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
	return &bound{dir: filepath.Join(dir, "blobs"), limit: limit, log: log, blobs: newOrder()}
}

// add makes path the most recent blob and removes what is over the limit.
func (c *bound) add(ctx context.Context, path string, size int64) {
	c.mu.Lock()
	c.put(keyOf(path), size)
	c.added += size
	due := c.surveyed && c.added > c.limit/surveyShare
	c.trim(c.limit, path)
	c.mu.Unlock()
	if due {
		c.survey(ctx, path)
	}
}

func (c *bound) put(k blobKey, size int64) {
	old, _ := c.blobs.get(k)
	c.blobs.put(k, blob{size, time.Now()})
	c.bytes += size - old.size
	if c.meanwhile != nil {
		c.meanwhile[k] = struct{}{}
	}
}

// touch makes path the most recent blob.
func (c *bound) touch(path string, size int64) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.put(keyOf(path), size)
}

// remove forgets a blob whose file is gone.
func (c *bound) remove(path string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	old, _ := c.blobs.remove(keyOf(path))
	c.bytes -= old.size
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
		k, old, ok := c.blobs.oldest()
		if !ok || k.path() == keep {
			return
		}
		path := k.path()
		if err := osfile.Remove(path); err != nil && !os.IsNotExist(err) {
			c.log.Warn("blob not removed from the cache", "path", path, "error", err)
		}
		c.blobs.remove(k)
		c.bytes -= old.size
	}
}

// usage is the number of blobs and their bytes.
func (c *bound) usage() (count int, bytes int64) {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.blobs.count, c.bytes
}

// survey takes stock of the directory, and removes what is over the limit, the
// oldest first, but not keep. The first one runs beside everything else: nothing waits for it,
// however many blobs there are.
func (c *bound) survey(ctx context.Context, keep string) {
	c.surveys.Lock()
	defer c.surveys.Unlock()
	c.mu.Lock()
	c.meanwhile = make(map[blobKey]struct{})
	c.mu.Unlock()
	there := newOrder()
	err := walk(ctx, c.dir, func(path string, b blob) { there.put(keyOf(path), b) })
	c.mu.Lock()
	defer c.mu.Unlock()
	meanwhile := c.meanwhile
	c.meanwhile = nil
	if err != nil {
		return
	}
	others, latest := false, nanoseconds(time.Now().Add(clockSlack))
	there.all(func(k blobKey, e *entry) {
		e.used = inThePast(e.used, latest)
		mine, ok := c.blobs.get(k)
		if ok {
			e.used = max(e.used, inThePast(nanoseconds(mine.used), latest))
		}
		others = others || !ok && c.surveyed
	})
	for k := range meanwhile {
		if b, ok := c.blobs.get(k); ok && there.find(k) == 0 {
			there.put(k, b)
		}
	}
	there.sort()
	c.blobs, c.bytes, c.added, c.surveyed = there, 0, 0, true
	there.all(func(_ blobKey, e *entry) { c.bytes += e.size })
	limit := c.limit
	if others {
		limit -= limit / othersShare
	}
	c.trim(limit, keep)
}

// clockSlack is how far in the future a blob may have been used and count as used just now:
// the clock may be that of another machine.
const clockSlack = time.Minute

// inThePast is when a blob was used, as Unix time in nanoseconds. What was used later than
// latest was so by a clock that was wrong: before all others, else it would stay for good,
// and what comes now go in its favour.
func inThePast(used, latest int64) int64 {
	if used > latest {
		return used + math.MinInt64 // in their order, still
	}
	return used
}

// walkAtOnce is how many names of a directory are read at once.
const walkAtOnce = 1024

// walk calls f for all blobs below a directory, in no order. Its error is that of ctx.
func walk(ctx context.Context, dir string, f func(path string, b blob)) error {
	if st, err := os.Lstat(dir); err != nil || !st.IsDir() {
		return ctx.Err()
	}
	for dirs := []string{dir}; len(dirs) > 0; {
		dir, dirs = dirs[len(dirs)-1], dirs[:len(dirs)-1]
		below, err := walkOne(ctx, dir, f)
		if err != nil {
			return err
		}
		dirs = append(dirs, below...)
	}
	return ctx.Err()
}

// walkOne is walk of one directory. It returns those in it.
func walkOne(ctx context.Context, dir string, f func(path string, b blob)) (below []string, err error) {
	d, err := os.Open(dir)
	if err != nil {
		return nil, ctx.Err() // gone meanwhile, or nothing of ours
	}
	defer d.Close()
	for {
		entries, failed := d.ReadDir(walkAtOnce)
		for _, e := range entries {
			if err := ctx.Err(); err != nil {
				return nil, err
			}
			switch path := filepath.Join(dir, e.Name()); {
			case e.IsDir():
				below = append(below, path)
			case e.Type().IsRegular():
				if b, ok := lookAt(path); ok { // else it is gone meanwhile
					f(path, b)
				}
			}
		}
		if failed != nil { // the end, or as much as can be read
			return below, nil
		}
	}
}
