// Package catalog knows what exists: the contracts of an account and the
// documents of each, as directory trees, without the content of any.
//
// Listings are kept in memory (LRU, a contract each, so that no directory can
// be half cached) and saved on disk, served while young, refreshed behind
// their readers when older, and still served, marked stale, when the API is
// out of reach. Access withdrawn is access withdrawn: after a refusal nothing
// cached of that contract is served. A part never looks like the whole: a
// listing that failed in one of its types failed.
//
// Under which names documents are shown is up to package layout.
package catalog

import (
	"context"
	"log/slog"
	"time"

	"ccsfs/apiclient"
	"ccsfs/internal/billing"
	"ccsfs/internal/catalog/layout"
	"ccsfs/internal/pool"
)

// What others give to a catalog, and what they get of it. What says that something falls
// short is in shortfall.go, what tells of differences in changes.go.

// API is what the catalog asks; *apiclient.Client is one.
type API interface {
	Contracts(ctx context.Context) ([]apiclient.Contract, error)
	Contract(ctx context.Context, contractID string) (*apiclient.ContractDetail, error)
	Documents(ctx context.Context, contractID string, q apiclient.DocumentsQuery) ([]apiclient.Document, error)
}

// Config says what a Catalog shows and how long it believes it.
type Config struct {
	Types     []string       // only documents of these types; empty: all
	Contracts []string       // only contracts of these ids; empty: all
	Layout    *layout.Layout // nil: flat
	// ContractNames names a contract's directory by its id and its name, for
	// people; such a directory moves when the contract is renamed.
	ContractNames bool
	TTL           time.Duration // younger listings are served as they are; default 10 minutes
	Listings      int           // listings in memory at once; default 1024
	// ListedDocuments is how many documents those may have together, if they are more than
	// one: each takes 250 to 300 bytes; default 250,000.
	ListedDocuments int
	Dir             string // where listings are saved, created 0700, shared with other processes; "": not saved
	Offline         bool   // never ask the API: only what is saved, whatever its age
	// Credentials names the credentials that the API is asked with by now, without
	// telling them: a refusal holds for its own only. nil: they are always the same.
	Credentials func() string
	// Foreground is for programs that end soon, and for the mount of one command:
	// what is older than the TTL is refreshed before it is shown, and waited for
	// without Grace. A refresh behind would be cut short by the end of the
	// program, each time anew, and what a copy takes for the whole must be it.
	Foreground bool
	// Afresh takes nothing for fresh that was fetched before the catalog was
	// opened, however young it is. Without effect if Offline.
	Afresh bool
	// Known hears what a gateway tells of the bytes of documents of a listing, of that time,
	// before anybody gets that; nil: nobody does.
	Known func(listed time.Time, told []Told)
	// Pool is what the machines that share the account have in common: each value is asked
	// for by one of them. It is closed after the catalog. nil: there is none. Without effect
	// if Offline.
	Pool   *pool.Pool
	Logger *slog.Logger // nil: discard
	Now    func() time.Time
}

// Told is what a gateway tells of the bytes of a document.
type Told struct {
	Document *billing.Document
	apiclient.Content
}

// Contracts is the list of contracts at one moment. It must not be modified.
type Contracts struct {
	FetchedAt time.Time
	Stale     error           // why it is not fresh; nil if it is
	Entries   []ContractEntry // sorted by Name, byte order
	Suspect   string          // why the API's answer is not believed; "" if it is
	// Incomplete says that the API itself says that it left some out.
	Incomplete bool
	Old        bool            // none is listed any more: those that were are still shown
	Missing    []string        // ids that Config.Contracts names and the account has not, in its order
	Hidden     []ContractEntry // the account has them, but Config.Contracts does not name them; sorted by id
	// Gone holds what was listed before and is not any more, for some weeks, but for what
	// Config.Contracts hides; sorted by id.
	Gone []GoneContract
}

// ContractEntry is a contract and the name of its directory: its id, made
// safe, with Config.ContractNames its name behind it. (Ids are unique and stay
// when a contract is renamed; names are not, and do not.)
type ContractEntry struct {
	Name string // safe directory name
	apiclient.Contract
}

// Listing is all documents of a contract at one moment. It must not be
// modified, and is shared.
type Listing struct {
	ContractID string
	FetchedAt  time.Time
	Stale      error              // why it is not fresh; nil if it is
	Documents  []billing.Document // sorted by ID
	Tree       *layout.Dir        // the same documents, by the layout
	Refused    []string           // types that the API refused, sorted; they are left out
	Suspect    string             // why it may be cut short by the API; "" if it is not
	Incomplete bool               // it is, as the API says itself
	Old        bool               // of a type nothing is listed any more: what was is still shown

	// Gone holds what was listed before and is not any more, for some weeks, of types of
	// which nothing is listed any more; sorted by type.
	Gone []GoneDocuments

	// capped holds the types whose answers seem cut short, and at how many
	// documents.
	capped map[string]int
	// emptied holds the types of which nothing is listed any more, though what
	// was is shown, and since when.
	emptied map[string]time.Time
	// had counts, by type, the documents that there were before the type, or the
	// contract, was refused: what comes after it is compared with that.
	had map[string]int
}

// Detail is the description of a contract.
type Detail struct {
	JSON      []byte // the API's answer, indented, and a newline
	FetchedAt time.Time
	Stale     error // why it is not fresh; nil if it is
}
