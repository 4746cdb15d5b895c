//go:build !windows

package fs

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log"
	"log/slog"
	"os"
	"path/filepath"
	"runtime/debug"
	"strings"
	"sync"
	"syscall"
	"time"

	gofs "github.com/hanwen/go-fuse/v2/fs"
	"github.com/hanwen/go-fuse/v2/fuse"

	"ccsfs/internal/catalog"
	"ccsfs/internal/content"
)

// Config says what to mount and how it looks.
type Config struct {
	Catalog *catalog.Catalog // what exists; Mount sets its OnChange
	Content *content.Store   // what is inside

	UID, GID uint32 // owner of everything
	Umask    uint32 // taken off 0444 and 0555

	// AllowOther lets other users in, as the modes say. Without it only the
	// mounting user can enter, not even root.
	AllowOther bool
	// ListingTTL is that of the catalog: the kernel believes names for twice as long
	// at most. 0: an hour.
	ListingTTL time.Duration
	XAttrs     bool   // show user.ccs.*; costs a call a file in ls -l
	LazySizes  bool   // stat tells size 0 until the first open
	Debug      bool   // log every request
	FsName     string // "ccsfs" if empty: first column of df
	Logger     *slog.Logger

	helper    bool  // root, too, mounts as users do: for tests
	mostNodes int64 // see maxNodes, 0: that; for tests
}

// What is wrong with a mountpoint or with FUSE, for errors.Is.
var (
	ErrNoFUSE     = errors.New("FUSE is not available")
	ErrMountpoint = errors.New("not a usable mountpoint")
	ErrMounted    = errors.New("already mounted")
)

const (
	fsType = "ccsfs" // the kernel says fuse.ccsfs

	// maxRead is the largest READ, and so the size of a buffer. Larger ones
	// measured slower: 256 MiB from the cache in 0.18 s with 128 KiB, 0.19 s
	// with 1 MiB, at eight times the memory.
	maxRead = 128 << 10

	// readAhead is how far the kernel reads ahead of a reader, where it lets
	// us say so. 128 KiB, its own default, measured 0.20 s, and 1 MiB no less
	// than this.
	readAhead = 512 << 10

	// maxBackground is how many reads ahead may be under way at once.
	maxBackground = 64
)

// Mount shows the documents at mountpoint, a directory that must exist, until
// Unmount or until somebody else unmounts it. cfg.Catalog and cfg.Content must
// stay open until Wait returns.
func Mount(mountpoint string, cfg Config) (*Server, error) {
	if cfg.Catalog == nil || cfg.Content == nil {
		return nil, errors.New("fs: a mount needs a catalog and a content store")
	}
	return mount(mountpoint, cfg, cfg.Catalog, store{cfg.Content})
}

// Check says why no mount at dir, a directory, is possible, as far as that can be told
// before one is tried: Mount takes a catalog, which takes calls.
func Check(dir string, allowOther bool) error {
	if err := checkFUSE(allowOther); err != nil {
		return err
	}
	return checkOwn(dir)
}

func mount(mountpoint string, cfg Config, src catalogSource, st contentSource) (*Server, error) {
	if cfg.Logger == nil {
		cfg.Logger = slog.New(slog.DiscardHandler)
	}
	dir, err := checkMountpoint(mountpoint)
	if err != nil {
		return nil, err
	}
	if err := checkFUSE(cfg.AllowOther); err != nil {
		return nil, err
	}
	t := newTree(cfg, src, st, cfg.Logger)
	root := newRoot(t)
	src.OnChange(root.announce)
	go t.notify.run()
	server, err := newServer(root, dir, mountOptions(cfg))
	if err != nil {
		t.notify.stop()
		return nil, explainMount(dir, err)
	}
	s := &Server{
		tree: t, fuse: server, mountpoint: dir, device: mountedDevice(dir), log: cfg.Logger,
		done: make(chan struct{}), detached: make(chan struct{}),
	}
	go func() {
		defer close(s.done)
		server.Serve()
		t.notify.stop()
		t.faults.close()
	}()
	if err := awaitMount(server); err != nil {
		_ = s.Unmount() // it is the mount that failed
		return nil, fmt.Errorf("mount %s: %w", dir, err)
	}
	raiseReadAhead(s.device)
	return s, nil
}

// nodeOptions gives the root its number: without, stat tells 0, which means "none"
// in directories, so that ".." would be missing from those of contracts.
func nodeOptions() *gofs.Options {
	return &gofs.Options{NullPermissions: true, RootStableAttr: &gofs.StableAttr{Ino: fuse.FUSE_ROOT_ID}}
}

