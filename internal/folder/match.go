package folder

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"path"
	"slices"
	"strings"

	"golang.org/x/sync/errgroup"

	"ccsfs/apiclient"
	"ccsfs/internal/catalog"
)

// NoMatchError is a pattern that matches nothing, by listings that are fresh. It Is
// apiclient.ErrNotFound.
type NoMatchError struct {
	Pattern string
	Hidden  int // contracts that it might match, but that a filter leaves out
}

// Error implements error.
func (e *NoMatchError) Error() string { return e.Pattern + " matches nothing" }

// Is makes it apiclient.ErrNotFound, and fs.ErrNotExist.
func (e *NoMatchError) Is(target error) bool {
	return target == apiclient.ErrNotFound || target == fs.ErrNotExist
}

// PathError is an error about a path.
type PathError struct {
	Path string // as given, or of the directory that could not be listed
	Err  error
}

// Error implements error.
func (e *PathError) Error() string { return fmt.Sprintf("%s: %v", e.Path, e.Err) }

// Unwrap gives the cause.
func (e *PathError) Unwrap() error { return e.Err }

// IsPattern tells whether a path is a pattern, in the sense of [path.Match].
func IsPattern(at string) bool {
	if !strings.ContainsAny(at, `*?[`) {
		return false
	}
	_, err := path.Match(at, "")
	return err == nil
}

// matchAtOnce is how many contracts are listed at once for a pattern.
const matchAtOnce = 16

// Match returns what is at a path, as Find does; or, where nothing is and it is a pattern
// ([path.Match], element by element), all that it matches, in order of paths. Contracts
// match by the name of their directory and by their id; what is made here by a pattern
// that begins with a dot. What could not be looked at comes as errors beside the rest.
func (f *Folder) Match(ctx context.Context, at string) ([]Node, []*PathError) {
	n, err := f.Find(ctx, at)
	if err == nil {
		return []Node{n}, nil
	}
	if !errors.Is(err, fs.ErrNotExist) && !isOld(err) || !IsPattern(at) {
		return nil, []*PathError{{at, err}}
	}
	parts := Split(at)
	contracts, err := f.catalog.Contracts(ctx)
	if err != nil {
		return nil, []*PathError{{at, err}}
	}
	shown, hidden := ContractsAt(contracts, parts[0])
	if len(shown) == 0 && len(hidden) > 0 {
		return nil, []*PathError{{at, &HiddenError{parts[0]}}}
	}
	m := matching{folder: f, below: parts[1:], hidden: len(hidden), stale: contracts.Stale}
	for _, e := range shown {
		m.contracts = append(m.contracts, e.Name)
	}
	return m.run(ctx, at)
}

// ContractsAt finds the contracts that a pattern matches, by the name of their directory or
// by their id, and those that it would match, but that a filter leaves out. Of a path it is
// the first element that counts.
func ContractsAt(contracts *catalog.Contracts, pattern string) (shown, hidden []catalog.ContractEntry) {
	pattern, _, _ = strings.Cut(strings.TrimLeft(path.Clean("/"+pattern), "/"), "/")
	of := func(entries []catalog.ContractEntry) (found []catalog.ContractEntry) {
		for _, e := range entries {
			if matches(pattern, e.Name) || matches(pattern, e.ID) {
				found = append(found, e)
			}
		}
		return found
	}
	return of(contracts.Entries), of(contracts.Hidden)
}

// matching is what a pattern is looked for in.
type matching struct {
	folder    *Folder
	contracts []string // that match its first element
	below     []string // the other elements
	hidden    int      // contracts that match its first element, and are not looked at
	stale     error    // why something that was looked at is old
}

func (m *matching) run(ctx context.Context, at string) ([]Node, []*PathError) {
	found := make([][]Node, len(m.contracts))
	failed := make([]*PathError, len(m.contracts))
	stale := make([]error, len(m.contracts))
	var g errgroup.Group
	g.SetLimit(matchAtOnce)
	for i, name := range m.contracts {
		g.Go(func() error {
			n, err := m.folder.Find(ctx, name)
			if err == nil {
				stale[i] = n.Listing.Stale
				found[i], err = m.folder.descend(ctx, n, m.below)
			}
			if err != nil {
				failed[i] = &PathError{name, err}
			}
			return nil
		})
	}
	_ = g.Wait() // failures are kept apart
	nodes := slices.Concat(found...)
	failed = slices.DeleteFunc(failed, func(e *PathError) bool { return e == nil })
	if len(nodes) > 0 || len(failed) > 0 {
		return nodes, failed
	}
	for _, err := range append(stale, m.stale) {
		if err != nil {
			return nil, []*PathError{{at, &OldError{Path: at, Cause: err}}}
		}
	}
	return nil, []*PathError{{at, &NoMatchError{Pattern: at, Hidden: m.hidden}}}
}

// descend returns what the elements of a pattern match below a directory.
func (f *Folder) descend(ctx context.Context, n Node, parts []string) ([]Node, error) {
	if len(parts) == 0 {
		return []Node{n}, nil
	}
	if !n.IsDir() {
		return nil, nil
	}
	children, err := f.Children(ctx, n, strings.HasPrefix(parts[0], "."))
	if err != nil {
		return nil, err
	}
	var found []Node
	for _, c := range children {
		if !matches(parts[0], c.Name()) {
			continue
		}
		below, err := f.descend(ctx, c, parts[1:])
		if err != nil {
			return nil, err
		}
		found = append(found, below...)
	}
	return found, nil
}

func matches(pattern, name string) bool {
	ok, err := path.Match(pattern, name)
	return ok && err == nil
}

func isOld(err error) bool {
	var old *OldError
	return errors.As(err, &old)
}
