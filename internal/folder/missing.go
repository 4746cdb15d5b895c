package folder

import (
	"cmp"
	"errors"
	"fmt"
	"io/fs"
	"strings"

	"ccsfs/apiclient"
	"ccsfs/internal/catalog"
	"ccsfs/internal/catalog/layout"
	"ccsfs/internal/suggest"
)

// Why something is not there.

// NotFoundError is a path that leads nowhere, by a listing that is fresh. It Is
// apiclient.ErrNotFound.
type NotFoundError struct {
	Path string // as far as it is wrong
	Gone string // that it was there before, "" if it was not
	near func() string
}

// Near is a path that was probably meant, "" if none comes near. It is found out only
// when somebody asks: faces are asked for many names that nobody types.
func (e *NotFoundError) Near() string {
	if e.near == nil {
		return ""
	}
	return e.near()
}

// Error implements error.
func (e *NotFoundError) Error() string {
	if e.Gone != "" {
		return e.Gone
	}
	if near := e.Near(); near != "" {
		return fmt.Sprintf("%s does not exist; did you mean %s?", e.Path, near)
	}
	return e.Path + " does not exist"
}

// Is makes it apiclient.ErrNotFound, and fs.ErrNotExist.
func (e *NotFoundError) Is(target error) bool {
	return target == apiclient.ErrNotFound || target == fs.ErrNotExist
}

// HiddenError is a contract that the account has, or a pattern of some, that a filter
// leaves out.
type HiddenError struct{ Name string }

// ErrHidden is what every HiddenError Is.
var ErrHidden = errors.New("hidden by a filter")

// Error implements error.
func (e *HiddenError) Error() string { return e.Name + " is hidden by a filter" }

// Is makes it ErrHidden.
func (e *HiddenError) Is(target error) bool { return target == ErrHidden }

// OldError is a name that a listing does not have which is old, since the API cannot be
// asked: nobody knows whether it exists. It Is its cause.
type OldError struct {
	Path  string
	Cause error // why the listing is old
}

// Error implements error.
func (e *OldError) Error() string {
	return fmt.Sprintf("%s is not in the last listing, which is old: %v", e.Path, e.Cause)
}

// Unwrap gives the cause.
func (e *OldError) Unwrap() error { return e.Cause }

// AbsentContract is the error for a name that is none of contracts.
func AbsentContract(contracts *catalog.Contracts, name string) error {
	for _, e := range contracts.Hidden {
		if e.Name == name || e.ID == name {
			return &HiddenError{name}
		}
	}
	for _, g := range contracts.Gone {
		if contracts.Stale == nil && (g.Name == name || g.ID == name) {
			return &NotFoundError{Path: name, Gone: g.String()}
		}
	}
	err := absent("", name, contracts.Stale, func() []string {
		names := make([]string, len(contracts.Entries))
		for i, e := range contracts.Entries {
			names[i] = e.Name
		}
		return names
	})
	var missing *NotFoundError
	if errors.As(err, &missing) {
		spelt := missing.near
		missing.near = func() string { return cmp.Or(spelt(), inContract(contracts, name)) }
	}
	return err
}

// inContract is the path of what is called after a contract, such as a document that was
// named as a listing of its contract names it; "" if there is no such contract.
func inContract(contracts *catalog.Contracts, name string) string {
	for _, e := range contracts.Entries {
		if e.ID != "" && !strings.Contains(name, "/") && strings.Contains(name, "_"+e.ID+"_") {
			return e.Name + "/" + name
		}
	}
	return ""
}

// Absent is the error for a name that a directory at a path does not have (nil: it is not
// there itself any more), by a listing that is old if stale is not nil: only a fresh one can say that something is not there.
func Absent(at, name string, dir *layout.Dir, stale error) error {
	return absent(at+"/", name, stale, func() []string {
		if dir == nil {
			return nil
		}
		names := make([]string, len(dir.Entries))
		for i, e := range dir.Entries {
			names[i] = e.Name
		}
		return names
	})
}

func absent(prefix, name string, stale error, names func() []string) error {
	if stale != nil {
		return &OldError{Path: prefix + name, Cause: stale}
	}
	return &NotFoundError{Path: prefix + name, near: func() string {
		near := suggest.Nearest(name, names())
		if near == "" {
			return ""
		}
		return prefix + near
	}}
}
