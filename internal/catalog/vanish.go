package catalog

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"ccsfs/internal/billing"
	"ccsfs/internal/catalog/fresh"
)

// The API answers a type that it does not know with an empty list and not with
// an error, and so may it answer one that it has lost for a moment. Bills,
// invoices and the like do not go away by themselves; so what is gone is asked
// for once more, and where nothing at all is left of a type, or of the account,
// that is not believed at once: the old ones stay, and it is said why.

// emptyBelieved is for how long nothing must be listed where something was
// before it counts.
const emptyBelieved = time.Hour

// gone returns the final types of which documents were known before that are
// not among docs.
func gone(docs []billing.Document, prev *Listing) map[string]bool {
	if prev == nil {
		return nil
	}
	here := make(map[string]bool, len(docs))
	for i := range docs {
		here[docs[i].ID] = true
	}
	types := make(map[string]bool)
	for i := range prev.Documents {
		if d := &prev.Documents[i]; !billing.VolatileType(d.Type) && !here[d.ID] {
			types[d.Type] = true
		}
	}
	for t, n := range prev.had {
		if n > 0 && !billing.VolatileType(t) && !slices.ContainsFunc(docs, func(d billing.Document) bool { return d.Type == t }) {
			types[t] = true
		}
	}
	return types
}

// askAgain asks once more by each type of which documents are gone, adds what
// comes to the answers, and reports whether it asked. What the API is known to
// hide is not asked for.
func (f *fetcher) askAgain(ctx context.Context, contractID string, answers []answer, docs []billing.Document, prev *Listing) (asked bool, err error) {
	types := gone(docs, prev)
	for t := range types {
		_, hides := prev.capped[t]
		if _, empty := prev.emptied[t]; hides || empty {
			delete(types, t)
		}
	}
	unknown := false // to us: only the query of no type finds those
	for t := range types {
		unknown = unknown || !slices.Contains(f.types, t)
	}
	for i := range answers {
		a := &answers[i]
		if wanted := types[a.typ] || a.typ == "" && unknown; !wanted || a.err != nil {
			continue
		}
		p, err := f.limits.all(ctx, f.documents(contractID, a.typ), a.limit, false)
		if err != nil {
			return false, fmt.Errorf("documents of contract %s, %s, asked for again: %w", contractID, typeName(a.typ), temporary(err))
		}
		a.add(p)
		asked = true
	}
	return asked, nil
}

func typeName(typ string) string {
	if typ == "" {
		return "of any type"
	}
	return "type " + typ
}

// add adds what a does not have of another answer to the same query.
func (a *answer) add(p page) {
	a.told, a.feared = a.told || p.told, a.feared || p.feared
	a.cut = cmp.Or(a.cut, p.cut)
	have := make(map[string]bool, len(a.docs))
	for i := range a.docs {
		have[a.docs[i].ID] = true
	}
	for _, d := range p.docs {
		if !have[d.ID] {
			a.docs = append(a.docs, d)
		}
	}
}

// doubt is what comes of types of which nothing is listed any more.
type doubt struct {
	kept  []billing.Document   // of before
	since map[string]time.Time // by the types of those
	why   string
	old   bool            // nothing is listed, and what was before is kept
	had   map[string]int  // documents of types of which it cannot be known now
	gone  []GoneDocuments // of types of which it is believed that there is nothing any more
}

// unbelieved returns the documents of prev that stay though nothing is listed
// of their types any more: since when that is so, and why. Types that are
// refused do not stay.
func unbelieved(answers []answer, docs []billing.Document, prev *Listing, at time.Time) (d doubt) {
	types := gone(docs, prev)
	for i := range docs {
		delete(types, docs[i].Type)
	}
	var reasons []string
	for t := range types {
		lists, refused := state(answers, t)
		first, known := prev.emptied[t]
		if !known || fresh.Future(first, at) {
			first = at
		}
		of := prev.ofType(t)
		switch {
		case refused || !lists && prev.had[t] > 0:
			if d.had == nil {
				d.had = make(map[string]int)
			}
			d.had[t] = max(len(of), prev.had[t])
			continue
		case prev.had[t] > 0: // there is nothing to be shown meanwhile
			d.gone = append(d.gone, GoneDocuments{Type: t, Documents: prev.had[t], Since: at})
			continue
		case lists && at.Sub(first) >= emptyBelieved:
			d.gone = append(d.gone, GoneDocuments{Type: t, Documents: len(of), Since: believedAt(first, at)})
			continue
		}
		if d.since == nil {
			d.since = make(map[string]time.Time)
		}
		d.since[t], d.kept, d.old = first, append(d.kept, of...), d.old || lists
		n := len(of)
		if lists {
			reasons = append(reasons, fmt.Sprintf("type %s: nothing is listed where %s listed before; what was is still shown", t, were(n, "document")))
		} else {
			reasons = append(reasons, fmt.Sprintf("type %s: the list that %s came from is not to be had any more; what was is still shown", t, were(n, "document")))
		}
	}
	slices.Sort(reasons)
	d.why = strings.Join(reasons, "; ")
	return d
}

// ofType returns the documents of a type.
func (l *Listing) ofType(typ string) (docs []billing.Document) {
	for i := range l.Documents {
		if l.Documents[i].Type == typ {
			docs = append(docs, l.Documents[i])
		}
	}
	return docs
}

// state reports whether a type, or else the query of no type, was answered by a
// list, and whether it was refused.
func state(answers []answer, typ string) (lists, refused bool) {
	for _, a := range answers {
		switch a.typ {
		case typ:
			return a.err == nil, a.err != nil
		case "":
			return a.err == nil, false
		}
	}
	return false, false
}

func were(n int, what string) string {
	if n == 1 {
		return "a " + what + " was"
	}
	return fmt.Sprintf("%d %ss were", n, what)
}
