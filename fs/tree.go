//go:build !windows

package fs

import (
	"cmp"
	"context"
	"errors"
	iofs "io/fs"
	"log/slog"
	"sync"
	"sync/atomic"
	"syscall"
	"time"
	"weak"

	gofs "github.com/hanwen/go-fuse/v2/fs"

	"ccsfs/internal/catalog"
	"ccsfs/internal/catalog/layout"
	"ccsfs/internal/folder"
)

// tree is what all nodes of a mount share.
type tree struct {
	catalog  catalogSource
	content  contentSource
	uid, gid uint32
	fileMode uint32 // permission bits of files and of directories
	dirMode  uint32
	lazy     bool // sizes are placeholders until the first open
	dirCache bool // the kernel may cache directories
	born     time.Time
	now      func() time.Time

	listingTTL time.Duration // see believe

	faults *faultLog
	serial atomic.Uint64 // of the nodes of files
	ahead  *folder.ReadAhead
	notify *notifier
	nodes  nodeLimit
	root   *rootDir
}

func newTree(cfg Config, src catalogSource, st contentSource, log *slog.Logger) *tree {
	return &tree{
		catalog:  src,
		content:  st,
		uid:      cfg.UID,
		gid:      cfg.GID,
		fileMode: 0o444 &^ cfg.Umask,
		dirMode:  0o555 &^ cfg.Umask,
		lazy:     cfg.LazySizes,

		listingTTL: cfg.ListingTTL,

		dirCache: kernelCachesDirs(),
		born:     time.Now(),
		now:      time.Now,
		faults:   newFaultLog(log, time.Now),
		ahead:    folder.NewReadAhead(st.NewAccessPattern, documentInode),
		notify:   newNotifier(log),
		nodes:    nodeLimit{most: cmp.Or(cfg.mostNodes, maxNodes)},
	}
}

// fail turns err into the errno of an operation on n, or on its entry name if
// that is not empty, and logs it.
func (t *tree) fail(n *gofs.Inode, name, op string, err error) syscall.Errno {
	errno := errnoOf(err)
	t.faults.report(op, errno, err, func() string {
		p := "/" + n.Path(nil)
		if name == "" {
			return p
		}
		if p == "/" {
			return p + name
		}
		return p + "/" + name
	})
	return errno
}

// contract is what the nodes of one contract share.
type contract struct {
	*tree
	id      string
	changed atomic.Int64 // Unix time of the last change found in this mount, 0 if none
	seen    atomic.Int64 // see seenAt, Unix nanoseconds, 0 if not asked for yet
	used    atomic.Int64 // when something of it was last looked up or opened, Unix nanoseconds

	sightedMu   sync.Mutex
	sightedTree weak.Pointer[layout.Dir] // the listing that seen is of
}

// changedAt is when the contract's documents were last found changed, zero if
// they were not.
func (c *contract) changedAt() time.Time {
	if s := c.changed.Load(); s != 0 {
		return time.Unix(s, 0)
	}
	return time.Time{}
}

// listing returns the contract's listing by the catalog's rules; it may wait.
func (c *contract) listing(ctx context.Context) (*catalog.Listing, error) {
	c.used.Store(c.now().UnixNano())
	l, err := c.catalog.Listing(ctx, c.id)
	if err == nil {
		c.sighted(l)
	}
	return l, err
}

// known returns the contract's listing without waiting where one is known,
// else as listing does. It fails if access to the contract was withdrawn.
func (c *contract) known(ctx context.Context) (*catalog.Listing, error) {
	c.used.Store(c.now().UnixNano())
	l, err := c.catalog.Known(c.id)
	if err != nil || l != nil {
		return l, err
	}
	return c.listing(ctx)
}

// absent answers for a name that is not there, for a reason that package folder gives:
// only a fresh listing can say that something does not exist.
func (t *tree) absent(n *gofs.Inode, name string, reason error) syscall.Errno {
	if errors.Is(reason, folder.ErrHidden) || errors.Is(reason, iofs.ErrNotExist) {
		return syscall.ENOENT
	}
	return t.fail(n, name, "lookup", reason)
}
