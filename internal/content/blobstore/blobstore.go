// Package blobstore says what the downloads need of a place where finished
// documents are kept, each as a blob under its key, and where the bytes of those on
// their way are put meanwhile. What is known of a document (its size, its hash, its
// version) is none of a store's business: see package index.
//
// A store may lose any blob at any time, since each can be fetched again, and may
// give back something else than was put: nothing is believed that was not compared
// with its size and hash ([Check]) since its [Identity] last changed. What it must
// not do is mix: a blob that is open is read as it was when it was opened, or fails
// that comparison.
//
// Package blobstoretest has the tests that every store must pass.
package blobstore

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
)

// Store keeps blobs. Its methods may be called concurrently, and other processes may
// use the same place meanwhile.
type Store interface {
	// Create makes a spool for the bytes of a document that are about to arrive.
	Create() (Spool, error)
	// Put makes a spool of this store, all of it, the blob of a key, in the place of
	// one that is there. The spool stays open, to be read and closed as the blob that
	// it is from then on. Where the store has a bound the blobs that were not used for
	// longest go, but not this one. A Put that fails changes nothing.
	Put(ctx context.Context, k Key, sp Spool) error
	// Open opens the blob of a key. The error Is fs.ErrNotExist where there is none,
	// and [ErrSymlink] where there is something else.
	Open(ctx context.Context, k Key) (Blob, error)
	// Stat tells of a blob without opening it. The error Is fs.ErrNotExist where
	// there is none. It never waits for a network.
	Stat(k Key) (State, error)
	// Touch makes a blob, of size bytes, the most recently used one.
	Touch(k Key, size int64)
	// Remove removes the blob of a key, if there is one; with only not nil no other
	// than this one, which was opened or put before. Whoever has it open can still
	// read it.
	Remove(k Key, only Blob) error
	// Usage is the number of blobs that are known of, and their bytes.
	Usage() (count int, bytes int64)
	// Close lets go of what the store holds. Blobs and spools that are open stay
	// readable until they are closed.
	Close() error
}

// Blob is a document that is open. ReadAt may be called concurrently, not so Close.
type Blob interface {
	io.ReaderAt
	io.Closer
	// Stat tells what the blob is now.
	Stat() (State, error)
}

// Spool is where the bytes of a document go while they arrive. Append is called by one
// goroutine; ReadAt by many, only below what has been appended. An Append that fails
// has appended nothing: the next one takes the same place. Close removes what is no
// blob.
type Spool interface {
	Blob
	Append(p []byte) error
}

// State is what a store says of a blob without reading it.
type State struct {
	Size     int64 // bytes
	Identity Identity
}

// Identity stands for the bytes of a blob: while it stays the same, nobody has written
// to them or put others in their place. Each kind of store has its own: what stat(2)
// says, an ETag. "" is that of no blob.
type Identity string

var (
	// ErrSymlink is that a symbolic link lies in the place of a blob.
	ErrSymlink = errors.New("it is a symbolic link")
	// ErrNoSpace is that a store takes no more bytes.
	ErrNoSpace = errors.New("no space left")
)

// Key names a document, by file names.
type Key struct{ Contract, Document string }

// KeyOf is the key of a document, whatever its version.
func KeyOf(contractID, documentID string) Key { return Key{Name(contractID), Name(documentID)} }

// Name is a file name for an id: a hash, since ids come from outside.
func Name(id string) string {
	sum := sha256.Sum256([]byte(id))
	return hex.EncodeToString(sum[:16])
}

// Hash gives the SHA-256 of the first size bytes of r, in hex, read by means of buf.
// Fewer bytes are an error.
func Hash(r io.ReaderAt, size int64, buf []byte) (string, error) {
	h := sha256.New()
	n, err := io.CopyBuffer(h, io.NewSectionReader(r, 0, size), buf)
	if err == nil && n < size {
		err = io.ErrUnexpectedEOF
	}
	return hex.EncodeToString(h.Sum(nil)), err
}

// Check reads a blob through, by means of buf, and compares it with what it should be:
// the error is nil, or what is wrong with it.
func Check(b Blob, size int64, sum string, buf []byte) error {
	st, err := b.Stat()
	if err != nil {
		return err
	}
	if st.Size != size {
		return fmt.Errorf("it has %d bytes, not %d", st.Size, size)
	}
	got, err := Hash(b, size, buf)
	if err == nil && got != sum {
		err = errors.New("its SHA-256 is not the one it was stored with")
	}
	return err
}
