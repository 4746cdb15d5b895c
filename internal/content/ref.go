package content

import (
	"time"

	"ccsfs/internal/content/blobstore"
	"ccsfs/internal/content/index"
)

// Ref names a document's content: which document, and which version of it.
type Ref struct {
	ContractID string
	DocumentID string
	// UpdatedAt is the version as the listing gives it; "" if it gives none.
	UpdatedAt string
	// Fingerprint tells apart what else the listing says of the document: another document
	// under its id has another one. 0: not known.
	Fingerprint uint64
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

func (r Ref) version() index.Version {
	return index.Version{UpdatedAt: r.UpdatedAt, Fingerprint: r.Fingerprint, Listed: r.Listed}
}

// key identifies a document in memory, whatever its version.
type key struct{ contract, document string }

func (r Ref) key() key { return key{r.ContractID, r.DocumentID} }

// blob is where the document's content is kept, of whatever version it is.
func (r Ref) blob() blobstore.Key { return blobstore.KeyOf(r.ContractID, r.DocumentID) }
