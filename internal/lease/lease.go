// Package lease gives a named thing to one holder at a time, among all
// processes that share a file: a document being downloaded, a listing being
// refreshed. It knows nothing of what the names stand for, and keeps no state
// on disk that could outlive its holder: the kernel gives a lease back when
// its process ends, however it ends.
//
// On Linux and Windows all leases of a [Table] are byte-range locks on one file,
// owned by who has opened it (F_OFD_SETLK, fcntl(2); LockFileEx): no lease costs a
// file or a descriptor of its own. Elsewhere each is a file below a directory, locked by
// flock(2). A network file system without locks, and a disk that takes no file,
// leave leases that hold within this process only; [Lease.Shared] tells.
package lease

import (
	"context"
	"crypto/sha256"
	"encoding/binary"
	"sync"
	"time"
)

// How often a lease that another process holds is tried again. There is no way
// to wait for a file lock that a context can end.
const (
	pollFirst = 2 * time.Millisecond
	pollMost  = 50 * time.Millisecond
)

// Table is the leases of one file. Its methods may be called concurrently.
type Table struct {
	locks    locker
	patience patience

	mu   sync.Mutex
	held map[uint64]chan struct{} // closed when the lease is given back
}

// locker locks for this process, against other processes.
type locker interface {
	// try locks key, or reports that another process has it. An error means
	// that nothing can be locked here. Keys held are not asked for again.
	try(key uint64) (unlock func(), ok bool, err error)
	close() error
}

// Open returns the leases of the file at path, which need not exist: it is made
// with mode 0600 at the first use, and again if it was removed. Its directory
// must exist by then.
func Open(path string) *Table {
	return &Table{locks: newLocker(path), held: make(map[uint64]chan struct{})}
}

// Close gives the file back, once no lease is held any more. No lease may be
// asked for after it.
func (t *Table) Close() error { return t.locks.close() }

// Lease is the right to do something alone, until Release. The zero Lease is the
// right of nobody in particular: to go on without.
type Lease struct {
	table  *Table
	key    uint64
	unlock func() // nil: not shared
	once   sync.Once
}

// Shared reports whether other processes honour the lease. False where the file
// cannot be locked.
func (l *Lease) Shared() bool { return l.unlock != nil }

// Release gives the lease back. Only the first call does anything.
func (l *Lease) Release() {
	l.once.Do(func() {
		if l.unlock != nil {
			l.unlock()
		}
		if l.table != nil {
			l.table.drop(l.key)
		}
	})
}

func (t *Table) drop(key uint64) {
	t.mu.Lock()
	defer t.mu.Unlock()
	close(t.held[key])
	delete(t.held, key)
}

// Try acquires the lease of name if nobody holds it, in this process or another.
func (t *Table) Try(name string) (l *Lease, ok bool) {
	l, _ = t.try(keyOf(name))
	return l, l != nil
}

// Acquire waits for the lease of name, or returns ctx's error. contended, if not
// nil, is called once if there is anybody to wait for.
func (t *Table) Acquire(ctx context.Context, name string, contended func()) (*Lease, error) {
	key, pause := keyOf(name), pollFirst
	for {
		l, here := t.try(key)
		if l != nil {
			return l, nil
		}
		if contended != nil {
			contended()
			contended = nil
		}
		var again <-chan time.Time
		if here == nil { // another process has it
			again, pause = time.After(pause), min(2*pause, pollMost)
		}
		select {
		case <-here:
		case <-again:
		case <-ctx.Done():
			return nil, context.Cause(ctx)
		}
	}
}

// try returns a lease, or, if it is held in this process, what is closed when
// it is given back; neither, if another process holds it.
func (t *Table) try(key uint64) (*Lease, <-chan struct{}) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if here := t.held[key]; here != nil {
		return nil, here
	}
	unlock, ok, err := t.locks.try(key)
	if err == nil && !ok {
		return nil, nil
	}
	t.held[key] = make(chan struct{})
	return &Lease{table: t, key: key, unlock: unlock}, nil
}

// keyOf is a place for a name. Two names on one place wait for each other, which
// is as unlikely as two equal hashes of 62 bits, and harms nothing.
func keyOf(name string) uint64 {
	sum := sha256.Sum256([]byte(name))
	return binary.LittleEndian.Uint64(sum[:]) >> 2 // off_t is signed; l_start + l_len must not overflow
}
