package catalog

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"sync/atomic"
	"time"

	"golang.org/x/sync/errgroup"

	"ccsfs/apiclient"
	"ccsfs/internal/billing"
	"ccsfs/internal/catalog/fresh"
	"ccsfs/internal/catalog/layout"
)

// How a listing is asked for: which calls it takes, and what is made of their answers.
// What is doubted of those is in truncation.go, vanish.go and refusedtypes.go.

// fetcher asks the API for whole listings.
type fetcher struct {
	api     API
	types   []string // asked for, in the order of rankType
	every   bool     // all types are wanted: also those unknown to us
	layout  *layout.Layout
	scope   *fresh.Scope
	log     *slog.Logger
	limits  *limits
	told    *toldRefusals
	refused knownRefusals
	known   func(listed time.Time, told []Told) // see Config.Known

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
	ctx, asked := f.scope.Asking(ctx)
	answers, err := f.ask(ctx, contractID, prev)
	if err == nil {
		err = f.confirmRefusals(ctx, contractID, answers, prev)
	}
	if err != nil {
		return nil, err
	}
	refused, err := f.refusals(contractID, answers)
	if err != nil {
		return nil, err
	}
	docs, shared := join(answers)
	if more, err := f.askAgain(ctx, contractID, answers, docs, prev); err != nil {
		return nil, err
	} else if more {
		docs, shared = join(answers)
	}
	at := asked()
	capped, why := findTruncation(answers, docs, prev, created)
	if last := answers[len(answers)-1]; why == "" && last.typ == "" && last.told {
		why = "of no type: " + last.cut + "; documents of types that are not known may be hidden"
	}
	if why != "" && prev != nil {
		docs = append(docs, hidden(docs, prev, capped, answers)...)
	}
	for _, a := range answers {
		if a.feared { // it is the gateway's to say so the next time, or no more
			delete(capped, a.typ)
		}
	}
	d := unbelieved(answers, docs, prev, at)
	l := newListing(contractID, at, append(docs, d.kept...), f.layout, prev)
	l.Refused, l.Suspect, l.capped, l.emptied, l.had, l.Old = refused, cmp.Or(why, d.why), capped, d.since, d.had, d.old
	l.misses(prev, d.gone)
	f.learn(l, answers)
	l.Incomplete = slices.ContainsFunc(answers, func(a answer) bool { return a.typ != "" && a.told })
	if shared != "" {
		l.Incomplete, l.Suspect = true, strings.TrimPrefix(l.Suspect+"; "+shared, "; ")
	}
	if why != "" && d.why != "" {
		l.Suspect = why + "; " + d.why
	}
	f.report(l)
	return l, nil
}

// learn tells what a gateway knows of the documents of a listing.
func (f *fetcher) learn(l *Listing, answers []answer) {
	if f.known == nil {
		return
	}
	var told []Told
	for _, a := range answers {
		for i := range a.docs {
			raw := &a.docs[i]
			if raw.Content.Size <= 0 {
				continue
			}
			if d := l.Find(raw.ID); d != nil && d.UpdatedAt == raw.UpdatedAt && d.Filename == raw.Filename && d.Period == raw.Period {
				told = append(told, Told{d, raw.Content})
			}
		}
	}
	if len(told) > 0 {
		f.known(l.FetchedAt, told)
	}
}

// ask makes the queries; the answers are in the order of the types, that of
// no type, if there is one, last.
func (f *fetcher) ask(ctx context.Context, contractID string, prev *Listing) ([]answer, error) {
	answers := make([]answer, len(f.types), len(f.types)+1)
	for i, t := range f.types {
		answers[i].typ = t
	}
	g, gctx := errgroup.WithContext(ctx)
	for i := range answers {
		g.Go(func() error {
			a := &answers[i]
			p, err := f.limits.all(gctx, f.documents(contractID, a.typ), f.limits.current(), true)
			return f.take(contractID, a, p, err)
		})
	}
	var untyped answer
	with := f.every && !f.emptyRefused.Load()
	if with {
		g.Go(func() error { return f.untyped(gctx, contractID, &untyped, prev) })
	}
	if err := g.Wait(); err != nil || !with {
		return answers, err
	}
	have := 0
	for _, a := range answers {
		have += len(a.docs)
	}
	err := f.untypedAgain(ctx, contractID, &untyped, have)
	return append(answers, untyped), err
}

func (f *fetcher) documents(contractID, typ string) ask {
	return func(ctx context.Context, limit int) (reply, error) {
		docs, err := f.api.Documents(ctx, contractID, apiclient.DocumentsQuery{Type: typ, Limit: limit})
		switch {
		case errors.Is(err, apiclient.ErrFeared):
			return reply{docs: docs, feared: true}, nil
		case errors.Is(err, apiclient.ErrIncomplete):
			return reply{docs: docs, more: saysItself(err)}, nil
		}
		return reply{docs: docs}, err
	}
}

// isFeared is why a list of a gateway is doubted of which the API says nothing.
const isFeared = "the gateway fears that the API has left some out"

// saysItself words what the API says itself of what it left out.
func saysItself(err error) string {
	return "the API says itself that it left some out: " + strings.TrimPrefix(err.Error(), apiclient.ErrIncomplete.Error()+": ")
}

// take puts the result of a query in a. Failures that may leave the rest of
// the listing whole are kept there; others are returned.
func (f *fetcher) take(contractID string, a *answer, p page, err error) error {
	a.page, a.err = p, err
	if err == nil || errors.Is(err, apiclient.ErrForbidden) || errors.Is(err, apiclient.ErrNotFound) ||
		a.typ == "" && errors.Is(err, apiclient.ErrInvalid) {
		return nil
	}
	if a.typ == "" {
		return fmt.Errorf("documents of contract %s, of any type: %w", contractID, err)
	}
	return fmt.Errorf("documents of contract %s, type %s: %w", contractID, a.typ, err)
}

