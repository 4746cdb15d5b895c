package fs

import (
	"crypto/sha256"
	"encoding/binary"
	"hash/fnv"
	"sync"

	"github.com/hanwen/go-fuse/v2/fuse"
)

// nodeKind keeps the identities of different kinds of nodes apart.
type nodeKind string

const (
	kindContract  nodeKind = "contract"
	kindLayoutDir nodeKind = "directory"
	kindDocument  nodeKind = "document"
	kindGenerated nodeKind = "generated"
)

// inodeNumber returns the inode number of an identity: the same at every
// mount, and for a document also when the layout gives it another name. It is
// cut from a cryptographic hash, since ids come from outside and two documents
// with one number would be one file.
func inodeNumber(kind nodeKind, parts ...string) uint64 {
	var space [256]byte
	b := append(space[:0], kind...)
	for _, p := range parts {
		// The length makes ("ab","c") differ from ("a","bc").
		b = binary.LittleEndian.AppendUint32(b, uint32(len(p)))
		b = append(b, p...)
	}
	sum := sha256.Sum256(b)
	for s := sum[:]; len(s) >= 8; s = s[8:] {
		if n := binary.LittleEndian.Uint64(s); !reservedInode(n) {
			return n
		}
	}
	return reservedSubstitute
}

// reservedSubstitute is for the identity, never to be met, whose hash holds
// nothing but reserved numbers.
const reservedSubstitute = 2

// reservedInode reports the numbers that mean something else: 0 is "none" to
// readdir, 1 is the root, and go-fuse keeps all ones for itself.
func reservedInode(n uint64) bool { return n == 0 || n == fuse.FUSE_ROOT_ID || n == ^uint64(0) }

// versions counts how often the content of a document was found replaced in
// this mount, without a new updatedAt. Only replaced ones take memory.
type versions struct {
	mu sync.Mutex
	n  map[uint64]uint32 // by inode number
}

// generation returns the node generation of a document's current version: the
// listing's idea of the version in the upper half, ours in the lower.
func (v *versions) generation(ino uint64, updatedAt string) uint64 {
	h := fnv.New32a()
	h.Write([]byte(updatedAt))
	v.mu.Lock()
	defer v.mu.Unlock()
	return uint64(h.Sum32())<<32 | uint64(v.n[ino])
}

// supersede makes a generation an old one. Several callers that found the same
// change make one new version of it.
func (v *versions) supersede(ino, generation uint64) {
	v.mu.Lock()
	defer v.mu.Unlock()
	if v.n[ino] != uint32(generation) {
		return
	}
	if v.n == nil {
		v.n = make(map[uint64]uint32)
	}
	v.n[ino]++
}
