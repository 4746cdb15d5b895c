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

// Matched is a node that an argument stands for.
type Matched struct {
	folder.Node
	Name string // the argument, or, of a pattern, the path
}
