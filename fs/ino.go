//go:build !windows

package fs

import (
	"crypto/sha256"
	"encoding/binary"

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
