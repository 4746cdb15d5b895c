//go:build !windows

package fs

import (
	"fmt"
	"strings"
	"testing"

	"github.com/hanwen/go-fuse/v2/fuse"
	"pgregory.net/rapid"
)

const cached = fuse.FOPEN_CACHE_DIR | fuse.FOPEN_KEEP_CACHE

func TestDirCache(t *testing.T) {
	var c dirCache
	open := func(key any, want uint32) *cacheLease {
		t.Helper()
		l, flags := c.open(key)
		if flags != want {
			t.Fatalf("flags %d, want %d", flags, want)
		}
		return l
	}
	a := open(1, cached)
	b := open(1, cached)
	open(2, 0).release() // changed while others use the old one
	a.release()
	open(2, 0).release()
	b.release()
	drop := open(2, 0) // drops the old one
	open(2, 0)         // not yet certain
	drop.used()
	last := open(2, cached)
	drop.release()
	last.release()
	open(2, cached)
}

// kernelDir does what the kernel does with its cache of a directory, in the
// least convenient order that it may.
type kernelDir struct {
	pages any // the snapshot that the cache was filled from
}

// Whatever the order of opens, reads and closes, a handle that is told to use
// the cache finds entries of its own snapshot there, or none.
func TestDirCacheNeverMixes(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		var c dirCache
		var k kernelDir
		type handle struct {
			key     int
			lease   *cacheLease
			uses    bool
			pending bool // the kernel has not acted on the answer to OPENDIR yet
		}
		var open []*handle
		act := func(h *handle) {
			if h.pending && !h.uses {
				k.pages = nil
			}
			h.pending = false
		}
		key := 1
		for range rapid.IntRange(1, 60).Draw(t, "steps") {
			i := -1
			if len(open) > 0 {
				i = rapid.IntRange(0, len(open)-1).Draw(t, "handle")
			}
			switch step := rapid.IntRange(0, 4).Draw(t, "step"); {
			case step == 0:
				key++
			case step == 1 || i < 0:
				lease, flags := c.open(key)
				open = append(open, &handle{key: key, lease: lease, uses: flags != 0, pending: true})
			case step == 2:
				act(open[i])
			case step == 3: // READDIR, which fills the cache
				h := open[i]
				act(h)
				if h.uses {
					if k.pages != nil && k.pages != h.key {
						t.Fatalf("a handle of snapshot %d reads entries of %v", h.key, k.pages)
					}
					k.pages = h.key
				}
				h.lease.used()
			default:
				act(open[i])
				open[i].lease.release()
				open = append(open[:i], open[i+1:]...)
			}
		}
	})
}

func TestDirCacheOnMount(t *testing.T) {
	for _, on := range []bool{true, false} {
		t.Run(fmt.Sprint(on), func(t *testing.T) {
			r := simpleRig(t, Config{})
			r.server.tree.dirCache = on
			for i := range 6 {
				docs := []string{}
				list := []struct{ id, at string }{}
				for j := range 1000 {
					if j%7 != i { // others are missing each time
						list = append(list, struct{ id, at string }{fmt.Sprintf("d%04d", j), ""})
						docs = append(docs, fmt.Sprintf("d%04d.pdf", j))
					}
				}
				all := newFakeCatalog().listings["C1"].Documents
				for _, d := range list {
					all = append(all, doc(d.id, d.at))
				}
				r.catalog.set("C1", all...)
				want := strings.Join(docs, "\n") + "\n"
				for range 3 {
					if got := r.must("ls", r.path("C1")); got != want {
						t.Fatalf("listing %d is not what there is: %d bytes of %d", i, len(got), len(want))
					}
				}
			}
		})
	}
}
