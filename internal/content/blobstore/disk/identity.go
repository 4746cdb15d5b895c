package disk

import (
	"encoding/binary"

	"ccsfs/internal/content/blobstore"
)

// identity makes one of the numbers that a system tells of a file. No other numbers make
// the same one. It is short, for there may be one in memory for each blob.
func identity(numbers ...int64) blobstore.Identity {
	var space [64]byte
	b := space[:0]
	for _, n := range numbers {
		b = binary.AppendVarint(b, n)
	}
	return blobstore.Identity(b)
}
