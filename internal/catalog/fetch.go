package catalog

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"sync/atomic"

	"golang.org/x/sync/errgroup"

	"ccsfs/apiclient"
)

// fetcher asks the API for whole listings.
type fetcher struct {
	api    API
	types  []string // asked for, in the order of rankType
	every  bool     // all types are wanted: also those unknown to us
	layout *Layout
	env    *env
	limits *limits

	emptyRefused atomic.Bool // the API does not take an empty type
}

// answer is what came of the query of one type.
type answer struct {
	typ string // "" for the query of no type
	page
	err error // refused or not found; others fail the listing
}

// listing asks for the documents of a contract by each type, since neither a
// call without type nor the documents themselves tell types apart reliably,
// plus once by the empty type to catch types unknown to us. All queries run
// at once. prev is the listing known before, may be nil; created is when the
// contract was made, may be empty.
func (f *fetcher) listing(ctx context.Context, contractID, created string, prev *Listing) (*Listing, error) {
	at := f.env.now()
	answers, err := f.ask(ctx, contractID)
	if err != nil {
		return nil, err
	}
	refused, err := f.refusals(contractID, answers)
	if err != nil {
		return nil, err
	}
	docs := join(answers)
	capped, why := suspect(answers, docs, prev, created)
	if why != "" && prev != nil {
		docs = append(docs, hidden(docs, prev, capped)...)
	}
	l := newListing(contractID, at, docs, f.layout, prev)
	l.Refused, l.Suspect, l.capped = refused, why, capped
	f.report(l)
	return l, nil
}

func (f *fetcher) ask(ctx context.Context, contractID string) ([]answer, error) {
	answers := make([]answer, len(f.types), len(f.types)+1)
	for i, t := range f.types {
		answers[i].typ = t
	}
	if f.every && !f.emptyRefused.Load() {
		answers = append(answers, answer{})
	}
	g, gctx := errgroup.WithContext(ctx)
	for i := range answers {
		g.Go(func() error { return f.query(gctx, contractID, &answers[i]) })
	}
	if err := g.Wait(); err != nil {
		return nil, err
	}
	if last := &answers[len(answers)-1]; last.typ == "" && errors.Is(last.err, apiclient.ErrInvalid) {
		if err := f.emptyAgain(ctx, contractID, last); err != nil {
			return nil, err
		}
	}
	return answers, nil
}

// query asks for one type. An answer that may leave the rest of the listing
// whole is kept in a.err; everything else is returned.
func (f *fetcher) query(ctx context.Context, contractID string, a *answer) error {
	ask := func(ctx context.Context, limit int) ([]apiclient.Document, error) {
		return f.api.Documents(ctx, contractID, apiclient.DocumentsQuery{Type: a.typ, Limit: limit})
	}
	a.limit = f.limits.current()
	p, err := f.limits.all(ctx, ask, a.typ != "")
	switch {
	case err == nil:
		a.page, a.err = p, nil
		return nil
	case errors.Is(err, apiclient.ErrForbidden), errors.Is(err, apiclient.ErrNotFound),
		a.typ == "" && errors.Is(err, apiclient.ErrInvalid):
		a.err = err
		return nil
	}
	return fmt.Errorf("documents of contract %s, type %q: %w", contractID, a.typ, err)
}

// emptyAgain repeats the query of no type if it was refused for its limit,
// which the others have found out by now; else it is not tried again: it is
// an extra, and the API counts mishandled errors.
func (f *fetcher) emptyAgain(ctx context.Context, contractID string, a *answer) error {
	if f.limits.current() < a.limit {
		if err := f.query(ctx, contractID, a); err != nil || a.err == nil {
			return err
		}
	}
	if errors.Is(a.err, apiclient.ErrInvalid) {
		f.emptyRefused.Store(true)
	}
	return nil
}

// report logs what is not as it should be with a listing, when it begins.
func (f *fetcher) report(l *Listing) {
	for _, t := range f.types {
		text := ""
		if slices.Contains(l.Refused, t) {
			text = "refused"
		}
		if f.env.news("type "+t+" of "+l.ContractID, text) {
			f.env.log.Warn("documents of this type are refused and left out", "contract", l.ContractID, "type", t)
		}
	}
	if f.env.news("cap of "+l.ContractID, l.Suspect) {
		f.env.log.Warn("the API may not list all documents", "contract", l.ContractID, "reason", l.Suspect)
	}
}

// refusals returns the types refused, or an error if what is left cannot pass
// for a listing.
func (f *fetcher) refusals(contractID string, answers []answer) ([]string, error) {
	var refused []string
	var forbidden, missing, good *answer
	for i := range answers {
		switch a := &answers[i]; {
		case a.typ == "":
			if a.err != nil {
				f.env.log.Debug("no documents without a type", "contract", contractID, "error", a.err)
			}
		case a.err == nil:
			good = a
		case errors.Is(a.err, apiclient.ErrForbidden):
			forbidden = a
			refused = append(refused, a.typ)
		default:
			missing = a
		}
	}
	slices.Sort(refused)
	switch {
	case missing != nil && (good != nil || forbidden != nil):
		// Not ErrNotFound: the contract is there, so this must not read as its absence.
		return nil, fmt.Errorf("documents of contract %s: not found for type %q only (%v): %w", contractID, missing.typ, missing.err, apiclient.ErrProtocol)
	case missing != nil:
		return nil, fmt.Errorf("documents of contract %s: %w", contractID, missing.err)
	case good == nil:
		return nil, fmt.Errorf("documents of contract %s, every type: %w", contractID, forbidden.err)
	}
	return refused, nil
}

// join makes one list of distinct documents from the answers, which are in
// the order of types with the empty one last. The type of a document is that
// of the query that found it; of several, the one it names itself, else the
// first. Of several versions the newest stays.
func join(answers []answer) []Document {
	var docs []Document
	at := make(map[string]int)
	for _, a := range answers {
		for _, raw := range a.docs {
			d := Document{
				ID: raw.ID, Filename: raw.Filename, Period: raw.Period, CreatedAt: raw.CreatedAt,
				UpdatedAt: raw.UpdatedAt, Amount: raw.Amount, Currency: raw.Currency,
				Type: cmp.Or(a.typ, raw.Type, typeOther),
			}
			i, known := at[d.ID]
			if !known {
				at[d.ID] = len(docs)
				docs = append(docs, d)
				continue
			}
			if a.typ == "" || raw.Type != a.typ {
				d.Type = docs[i].Type
			}
			typ := d.Type
			if compareVersions(d, docs[i]) > 0 {
				docs[i] = d
			}
			docs[i].Type = typ
		}
	}
	return docs
}

// compareVersions orders what was said of one document by when it was
// updated; the rest only makes the order total.
func compareVersions(a, b Document) int {
	ta, _ := parseTime(a.UpdatedAt)
	tb, _ := parseTime(b.UpdatedAt)
	return cmp.Or(
		ta.Compare(tb),
		cmp.Compare(a.UpdatedAt, b.UpdatedAt),
		cmp.Compare(a.CreatedAt, b.CreatedAt),
		cmp.Compare(a.Period, b.Period),
		cmp.Compare(a.Filename, b.Filename),
		cmp.Compare(a.Amount, b.Amount),
		cmp.Compare(a.Currency, b.Currency),
	)
}
