package pull

import (
	"cmp"
	"path/filepath"

	"ccsfs/cmd/ccsfs/internal/exitcode"
	"ccsfs/cmd/ccsfs/internal/session"
	"ccsfs/cmd/ccsfs/internal/settings"
	"ccsfs/internal/billing"
	"ccsfs/internal/catalog"
	"ccsfs/internal/catalog/layout"
	"ccsfs/internal/folder"
	"ccsfs/internal/mirror"
)

// shape is the layout of a DEST. One that it was given by --layout is its own from then on:
// which files are where must not change with the settings of whoever runs pull next. Paths
// that are typed are always those of ls.
type shape struct {
	*layout.Layout // nil: that of the settings
	asked          bool
}

// shapeOf finds the layout of a directory.
func (p puller) shapeOf(dir string) (shape, error) {
	if p.Settings.Source("layout").Origin == settings.FromFlag {
		l, err := layout.Parse(p.Settings.Listings.Layout)
		if err != nil {
			return shape{}, err
		}
		return shape{l.With(session.Names(p.Settings)), true}, nil
	}
	own := cmp.Or(mirror.LayoutOf(dir), p.OwnLayout) // what a mount shows says nothing of DEST
	if own == "" {
		return shape{}, nil
	}
	l, err := layout.Parse(own)
	if err != nil {
		return shape{}, exitcode.Errorf(exitcode.Failed, "%s: the layout that is noted there cannot be used: %w; give it one with --layout",
			filepath.Join(dir, mirror.JournalName), err)
	}
	return shape{l.With(session.Names(p.Settings)), false}, nil
}

// noted is what is noted of copies: by which layout, and by which rule of names, they are
// where they are. Those of another one move.
func (s shape) noted(set *settings.Settings) string {
	text := set.Listings.Layout
	if s.Layout != nil {
		text = s.String()
	}
	if session.Names(set) == layout.Portable {
		text += " with portable names"
	}
	return text
}

// paths gives the paths of documents in DEST.
func (s shape) paths() func(folder.Node) string {
	if s.Layout == nil || s.asked { // as they are listed
		return func(d folder.Node) string { return d.Path }
	}
	laid := map[*catalog.Listing]map[string]string{} // by id
	return func(d folder.Node) string {
		all, ok := laid[d.Listing]
		if !ok {
			all = map[string]string{}
			layout.Build(s.Layout, d.Listing.Documents).Walk(d.Contract.Name+"/", func(at string, doc *billing.Document) { all[doc.ID] = at })
			laid[d.Listing] = all
		}
		return all[d.Doc.ID]
	}
}
