package session

import (
	"context"

	"ccsfs/internal/folder"
)

// Match finds what the arguments of a command stand for: paths, or patterns. What stands
// for nothing is a failure; the others go on. Each node comes with the argument.
func (s Session) Match(ctx context.Context, args []string, failed *Failures) (found []Matched) {
	for _, arg := range args {
		nodes, errs := s.Folder.Match(ctx, arg)
		for _, e := range errs {
			failed.Add(e.Path, e.Err)
		}
		for _, n := range nodes {
			name := arg
			if folder.IsPattern(arg) && n.Path != "" {
				name = n.Path
			}
			found = append(found, Matched{Node: n, Name: name})
		}
	}
	return found
}

// HiddenFrom says that a filter hides contracts that patterns among paths stand for, besides
// what they match; those that match nothing have failed, and say it then. "" if none does.
func (s Session) HiddenFrom(ctx context.Context, paths []string, failed *Failures) string {
	contracts, err := s.Catalog.Contracts(ctx)
	if err != nil {
		return "" // who looks at them fails with it
	}
	ids := map[string]bool{}
	for _, at := range paths {
		if !folder.IsPattern(at) || failed.absent(at) {
			continue
		}
		_, hidden := folder.ContractsAt(contracts, at)
		for _, e := range hidden {
			ids[e.ID] = true
		}
	}
	return hiddenNote(s.Settings, len(ids))
}

// Matched is a node that an argument stands for.
type Matched struct {
	folder.Node
	Name string // the argument, or, of a pattern, the path
}
