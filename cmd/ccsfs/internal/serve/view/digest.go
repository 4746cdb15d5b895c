package view

import (
	"slices"
	"strings"
	"time"

	"ccsfs/cmd/ccsfs/internal/completeness"
	"ccsfs/cmd/ccsfs/internal/costs"
	"ccsfs/cmd/ccsfs/internal/month"
	"ccsfs/cmd/ccsfs/internal/reading"
	"ccsfs/internal/billing"
	"ccsfs/internal/catalog"
	"ccsfs/internal/catalog/layout"
	"ccsfs/internal/content"
	"ccsfs/internal/folder"
)

// Document is a document, and what is known of it besides its listing.
type Document struct {
	costs.Document
	Node  folder.Node
	Month month.Month // if Dated
	Dated bool
	// unsaid is that an amount could be read in it, and was not yet.
	unsaid bool
	since  time.Time // when it came: it was listed first, or else made, as the API tells; zero: not known
}

// NewSince reports whether the document is new to who looked last at a time: listed since;
// or, where it always was as far as is known, made since. Nothing is new to who looks for
// the first time.
func (d *Document) NewSince(t time.Time) bool { return !t.IsZero() && d.since.After(t) }

// Digest is what comes of a listing that takes a while to find out.
type Digest struct {
	Documents []Document // in the order of their paths
	report    completeness.Contract

	key    digestKey
	unsaid int // documents of which an amount could be read
}

// digestKey is what a digest follows from.
type digestKey struct {
	tree    *layout.Dir // the documents, shared by listings of the same
	day     string      // what is due depends on it
	entry   catalog.ContractEntry
	suspect string
	refused string
	gone    int
}

func keyOf(e catalog.ContractEntry, l *catalog.Listing, now time.Time) digestKey {
	day := now
	if l.FetchedAt.Before(now) {
		day = l.FetchedAt
	}
	return digestKey{l.Tree, day.UTC().Format(time.DateOnly), e, l.Suspect, strings.Join(l.Refused, "\x00"), len(l.Gone)}
}

// digest makes the digest of a listing, unless it was made before.
func (v *View) digest(e catalog.ContractEntry, l *catalog.Listing, now time.Time) *Digest {
	key := keyOf(e, l, now)
	v.mu.Lock()
	d := v.digests[e.ID]
	v.mu.Unlock()
	if d != nil && d.key == key {
		return d
	}
	d = &Digest{key: key}
	d.report = completeness.Build(e, l, completeness.Span{Now: now})
	d.report.Stale = ""
	first := v.seen.see(l, now)
	root := folder.Node{Path: e.Name, Contract: &e, Listing: l, Dir: l.Tree}
	root.Documents(func(n folder.Node) {
		one := Document{Document: costs.NewDocument(e.Contract.Name, n.Path, n.Doc), Node: n}
		one.Month, one.Dated = month.OfDocument(n.Doc)
		if one.since = first(n.Doc.ID); one.since.IsZero() {
			one.since, _ = billing.ParseTime(n.Doc.CreatedAt) // zero if it is none
		}
		if readable(one.Document) && !v.noted(&one) {
			one.unsaid = true
			d.unsaid++
		}
		d.Documents = append(d.Documents, one)
	})
	v.mu.Lock()
	defer v.mu.Unlock()
	v.digests[e.ID] = d
	return d
}

// noted fills in an amount that was noted, and reports whether there was a note.
func (v *View) noted(d *Document) bool {
	r := reading.Reader{Content: v.Account.Content, Logger: v.Account.Logger, Ref: func(*billing.Document) content.Ref { return d.Node.Ref() }}
	return r.Noted(&d.Document)
}

// forget has the digest of a contract made anew.
func (v *View) forget(contractID string) {
	v.mu.Lock()
	defer v.mu.Unlock()
	delete(v.digests, contractID)
}

// unread are the documents of which an amount could be read, with their contents.
func (d *Digest) unread(refs map[*billing.Document]content.Ref) (docs []costs.Document) {
	for i := range d.Documents {
		one := &d.Documents[i]
		if readable(one.Document) {
			refs[one.Doc] = one.Node.Ref()
			docs = append(docs, one.Document)
		}
	}
	return docs
}

func typesOf(docs []costs.Document) (types []string) {
	for _, d := range docs {
		if !slices.Contains(types, d.Doc.Type) {
			types = append(types, d.Doc.Type)
		}
	}
	return types
}
