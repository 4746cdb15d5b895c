package content

import (
	"crypto/sha256"
	"encoding/hex"
	"time"
)

// Ref names a document's content: which document, and which version of it.
type Ref struct {
	ContractID string
	DocumentID string
	// UpdatedAt is the version as the listing gives it; "" if it gives none.
	UpdatedAt string
	// Print tells apart what else the listing says of the document: another document
	// under its id has another one. 0: not known.
	Print uint64
	// Listed is when the listing that gives it was asked for; zero: not known.
	Listed time.Time
	// Volatile content may change without a new UpdatedAt (the partial* types)
	// and is revalidated after Config.PartialTTL.
	Volatile bool
	// Name is the file name: its extension says what the body should look like.
	Name string
}

// Info is what is known of a document's content.
type Info struct {
	Size   int64  // bytes
	SHA256 string // hex; "" while the body has not been seen whole
	// Changed is when this content was first seen here.
	Changed time.Time
	// Seen is when this version, of this content and this UpdatedAt, was first seen
	// here: after anything that was shown of another one. It is kept on disk.
	Seen time.Time
	// Valid is until when Info holds without asking the API; zero: for ever.
	Valid time.Time
	// Generation changes whenever content replaces other content of the same
	// document in this process; page caches of another generation are stale.
	Generation uint64
}

// version says which state of a document a listing shows.
type version struct {
	updatedAt string
	print     uint64
	listed    time.Time
}

// is says whether two listings show the same state, as far as they tell.
func (v version) is(other version) bool {
	return v.updatedAt == other.updatedAt && (v.print == other.print || v.print == 0 || other.print == 0)
}

func (r Ref) version() version { return version{r.UpdatedAt, r.Print, r.Listed} }

// key identifies a document in memory, whatever its version.
type key struct{ contract, document string }

func (r Ref) key() key { return key{r.ContractID, r.DocumentID} }

// diskName is a file name for an id: a hash, since ids come from outside.
func diskName(id string) string {
	sum := sha256.Sum256([]byte(id))
	return hex.EncodeToString(sum[:16])
}
