//go:build !windows

package fs

import (
	"log/slog"
	"sync"
	"syscall"

	gofs "github.com/hanwen/go-fuse/v2/fs"

	"ccsfs/internal/catalog"
	"ccsfs/internal/catalog/layout"
)

// notifier tells the kernel what it must not believe any more. A notification
// takes the kernel's lock of the directory, which a request that waits for us
// may hold: so they are sent by one goroutine of their own, never by a handler,
// and queueing one never waits.
type notifier struct {
	log *slog.Logger

	mu      sync.Mutex
	wake    *sync.Cond
	queue   []func()
	stopped bool
	done    chan struct{}
}

func newNotifier(log *slog.Logger) *notifier {
	n := &notifier{log: log, done: make(chan struct{})}
	n.wake = sync.NewCond(&n.mu)
	return n
}

// add queues a notification. After stop it does nothing.
func (n *notifier) add(f func()) {
	n.mu.Lock()
	defer n.mu.Unlock()
	if !n.stopped {
		n.queue = append(n.queue, f)
		n.wake.Signal()
	}
}

// run sends what is queued until stop.
func (n *notifier) run() {
	defer close(n.done)
	for {
		n.mu.Lock()
		for len(n.queue) == 0 && !n.stopped {
			n.wake.Wait()
		}
		if n.stopped {
			n.queue = nil
			n.mu.Unlock()
			return
		}
		f := n.queue[0]
		n.queue = n.queue[1:]
		n.mu.Unlock()
		f()
	}
}

// stop ends run, which must have been started, and drops what is still queued.
func (n *notifier) stop() {
	n.mu.Lock()
	n.stopped = true
	n.wake.Signal()
	n.mu.Unlock()
	<-n.done
}

// forgetName has the kernel look a name up again at its next use.
func (n *notifier) forgetName(parent *gofs.Inode, name string) {
	n.add(func() { n.name(parent, name) })
}

func (n *notifier) name(parent *gofs.Inode, name string) {
	n.check("entry", name, parent.NotifyEntry(name))
}

// gone is name for a file that exists no more: inotify watchers hear of it. It
// is not for directories, whose kernel inodes it would mark as dead for good
// (S_DEAD), also if the directory comes back while somebody is in it.
func (n *notifier) gone(parent *gofs.Inode, name string) {
	child := parent.GetChild(name)
	if child == nil || child.IsDir() {
		n.name(parent, name)
		return
	}
	n.check("delete", name, parent.NotifyDelete(name, child))
}

// entries has the kernel forget the entries and attributes of a directory.
func (n *notifier) entries(dir *gofs.Inode) { n.check("directory", "", dir.NotifyContent(0, 0)) }

// everything has the kernel forget all that it may believe of a directory.
// Forgetting the directory's own name would do for what nobody uses just now
// (d_invalidate in fs/dcache.c); a name that somebody does would stay.
func (n *notifier) everything(dir *gofs.Inode) {
	n.entries(dir)
	for name, child := range dir.Children() {
		if child.IsDir() {
			n.everything(child)
		}
		n.name(dir, name)
	}
}

// check logs a notification that failed. ENOENT only says that the kernel had
// nothing to forget; the others are answers of a mount that is going away, or
// of a kernel that lacks a notification.
func (n *notifier) check(what, name string, errno syscall.Errno) {
	if errno != 0 && errno != syscall.ENOENT {
		n.log.Debug("kernel not notified", "what", what, "name", name, "error", errno)
	}
}

// announce passes a change that the catalog found on to the kernel.
func (r *rootDir) announce(c catalog.Change) {
	r.tree.notify.add(func() {
		if c.ContractID == "" {
			r.announceContracts(c.OldContracts, c.NewContracts)
			return
		}
		r.announceListing(c)
	})
}

func (r *rootDir) announceContracts(was, is *catalog.Contracts) {
	n, root := r.tree.notify, r.EmbeddedInode()
	r.changed.Store(r.tree.now().Unix())
	n.entries(root)
	if was == nil || is == nil {
		for name := range root.Children() {
			n.name(root, name)
		}
		return
	}
	for _, e := range was.Entries {
		if now, ok := is.Lookup(e.Name); !ok || now != e {
			n.name(root, e.Name)
		}
	}
}

func (r *rootDir) announceListing(c catalog.Change) {
	for name, child := range r.Children() {
		dir, ok := child.Operations().(*contractDir)
		if !ok || dir.contract.id != c.ContractID {
			continue
		}
		dir.contract.changed.Store(r.tree.now().Unix())
		dir.contract.sighted(c.New)
		n := r.tree.notify
		if c.New == nil || c.Old == nil {
			n.everything(child)
			n.name(r.EmbeddedInode(), name)
			return
		}
		n.name(child, layout.DocumentsFile)
		n.compare(child, c.Old.Tree, c.New.Tree)
		return
	}
}

// compare has the kernel forget what differs between two states of a
// directory. New names need nothing: that a name does not exist is not cached.
func (n *notifier) compare(dir *gofs.Inode, was, is *layout.Dir) {
	if was == is {
		return
	}
	n.entries(dir)
	for _, e := range was.Entries {
		now, ok := is.Lookup(e.Name)
		switch {
		case !ok:
			n.gone(dir, e.Name)
		case e.Dir != nil && now.Dir != nil:
			if child := dir.GetChild(e.Name); child != nil {
				n.compare(child, e.Dir, now.Dir)
			}
		case e.Doc != nil && now.Doc != nil && *e.Doc == *now.Doc:
		default:
			n.name(dir, e.Name)
		}
	}
}
