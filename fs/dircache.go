//go:build !windows

package fs

import (
	"sync"

	"github.com/hanwen/go-fuse/v2/fuse"
)

// dirCache decides whether the kernel may keep the entries of a directory in
// its page cache (FOPEN_CACHE_DIR), so that listing it again costs one OPENDIR.
//
// The kernel has one cache a directory, while handles opened at different times
// may show different snapshots. So only handles of one snapshot use the cache at
// a time. An OPENDIR without FOPEN_KEEP_CACHE drops it (fuse_dir_open in
// fs/fuse/dir.c), which is certain to have happened once the handle is used or
// closed. go-fuse cannot send FOPEN_CACHE_DIR without FOPEN_KEEP_CACHE, so the
// listing that drops old entries is not itself cached.
type dirCache struct {
	mu     sync.Mutex
	held   any    // the snapshot that the kernel may hold entries of, nil if none
	users  int    // open handles that use the cache
	leases uint64 // handles that ever used it
}

// cacheLease is the part of one open handle. Its methods do nothing on nil.
type cacheLease struct {
	cache  *dirCache
	user   bool   // the handle uses the cache
	leases uint64 // the handle drops it, if nobody has used it since this
	done   bool
}

// open returns the open flags for a handle that shows a snapshot. The key is
// equal for equal snapshots, and must not keep them in memory.
func (c *dirCache) open(key any) (*cacheLease, uint32) {
	c.mu.Lock()
	defer c.mu.Unlock()
	switch {
	case c.held == nil || c.held == key:
		c.held = key
		c.users++
		c.leases++
		return &cacheLease{cache: c, user: true}, fuse.FOPEN_CACHE_DIR | fuse.FOPEN_KEEP_CACHE
	case c.users > 0:
		return nil, 0 // they would fill it again after this one drops it
	}
	return &cacheLease{cache: c, leases: c.leases}, 0
}

// used tells that the kernel has acted on the answer to the handle's OPENDIR.
func (l *cacheLease) used() {
	if l == nil || l.user || l.done {
		return
	}
	l.done = true
	l.cache.mu.Lock()
	defer l.cache.mu.Unlock()
	if l.cache.leases == l.leases {
		l.cache.held = nil
	}
}

// release tells that the handle is closed.
func (l *cacheLease) release() {
	if l == nil {
		return
	}
	l.used()
	if l.user {
		l.cache.mu.Lock()
		defer l.cache.mu.Unlock()
		l.cache.users--
	}
}
