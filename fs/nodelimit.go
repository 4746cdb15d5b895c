//go:build !windows

package fs

import (
	"cmp"
	"slices"
	"sync/atomic"

	gofs "github.com/hanwen/go-fuse/v2/fs"
)

// maxNodes is how many files of a mount the kernel is let hold. It holds each that was
// looked at until it is short of memory, which a machine with enough of it never is, and
// each is half a kilobyte here, and one in the kernel.
const maxNodes = 100_000

// nodeLimit has the kernel forget the files of the contracts that were not used for longest
// where it holds too many. It loses what it has cached of them: the next walk looks their
// names up again, and reads from the cache.
type nodeLimit struct {
	most int64
	made atomic.Int64 // nodes of files since they were last counted
}

// madeNode is said of each new node of a file. Counting them takes some milliseconds for
// each contract: it is done once in a quarter of the limit.
func (t *tree) madeNode() {
	if t.nodes.made.Add(1) == max(t.nodes.most/4, 1) {
		t.notify.add(func() { t.root.forgetUnused(&t.nodes) })
	}
}

// forgetUnused is done where notifications are sent.
func (r *rootDir) forgetUnused(l *nodeLimit) {
	type held struct {
		dir   *gofs.Inode
		files int64
		used  int64
	}
	l.made.Store(0)
	var all []held
	var files int64
	for _, child := range r.Children() {
		if c, ok := child.Operations().(*contractDir); ok {
			h := held{child, countFiles(child), c.contract.used.Load()}
			all, files = append(all, h), files+h.files
		}
	}
	if files <= l.most {
		return
	}
	slices.SortFunc(all, func(a, b held) int { return cmp.Compare(a.used, b.used) })
	for _, h := range all {
		if files <= l.most*3/4 {
			return
		}
		r.tree.notify.files(h.dir)
		files -= h.files
	}
}

func countFiles(dir *gofs.Inode) (n int64) {
	for _, child := range dir.Children() {
		if child.IsDir() {
			n += countFiles(child)
		} else {
			n++
		}
	}
	return n
}

// files has the kernel forget the names of all files below a directory. What is open stays
// open.
func (n *notifier) files(dir *gofs.Inode) {
	for name, child := range dir.Children() {
		if child.IsDir() {
			n.files(child)
		} else {
			n.name(dir, name)
		}
	}
}
