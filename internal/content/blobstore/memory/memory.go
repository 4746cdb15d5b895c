// Package memory keeps blobs in memory, for tests, and spools for when a disk is full
// or gone.
package memory

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"math"
	"strconv"
	"sync"

	"ccsfs/internal/content/blobstore"
	"github.com/hashicorp/golang-lru/v2/simplelru"
)

// Store keeps blobs in memory.
type Store struct {
	limit  int64 // bytes of blobs
	spools Budget

	mu    sync.Mutex
	lru   *simplelru.LRU[blobstore.Key, *blob]
	bytes int64
	put   int // blobs so far
}

// spoolBudget is for how many bytes of spools there is room at once.
const spoolBudget = 64 << 20

// New makes a store for at most limit bytes of blobs, or one that is larger.
func New(limit int64) *Store {
	s := &Store{limit: limit}
	s.spools.Add(spoolBudget)
	s.lru, _ = simplelru.NewLRU[blobstore.Key, *blob](math.MaxInt, nil) // an error only for sizes below 1
	return s
}

// blob is a blob, as many as have it open.
type blob struct {
	*bytes.Reader
	identity blobstore.Identity
}

func (b *blob) Stat() (blobstore.State, error) {
	return blobstore.State{Size: b.Size(), Identity: b.identity}, nil
}

func (b *blob) Close() error { return nil }

// Create makes a spool.
func (s *Store) Create() (blobstore.Spool, error) { return NewSpool(&s.spools), nil }

// Put makes a copy of a spool the blob of a key.
func (s *Store) Put(ctx context.Context, k blobstore.Key, sp blobstore.Spool) error {
	if err := context.Cause(ctx); err != nil {
		return err
	}
	from, ok := sp.(*Spool)
	if !ok || from.budget != &s.spools {
		return errors.New("this spool is of another store")
	}
	data := make([]byte, from.n)
	if n, err := from.ReadAt(data, 0); n < len(data) {
		return err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.put++
	b := &blob{bytes.NewReader(data), blobstore.Identity(strconv.Itoa(s.put))}
	s.drop(k)
	s.lru.Add(k, b)
	s.bytes += b.Size()
	for s.bytes > s.limit {
		oldest, _, _ := s.lru.GetOldest()
		if oldest == k {
			break
		}
		s.drop(oldest)
	}
	from.mu.Lock()
	defer from.mu.Unlock()
	from.blob = b
	return nil
}

// drop forgets a blob. s.mu is held.
func (s *Store) drop(k blobstore.Key) {
	if b, ok := s.lru.Peek(k); ok {
		s.bytes -= b.Size()
		s.lru.Remove(k)
	}
}

// peek gives a blob without its being used.
func (s *Store) peek(op string, k blobstore.Key) (*blob, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if b, ok := s.lru.Peek(k); ok {
		return b, nil
	}
	return nil, &fs.PathError{Op: op, Path: fmt.Sprint(k), Err: fs.ErrNotExist}
}

// Open opens the blob of a key.
func (s *Store) Open(_ context.Context, k blobstore.Key) (blobstore.Blob, error) {
	b, err := s.peek("open", k)
	if err != nil {
		return nil, err
	}
	return b, nil
}

// Stat tells of a blob.
func (s *Store) Stat(k blobstore.Key) (blobstore.State, error) {
	b, err := s.peek("stat", k)
	if err != nil {
		return blobstore.State{}, err
	}
	return b.Stat()
}

// Touch makes a blob the most recently used one.
func (s *Store) Touch(k blobstore.Key, _ int64) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.lru.Get(k)
}

// Remove removes the blob of a key; with only not nil no other than this one.
func (s *Store) Remove(k blobstore.Key, only blobstore.Blob) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if there, ok := s.lru.Peek(k); ok && only != nil {
		if sp, ok := only.(*Spool); ok {
			only = sp.blob
		}
		if only != blobstore.Blob(there) {
			return nil
		}
	}
	s.drop(k)
	return nil
}

// Usage is the number of blobs and their bytes.
func (s *Store) Usage() (count int, bytes int64) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.lru.Len(), s.bytes
}

// Close does nothing: what is open stays readable.
func (s *Store) Close() error { return nil }
