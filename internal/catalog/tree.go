package catalog

// Names of the files that each contract directory has besides its documents.
const (
	ContractFile  = ".contract.json"
	DocumentsFile = ".documents.json"
)

// Dir is a directory of documents.
type Dir struct {
	Entries []Entry // sorted by Name, byte order
}

// Entry is a directory or a document: exactly one of Dir and Doc is set.
type Entry struct {
	Name string
	Dir  *Dir
	Doc  *Document
}
