// Package disk keeps blobs in a directory that several processes may share.
//
//	blobs/<contract>/<document> the blobs
//	tmp/<session>/              spools of one process, which holds a lock on its directory
//
// A spool is renamed into its place when it is whole. Nothing is synced on purpose:
// what a crash tore is noticed when it is compared with its size and hash.
package disk

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"sync"
	"sync/atomic"
	"time"

	"ccsfs/internal/content/blobstore"
	"ccsfs/internal/osfile"
)

// Store is a directory of blobs.
type Store struct {
	dir    string
	bound  *bound
	serial atomic.Uint64

	mu      sync.Mutex
	session string   // tmp/<session>, this process's own; "" as long as the disk takes none
	lock    *os.File // held open: locks the session against sweeping

	cancel context.CancelFunc // of the first survey
	wg     sync.WaitGroup
}

// Open makes the directories, sweeps up what dead processes left, and takes a
// session of its own. A disk that is full or read-only serves what it has: it
// is asked for a session again when one is needed. The blobs are bounded by limit,
// in bytes, for all processes together.
func Open(dir string, limit int64, log *slog.Logger) (*Store, error) {
	d := &Store{dir: dir, bound: newBound(dir, limit, log)}
	err := d.begin(log)
	if err != nil && !Unwritable(err) {
		return nil, err
	}
	if err != nil {
		log.Warn("the cache cannot be written; documents that are not in it are kept in memory while they are read",
			"path", dir, "error", err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	d.cancel = cancel
	d.wg.Go(func() { d.bound.survey(ctx, "") })
	return d, nil
}

// Unwritable tells a disk that takes nothing from one that is not meant for us.
func Unwritable(err error) bool {
	return osfile.IsFull(err) || osfile.IsReadOnly(err) || osfile.IsBroken(err)
}

// begin takes a session. Nobody else uses d, or d.mu is held.
func (d *Store) begin(log *slog.Logger) error {
	for _, sub := range []string{"blobs", "tmp"} {
		if err := os.MkdirAll(filepath.Join(d.dir, sub), 0o700); err != nil {
			return err
		}
	}
	d.sweep(log)
	session, err := os.MkdirTemp(filepath.Join(d.dir, "tmp"), "s")
	if err != nil {
		return err
	}
	lock, err := osfile.Open(d.lockPath(session), os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		os.RemoveAll(session)
		return err
	}
	lockExclusive(lock)
	d.session, d.lock = session, lock
	return nil
}

// own returns the session, a new one where there was none to be had so far.
func (d *Store) own() (string, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.session == "" {
		if err := d.begin(slog.New(slog.DiscardHandler)); err != nil {
			return "", err
		}
	}
	return d.session, nil
}

func (d *Store) lockPath(session string) string { return filepath.Join(session, "lock") }

// lockExclusive tries for an exclusive lock on f. It lasts until the file is
// closed or the process ends, also by kill -9.
func lockExclusive(f *os.File) bool {
	return osfile.TryLock(f) == nil
}

func (d *Store) sweep(log *slog.Logger) { Sweep(d.dir, log) }

// Sweep removes the sessions in the directory of a store whose process is gone: their lock
// is free.
func Sweep(dir string, log *slog.Logger) {
	for _, s := range sessionsIn(dir) {
		f, err := osfile.Open(filepath.Join(s, "lock"), os.O_RDWR, 0)
		if err == nil && !lockExclusive(f) {
			f.Close()
			continue
		}
		if st, err2 := os.Stat(s); err != nil && err2 == nil && time.Since(st.ModTime()) < time.Minute {
			continue // no lock file: it may be about to be made
		}
		if f != nil {
			f.Close() // not every system lets names of open files go
		}
		if err := os.RemoveAll(s); err != nil {
			log.Debug("session left behind not removed", "path", s, "error", err)
		}
	}
}

// Close gives the session up; spools still open keep their bytes until closed.
func (d *Store) Close() error {
	d.cancel()
	d.wg.Wait()
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.session == "" {
		return nil
	}
	d.lock.Close() // first: not every system lets names of open files go
	err := os.RemoveAll(d.session)
	if Unwritable(err) {
		return nil // the next process sweeps it up
	}
	return err
}

// Create makes an empty spool in the session.
func (d *Store) Create() (blobstore.Spool, error) {
	f, err := d.create()
	if err != nil {
		return nil, err
	}
	return &file{f: f, temp: f.Name(), bound: d.bound}, nil
}

func (d *Store) create() (*os.File, error) {
	session, err := d.own()
	if err != nil {
		return nil, err
	}
	name := filepath.Join(session, fmt.Sprintf("%d", d.serial.Add(1)))
	f, err := osfile.Open(name, os.O_RDWR|os.O_CREATE|os.O_EXCL, 0o600)
	if !os.IsNotExist(err) {
		return f, err
	}
	// The cache directory was cleaned away under us: build it again.
	if err := os.MkdirAll(session, 0o700); err != nil {
		return nil, err
	}
	return osfile.Open(name, os.O_RDWR|os.O_CREATE|os.O_EXCL, 0o600)
}

// Path is where the blob of a key lies.
func (d *Store) Path(k blobstore.Key) string {
	return filepath.Join(d.dir, "blobs", k.Contract, k.Document)
}

// Put renames a spool into its place.
func (d *Store) Put(ctx context.Context, k blobstore.Key, sp blobstore.Spool) error {
	s, ok := sp.(*file)
	if !ok || s.temp == "" || s.bound != d.bound {
		return errors.New("this is no spool of this store")
	}
	path := d.Path(k)
	err := osfile.Rename(s.temp, path)
	if os.IsNotExist(err) {
		if err = os.MkdirAll(filepath.Dir(path), 0o700); err == nil {
			err = osfile.Rename(s.temp, path)
		}
	}
	if err != nil {
		return err
	}
	s.temp = ""
	d.bound.add(ctx, path, s.n)
	return nil
}

// Open opens a blob. It does not wait for anybody to write to a pipe that lies in its
// place.
func (d *Store) Open(_ context.Context, k blobstore.Key) (blobstore.Blob, error) {
	f, err := openFile(d.Path(k))
	if err != nil {
		return nil, err
	}
	return &file{f: f}, nil
}

// Stat tells of a blob without opening it.
func (d *Store) Stat(k blobstore.Key) (blobstore.State, error) {
	return stateAt(d.Path(k))
}

// Touch makes a blob the most recently used one, for this process.
func (d *Store) Touch(k blobstore.Key, size int64) { d.bound.touch(d.Path(k), size) }

// Remove removes a blob, and whatever lies in its place; with only not nil not what
// another process has put there.
func (d *Store) Remove(k blobstore.Key, only blobstore.Blob) error {
	path := d.Path(k)
	if mine, ok := only.(*file); ok {
		st, err := mine.f.Stat()
		there, err2 := os.Lstat(path)
		if err == nil && err2 == nil && !os.SameFile(st, there) {
			return nil
		}
	}
	d.bound.remove(path)
	if osfile.Remove(path) == nil {
		return nil
	}
	return os.RemoveAll(path)
}

// Usage is the number of blobs and their bytes, as far as this process has met them.
func (d *Store) Usage() (count int, bytes int64) { return d.bound.usage() }
