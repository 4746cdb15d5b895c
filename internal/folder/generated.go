package folder

import (
	"context"
	"encoding/json"
	"time"

	"ccsfs/internal/catalog"
	"ccsfs/internal/catalog/layout"
)

// Generated are the names of the files that each contract directory has besides its
// documents, in byte order: what the API tells of the contract, and of its documents.
// Their names begin with a dot, so that a listing for people leaves them out.
func Generated() [2]string { return [2]string{layout.ContractFile, layout.DocumentsFile} }

// IsGenerated tells whether a name in the directory of a contract is of such a file.
func IsGenerated(name string) bool {
	return name == layout.ContractFile || name == layout.DocumentsFile
}

// GeneratedFile is what such a file holds.
type GeneratedFile struct {
	Bytes   []byte // must not be changed
	ModTime time.Time
}

// Generate makes the file of a node that is one. It may wait for the catalog.
func (f *Folder) Generate(ctx context.Context, n Node) (GeneratedFile, error) {
	if n.Made == layout.DocumentsFile {
		return DocumentsFile(n.Listing), nil
	}
	d, err := f.catalog.Detail(ctx, n.Contract.ID)
	if err != nil {
		return GeneratedFile{}, err
	}
	return ContractFile(d), nil
}

// DocumentsFile is the file of what the API tells of a contract's documents.
func DocumentsFile(l *catalog.Listing) GeneratedFile {
	return GeneratedFile{Bytes: l.JSON(), ModTime: Newest(l.Tree)}
}

// ContractFile is the file of what the API tells of a contract. Its time is when the
// contract says it was last updated, else made.
func ContractFile(d *catalog.Detail) GeneratedFile {
	file := GeneratedFile{Bytes: d.JSON}
	var times struct{ UpdatedAt, CreatedAt string }
	if json.Unmarshal(d.JSON, &times) != nil {
		return file // of another shape than expected: no time is known
	}
	for _, text := range [...]string{times.UpdatedAt, times.CreatedAt} {
		if t := ContractTime(text); !t.IsZero() {
			file.ModTime = t
			break
		}
	}
	return file
}
