package pull

import (
	"context"
	"path/filepath"

	"ccsfs/cmd/ccsfs/internal/session"
	"ccsfs/internal/folder"
	"ccsfs/internal/mirror"
)

// Which documents are copied, and where to.

// choose finds the documents to copy. A contract whose documents cannot be
// listed counts as a failure; the others go on.
func (p *puller) choose(ctx context.Context, paths []string, failed *session.Failures) []mirror.Item {
	var nodes []folder.Node
	if len(paths) == 0 {
		paths = []string{""}
	}
	p.listed = mirror.NewListed(filepath.Base(session.AccountPath(p.Settings)), p.Settings.Listings.Types)
	found := p.Match(ctx, paths, failed)
	p.hidden = p.HiddenFrom(ctx, paths, failed)
	for _, m := range found {
		nodes = append(nodes, p.expand(ctx, m.Node, failed)...)
	}
	seen := map[string]bool{}
	var items []mirror.Item
	sieve := p.choice.Sieve()
	p.listed.Layout(p.shape.noted(p.Settings), p.shape.asked)
	path := p.shape.paths()
	for _, n := range nodes {
		if n.Listing != nil {
			p.listed.Listing(n.Listing, n.Dir == n.Listing.Tree)
		}
		n.Documents(func(d folder.Node) {
			at := path(d)
			p.listed.Document(at, d.Doc)
			if !seen[at] && sieve.Holds(d.Path, d.Doc) {
				items = append(items, mirror.Item{Path: at, Doc: d.Doc, Ref: d.Ref()})
			}
			seen[at] = true
		})
	}
	p.note = sieve.Note()
	return items
}

// expand makes of the root its contracts, with their listings.
func (p *puller) expand(ctx context.Context, n folder.Node, failed *session.Failures) []folder.Node {
	if !n.IsRoot() {
		return []folder.Node{n}
	}
	contracts, err := p.Catalog.Contracts(ctx)
	if err != nil {
		failed.Add("", err)
		return nil
	}
	p.Whole, p.Copied, p.hidden = true, true, session.HiddenNote(p.Settings, contracts)
	p.listed.Account(contracts)
	var nodes []folder.Node
	for _, l := range p.Listings(ctx, contracts.Entries) {
		if l.Err != nil {
			failed.Add(l.Entry.Name, l.Err)
			p.listed.Failed(l.Entry.ID)
			continue
		}
		nodes = append(nodes, folder.Node{Path: l.Entry.Name, Contract: &l.Entry, Listing: l.Listing, Dir: l.Listing.Tree})
	}
	return nodes
}