// mountOptions says how go-fuse and the kernel should treat the mount.
func mountOptions(cfg Config) *fuse.MountOptions {
	o := &fuse.MountOptions{
		Name:       fsType,
		FsName:     cfg.FsName,
		AllowOther: cfg.AllowOther,
		// noexec: a bill is no program, whatever it contains.
		// default_permissions: the kernel checks the modes and, what matters more,
		// asks GETATTR to do so wherever attributes are due (fuse_permission in
		// fs/fuse/dir.c). An answer to OPEN carries no attributes: without it, a
		// file whose size was not known at the lookup would be opened with size 0,
		// and of all ways to read only read(2) asks again: sendfile(2), splice(2)
		// and copy_file_range(2) would find an empty file.
		Options: []string{"ro", "nosuid", "nodev", "noexec", "default_permissions"},

		MaxWrite:      maxRead,
		MaxReadAhead:  readAhead,
		MaxBackground: maxBackground,

		// Versions of a document are different nodes: the kernel need not
		// guess from sizes and times when to drop pages.
		ExplicitDataCacheControl: true,
		DisableXAttrs:            !cfg.XAttrs,
		IgnoreSecurityLabels:     true,
		// The kernel asks for attributes along with names only while somebody
		// uses them. A find over a million names would else leave a million
		// inodes behind, in the kernel and here: measured for 10,000, it takes
		// 32 ms and 0.8 MB instead of 83 ms and 4.9 MB. An ls -l that finds all
		// sizes known pays for it with 6 µs a file, the first time.
		ExtraCapabilities: fuse.CAP_READDIRPLUS_AUTO,
		// Splicing would hand a short read of a failing cache disk to the
		// kernel as the end of the file. It measured a tenth faster at best.
		DisableSplice: true,

		Debug:        cfg.Debug,
		Logger:       libraryLogger(cfg.Logger),
		PanicHandler: panicHandler(cfg.Logger),
	}
	if o.FsName == "" {
		o.FsName = fsType
	}
	if !cfg.helper {
		platformOptions(o)
	}
	return o
}

// libraryLogger passes on what go-fuse logs: requests, if asked for, and the
// rare complaint.
func libraryLogger(l *slog.Logger) *log.Logger {
	return log.New(libraryWriter{l}, "", 0)
}

type libraryWriter struct{ log *slog.Logger }

var _ io.Writer = libraryWriter{}

func (w libraryWriter) Write(p []byte) (int, error) {
	level, line := slog.LevelWarn, strings.TrimSpace(string(p))
	for _, chatter := range [...]string{"rx ", "tx ", "received ENODEV", "mountDirect:", "callFusermount:"} {
		if strings.HasPrefix(line, chatter) {
			level = slog.LevelDebug
		}
	}
	w.log.Log(context.Background(), level, "fuse", "line", line)
	return len(p), nil
}

// panicHandler makes an error of a defect of ours, instead of a mount whose
// server has died.
func panicHandler(l *slog.Logger) func(any) fuse.Status {
	return func(v any) fuse.Status {
		l.Error("defect in the file system; the operation fails", "error", fmt.Sprint(v), "stack", string(debug.Stack()))
		return fuse.EIO
	}
}

// checkMountpoint returns the absolute path of a directory to mount on.
func checkMountpoint(mountpoint string) (string, error) {
	dir, err := filepath.Abs(mountpoint)
	if err != nil {
		return "", fmt.Errorf("%w: %w", ErrMountpoint, err)
	}
	switch err := probe(dir); {
	case errors.Is(err, ErrSilent):
		return "", fmt.Errorf("%w: %s: %w", ErrMounted, dir, err)
	case isDead(err):
		return "", fmt.Errorf("%w: %s holds a mount whose server has died; unmount it first", ErrMountpoint, dir)
	}
	st, err := os.Stat(dir)
	switch {
	case errors.Is(err, os.ErrNotExist):
		return "", fmt.Errorf("%w: %s does not exist; make it with: mkdir -p %s", ErrMountpoint, dir, dir)
	case err != nil:
		return "", fmt.Errorf("%w: %w", ErrMountpoint, err)
	case !st.IsDir():
		return "", fmt.Errorf("%w: %s is not a directory", ErrMountpoint, dir)
	}
	if dir, err = filepath.EvalSymlinks(dir); err != nil {
		return "", fmt.Errorf("%w: %w", ErrMountpoint, err)
	}
	if m, ok := topMount(dir); ok && m.ours() {
		return "", fmt.Errorf("%w: %s has a %s mount already; unmount it first", ErrMounted, dir, fsType)
	}
	return dir, nil
}

// detachGrace is how long Wait goes on after Unmount, for files that are still open,
// and for copies of the mount in other namespaces.
const detachGrace = 2 * time.Second

// Server is a mount.
type Server struct {
	tree       *tree
	fuse       *fuse.Server
	mountpoint string
	device     string // as in mountinfo, "" if not known
	log        *slog.Logger
	done       chan struct{} // closed when the last request has been answered
	detached   chan struct{} // closed by Unmount
	detachOnce sync.Once
}

// DisablePoll teaches the kernel that the mount has no POLL, for programs that
// open files of their own mount: Go's runtime takes epoll_ctl(2) for a call that
// never blocks, and would wait for itself (see go-fuse's fs package, "Deadlocks").
// Whoever is killed in this call is hard to get rid of. Others need not call it.
//
// No process is begun meanwhile: it would inherit the file that is open for this, and
// wait for the mount to close it, while its parent waits, for it to begin, and may be
// stopped for it as a whole by the garbage collector.
func (s *Server) DisablePoll() error {
	syscall.ForkLock.RLock()
	defer syscall.ForkLock.RUnlock()
	if err := s.fuse.WaitMount(); err != nil {
		return err
	}
	return disablePoll(s.mountpoint)
}

// Wait returns when the mount is gone, whoever unmounted it. After an Unmount with
// files open, or with copies of the mount elsewhere, it returns a moment later all the
// same: the kernel ends those with an error when the process ends.
func (s *Server) Wait() {
	select {
	case <-s.done:
		return
	case <-s.detached:
	}
	timer := time.NewTimer(detachGrace)
	defer timer.Stop()
	select {
	case <-s.done:
	case <-timer.C:
	}
}
