package content

import (
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"sync"
	"sync/atomic"
	"syscall"
	"time"
)

// disk is the cache directory: where blobs lie and where spools are written.
type disk struct {
	dir    string
	serial atomic.Uint64

	mu      sync.Mutex
	session string   // tmp/<session>, this process's own; "" as long as the disk takes none
	lock    *os.File // held open: locks the session against sweeping
}

// openDisk makes the directories, sweeps up what dead processes left, and takes a
// session of its own. A disk that is full or read-only serves what it has: it
// is asked for a session again when one is needed.
func openDisk(dir string, log *slog.Logger) (*disk, error) {
	d := &disk{dir: dir}
	err := d.begin(log)
	if err != nil && !unwritable(err) {
		return nil, fmt.Errorf("content cache: %w", err)
	}
	if err != nil {
		log.Warn("the cache cannot be written; documents that are not in it are kept in memory while they are read",
			"path", dir, "error", err)
	}
	return d, nil
}

// unwritable tells a disk that takes nothing from one that is not meant for us.
func unwritable(err error) bool {
	for _, e := range []error{syscall.EROFS, syscall.ENOSPC, syscall.EDQUOT, syscall.EIO} {
		if errors.Is(err, e) {
			return true
		}
	}
	return false
}

// begin takes a session. Nobody else uses d, or d.mu is held.
func (d *disk) begin(log *slog.Logger) error {
	for _, sub := range []string{"index", "blobs", "tmp"} {
		if err := os.MkdirAll(filepath.Join(d.dir, sub), 0o700); err != nil {
			return err
		}
	}
	d.sweep(log)
	session, err := os.MkdirTemp(filepath.Join(d.dir, "tmp"), "s")
	if err != nil {
		return err
	}
	lock, err := os.OpenFile(d.lockPath(session), os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		os.RemoveAll(session)
		return err
	}
	lockExclusive(lock)
	d.session, d.lock = session, lock
	return nil
}

// own returns the session, a new one where there was none to be had so far.
func (d *disk) own() (string, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.session == "" {
		if err := d.begin(slog.New(slog.DiscardHandler)); err != nil {
			return "", err
		}
	}
	return d.session, nil
}

func (d *disk) lockPath(session string) string { return filepath.Join(session, "lock") }

// sweep removes the sessions whose process is gone: their lock is free.
func (d *disk) sweep(log *slog.Logger) {
	sessions, err := filepath.Glob(filepath.Join(d.dir, "tmp", "s*"))
	if err != nil {
		return
	}
	for _, s := range sessions {
		f, err := os.OpenFile(d.lockPath(s), os.O_RDWR, 0)
		if err == nil && !lockExclusive(f) {
			f.Close()
			continue
		}
		if st, err2 := os.Stat(s); err != nil && err2 == nil && time.Since(st.ModTime()) < time.Minute {
			continue // no lock file: it may be about to be made
		}
		if err := os.RemoveAll(s); err != nil {
			log.Debug("session left behind not removed", "path", s, "error", err)
		}
		if f != nil {
			f.Close()
		}
	}
}

// close gives the session up; spools still open keep their bytes until closed.
func (d *disk) close() error {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.session == "" {
		return nil
	}
	err := os.RemoveAll(d.session)
	d.lock.Close()
	if unwritable(err) {
		return nil // the next process sweeps it up
	}
	return err
}

// create makes an empty spool file in the session.
func (d *disk) create() (*os.File, error) {
	session, err := d.own()
	if err != nil {
		return nil, err
	}
	name := filepath.Join(session, fmt.Sprintf("%d", d.serial.Add(1)))
	f, err := os.OpenFile(name, os.O_RDWR|os.O_CREATE|os.O_EXCL, 0o600)
	if !os.IsNotExist(err) {
		return f, err
	}
	// The cache directory was cleaned away under us: build it again.
	if err := os.MkdirAll(session, 0o700); err != nil {
		return nil, err
	}
	return os.OpenFile(name, os.O_RDWR|os.O_CREATE|os.O_EXCL, 0o600)
}

func (d *disk) indexPath(contract string) string {
	return filepath.Join(d.dir, "index", diskName(contract))
}

func (d *disk) blobPath(k key) string {
	return filepath.Join(d.dir, "blobs", diskName(k.contract), diskName(k.document))
}

// install makes a finished spool the blob of k, and seals it.
func (d *disk) install(f *os.File, k key) (fileSeal, error) {
	path := d.blobPath(k)
	err := os.Rename(f.Name(), path)
	if os.IsNotExist(err) {
		if err = os.MkdirAll(filepath.Dir(path), 0o700); err == nil {
			err = os.Rename(f.Name(), path)
		}
	}
	if err != nil {
		return fileSeal{}, err
	}
	return sealOf(f)
}
