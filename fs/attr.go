//go:build !windows

package fs

import (
	"time"

	"github.com/hanwen/go-fuse/v2/fuse"
)

const (
	// entryTimeout is how long the kernel may believe that a name leads to a
	// node. Changes are announced, and OPEN checks again, so it may be long;
	// it is not for ever only so that a lost notification heals.
	entryTimeout = time.Hour

	// believeLeast bounds from below how long a name is believed that comes of a
	// listing which is old, and cannot be renewed: not each lookup is to ask.
	believeLeast = 5 * time.Second

	// attrTimeout is the same for sizes and times that are known.
	attrTimeout = time.Hour

	// generatedTimeout is for the attributes of generated files. A contract's
	// detail changes without anything being announced.
	generatedTimeout = 10 * time.Minute

	// volatileMinimum bounds from below how long a partial* document's size is
	// believed, so that a validity that has just passed does not turn one
	// ls -l into two calls.
	volatileMinimum = time.Second

	// ioSize is st_blksize: what cp and others take as the size of a read.
	ioSize = 128 << 10

	// sectorSize is the unit of st_blocks, whatever st_blksize is; see stat(2).
	sectorSize = 512
)

// believe bounds for how long the kernel believes an entry, and its attributes, that
// come of a listing fetched at some time: until the listing is so old that a lookup
// waits for a new one. Else who opens or stats by name only would be told of an hour
// ago: no lookup comes to us, and an open never waits.
func (t *tree) believe(fetched time.Time, out *fuse.EntryOut) {
	if t.listingTTL <= 0 {
		return
	}
	most := max(fetched.Add(2*t.listingTTL).Sub(t.now()), min(believeLeast, t.listingTTL))
	if out.EntryTimeout() > most {
		out.SetEntryTimeout(most)
	}
	if out.AttrTimeout() > most {
		out.SetAttrTimeout(most)
	}
}

// fileAttr fills in the attributes of a file of a size.
func (t *tree) fileAttr(a *fuse.Attr, size int64, mtime time.Time) {
	a.Mode = fuse.S_IFREG | t.fileMode
	a.Nlink = 1
	a.Owner = fuse.Owner{Uid: t.uid, Gid: t.gid}
	a.Size = uint64(max(size, 0))
	a.Blocks = (a.Size + sectorSize - 1) / sectorSize
	a.Blksize = ioSize
	setTimes(a, mtime)
}

// dirAttr fills in the attributes of a directory. One link says "number of
// subdirectories not known" to find, as on btrfs.
func (t *tree) dirAttr(a *fuse.Attr, mtime time.Time) {
	a.Mode = fuse.S_IFDIR | t.dirMode
	a.Nlink = 1
	a.Owner = fuse.Owner{Uid: t.uid, Gid: t.gid}
	a.Blksize = 4096
	setTimes(a, mtime)
}

// setTimes gives all three times the same value, which only a change of what
// is shown changes: tar takes a new ctime for "file changed as we read it".
// What is not known is the epoch. Where it is known when that change was first
// seen, setSeen follows.
func setTimes(a *fuse.Attr, t time.Time) {
	if t.IsZero() || t.Unix() < 0 {
		t = time.Unix(0, 0)
	}
	a.SetTimes(&t, &t, &t)
}

// setSeen sets the time of change, which only the file system itself sets on a
// local disk: when what is shown was first seen here. Backups that go by it (tar
// --listed-incremental, find -cnewer) see a change so, however old its updatedAt.
func setSeen(a *fuse.Attr, seen time.Time) {
	if !seen.IsZero() && seen.Unix() >= 0 {
		a.SetTimes(nil, nil, &seen)
	}
}

// later returns the later of two times.
func later(a, b time.Time) time.Time {
	if b.After(a) {
		return b
	}
	return a
}