// untyped makes the query of no type, one call with room for what was there
// before.
func (f *fetcher) untyped(ctx context.Context, contractID string, a *answer, prev *Listing) error {
	limit := f.limits.current()
	if prev != nil {
		limit = cmp.Or(f.limits.above(limit, len(prev.Documents)), limit)
	}
	got, err := f.documents(contractID, "")(ctx, limit)
	return f.take(contractID, a, got.page(limit, ""), err)
}

// untypedAgain repeats the query of no type where the others, which brought
// have documents, show what limit it needs: a lower one if its limit was
// refused, a higher one if its page was full. If an empty type as such is
// invalid it is not tried again in this process: it is an extra, and the API
// counts mishandled errors.
func (f *fetcher) untypedAgain(ctx context.Context, contractID string, a *answer, have int) error {
	invalid := errors.Is(a.err, apiclient.ErrInvalid)
	limit := f.limits.current()
	switch {
	case invalid && limit < a.limit:
	case invalid:
		f.emptyRefused.Store(true)
		return nil
	case a.err == nil && len(a.docs) >= a.limit:
		if limit = f.limits.above(f.limits.next(a.limit), have); limit == 0 {
			return nil
		}
	default:
		return nil
	}
	p, err := f.limits.all(ctx, f.documents(contractID, ""), limit, false)
	if !invalid && errors.Is(err, apiclient.ErrInvalid) {
		f.limits.refuse(limit)
		return nil // the first page stays
	}
	f.emptyRefused.Store(errors.Is(err, apiclient.ErrInvalid))
	return f.take(contractID, a, p, err)
}

// report logs what is not as it should be with a listing, when it begins. That
// types are refused which nobody named is a warning once on this machine, not
// in every process.
func (f *fetcher) report(l *Listing) {
	news := f.told.news(l.ContractID, l.Refused, f.every && f.log.Enabled(context.Background(), slog.LevelWarn))
	for _, t := range f.types {
		text := ""
		if slices.Contains(l.Refused, t) {
			text = "refused"
		}
		if f.scope.News("type "+t+" of "+l.ContractID, text) {
			level := slog.LevelDebug
			if !f.every || slices.Contains(news, t) {
				level = slog.LevelWarn
			}
			f.log.Log(context.Background(), level, "documents of this type are refused and left out", "contract", l.ContractID, "type", t)
		}
	}
	for _, g := range l.Gone {
		if f.scope.News("gone "+g.Type+" of "+l.ContractID, g.String()) {
			f.log.Warn("documents are not listed any more", "contract", l.ContractID, "type", g.Type, "documents", g.Documents, "since", g.Since)
		}
	}
	if f.scope.News("cap of "+l.ContractID, l.Suspect) {
		f.log.Warn("the API may not list all documents", "contract", l.ContractID, "reason", l.Suspect)
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
				f.log.Debug("no documents without a type", "contract", contractID, "error", a.err)
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
		return nil, fmt.Errorf("documents of contract %s: not found for type %s only (%s): %w", contractID, missing.typ, missing.err.Error(), apiclient.ErrProtocol)
	case missing != nil:
		return nil, fmt.Errorf("documents of contract %s: %w", contractID, missing.err)
	case good == nil && !f.every:
		return nil, fmt.Errorf("documents of contract %s, type %s: %w", contractID, strings.Join(refused, ", "), forbidden.err)
	case good == nil:
		return nil, fmt.Errorf("documents of contract %s, every type: %w", contractID, forbidden.err)
	}
	return refused, nil
}

// join makes one list of distinct documents from the answers, which are in
// the order of types with the empty one last. The type of a document is that
// of the query that found it; of several, the one it names itself, else the
// first. Of several versions the newest stays. Documents that share an id, of which
// only one can be asked for, are told in shared; "" if there are none.
func join(answers []answer) (docs []billing.Document, shared string) {
	at, from := make(map[string]int), make(map[string]int)
	for n, a := range answers {
		for _, raw := range a.docs {
			d := billing.Document{
				ID: raw.ID, Filename: raw.Filename, Period: raw.Period, CreatedAt: raw.CreatedAt,
				UpdatedAt: raw.UpdatedAt, Amount: raw.Amount, Currency: raw.Currency,
				Type: cmp.Or(a.typ, raw.Type, billing.TypeOther),
			}
			i, known := at[d.ID]
			if !known {
				at[d.ID], from[d.ID] = len(docs), n
				docs = append(docs, d)
				continue
			}
			if shared == "" && differ(d, docs[i], from[d.ID] == n) {
				shared = fmt.Sprintf("the API lists two documents with the id %s, %q and %q: only one of them can be had", d.ID, docs[i].Filename, d.Filename)
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
	return docs, shared
}

// differ tells two documents of one id from two sights, or two versions, of one.
// Between two calls a document may get another name; in one answer, or with another
// period too, it is another document.
func differ(a, b billing.Document, oneAnswer bool) bool {
	name, period := a.Filename != b.Filename, a.Period != b.Period
	return name && period || oneAnswer && (name || period) && a.UpdatedAt == b.UpdatedAt
}

// compareVersions orders what was said of one document by when it was
// updated; the rest only makes the order total.
func compareVersions(a, b billing.Document) int {
	ta, _ := billing.ParseTime(a.UpdatedAt)
	tb, _ := billing.ParseTime(b.UpdatedAt)
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
