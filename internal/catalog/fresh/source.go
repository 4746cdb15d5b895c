package fresh

import (
	"context"
	"time"
)

// What is given to a value, to know what it is.

// Source says how one sort of thing is fetched, saved and compared. What is fetched is
// never modified. All but touched must be set, if nothing else is said.
type Source[T any] struct {
	Name string // of the sort, in the singular; for the log and for errors
	// Fetch asks for it, under a context that says how urgent that is. prev is what was
	// known before; nil: nothing.
	Fetch func(ctx context.Context, key string, prev *T) (*T, error)

	File func(key string) string         // where it is saved, as a name in the Store
	Load func(key string) (*T, *Refusal) // from there; neither if there is nothing
	// Parse makes a value of what is in its file. Only a scope with a pool needs it.
	Parse func(key string, payload []byte) (*T, error)
	Saved func(key string, v *T) any   // what is in the file, as JSON
	Deny  func(key string, f *Failure) // access was withdrawn: nor may another process show it
	// Withdrawn tells what goes with a value that is denied: how the names of the files
	// begin that are removed. nil: nothing does.
	Withdrawn func(key string, err error) []string

	FetchedAt   func(*T) time.Time
	WithStale   func(*T, error) *T                      // a copy that says why it is old
	Fingerprint func(*T) uint64                         // the same for values between which there is no change
	Same        func(a, b *T) bool                      // there is no change between them
	Changed     func(key string, was, is *T, err error) // called in order, must not block
	// Weight is how much of the memory of a Map a value takes, of Most. nil: each the same.
	Weight  func(*T) int
	Most    int
	touched func(c *Value[T]) // has a value in memory; called outside locks
}
