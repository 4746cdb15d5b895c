package catalog

import (
	"cmp"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"

	"ccsfs/apiclient"
	"ccsfs/internal/billing"
	"ccsfs/internal/catalog/fresh"
)

// What is believed to be gone is still news. Whoever is shown only what is left does
// not miss the invoices of a contract that has dropped off the list; so that is told
// for a while, by the list itself, to everybody who gets it.

// goneTold is for how long it is told that something is not listed any more: longer
// than a month, so that what runs once a month tells it, too.
const goneTold = 35 * 24 * time.Hour

// GoneContract is a contract that was listed before, and is not any more.
type GoneContract struct {
	ContractEntry
	Since time.Time // when a list lacked it first, or that was believed
}

// String says that it is gone.
func (g GoneContract) String() string {
	name := ""
	if g.Contract.Name != "" {
		name = " (" + g.Contract.Name + ")"
	}
	return fmt.Sprintf("contract %s%s is not listed any more since %s", g.ID, name, g.Since.UTC().Format(time.DateOnly))
}

// GoneDocuments are all documents of a type, which were listed before, and are not any
// more.
type GoneDocuments struct {
	Type      string
	Documents int       // that there were
	Since     time.Time // when a listing lacked them first, or that was believed
}

// String says that they are gone.
func (g GoneDocuments) String() string {
	what := "1 document of type %s is"
	if g.Documents != 1 {
		what = strconv.Itoa(g.Documents) + " documents of type %s are"
	}
	return fmt.Sprintf(what+" not listed any more since %s", g.Type, g.Since.UTC().Format(time.DateOnly))
}

// goneText says which documents are gone of a contract, "" if none are.
func (l *Listing) goneText() string {
	texts := make([]string, len(l.Gone))
	for i, g := range l.Gone {
		texts[i] = g.String()
	}
	return strings.Join(texts, "; ")
}

// misses notes of which types all documents are gone: those of before, of prev, and
// those of which that is believed just now. Of a type that is listed nothing is gone.
func (l *Listing) misses(prev *Listing, news []GoneDocuments) {
	gone := slices.Clone(news)
	if prev != nil {
		gone = append(gone, prev.Gone...)
	}
	for i := range gone {
		if fresh.Future(gone[i].Since, l.FetchedAt) {
			gone[i].Since = l.FetchedAt
		}
	}
	l.setGone(gone)
}

// setGone notes what is gone, for as long as that is told.
func (l *Listing) setGone(gone []GoneDocuments) {
	listed := make(map[string]bool)
	for i := range l.Documents {
		listed[l.Documents[i].Type] = true
	}
	l.Gone = slices.DeleteFunc(gone, func(g GoneDocuments) bool { return listed[g.Type] || !stillTold(g.Since, l.FetchedAt) })
	slices.SortFunc(l.Gone, func(a, b GoneDocuments) int { return cmp.Or(cmp.Compare(a.Type, b.Type), a.Since.Compare(b.Since)) })
}

// stillTold reports whether it is still told, at a time, that something is gone since
// another one.
func stillTold(since, at time.Time) bool { return at.Sub(since) < goneTold }

// believedAt is since when something is gone that is believed to be only now: since it
// went, unless that were so long ago that nobody would ever be told.
func believedAt(since, at time.Time) time.Time {
	if stillTold(since, at) {
		return since
	}
	return at
}

// misses notes what a has not of a list that was known before, nil if none was: the
// contracts listed there are gone since a time.
func (a *contractSet) misses(prev *contractSet, since time.Time, cfg *Config) {
	if prev == nil {
		return
	}
	at := a.view.FetchedAt
	gone := slices.Clone(prev.gone)
	for _, one := range prev.all {
		gone = append(gone, GoneContract{ContractEntry{Name: cfg.directoryName(one), Contract: one}, since})
	}
	for i := range gone {
		if fresh.Future(gone[i].Since, at) {
			gone[i].Since = at
		}
	}
	a.setGone(gone, cfg)
}

// setGone notes which contracts are gone: those that are listed are not, nor is one
// told of for ever. What a filter hides is not shown, neither here nor there.
func (a *contractSet) setGone(gone []GoneContract, cfg *Config) {
	listed := make(map[string]bool, len(a.all))
	for _, one := range a.all {
		listed[one.ID] = true
	}
	a.gone = slices.DeleteFunc(gone, func(g GoneContract) bool {
		return g.ID == "" || listed[g.ID] || !stillTold(g.Since, a.view.FetchedAt)
	})
	slices.SortFunc(a.gone, func(a, b GoneContract) int { return cmp.Or(cmp.Compare(a.ID, b.ID), a.Since.Compare(b.Since)) })
	a.gone = slices.CompactFunc(a.gone, func(a, b GoneContract) bool { return a.ID == b.ID })
	for _, g := range a.gone {
		if len(cfg.Contracts) == 0 || slices.Contains(cfg.Contracts, g.ID) {
			a.view.Gone = append(a.view.Gone, g)
		}
	}
}

// reportLack logs that contracts are gone, or that there are none, once, also of a
// list that another process asked for.
func (c *Catalog) reportLack(a *contractSet) {
	none := ""
	if a.view.none() {
		none = "none"
	}
	if c.scope.News("no contracts", none) {
		c.cfg.Logger.Warn("the account's list of contracts is empty")
	}
	for _, g := range a.view.Gone {
		if c.scope.News("gone contract "+g.ID, g.String()) {
			c.cfg.Logger.Warn("a contract is not listed any more", "contract", g.ID, "name", g.Contract.Name, "since", g.Since)
		}
	}
}

// lastContracts is the list of contracts that was saved last: also one that is not
// served, since it, or the credentials, were refused meanwhile.
func (c *Catalog) lastContracts(prev *contractSet) *contractSet {
	if prev != nil {
		return prev
	}
	a, r := c.disk.contracts(&c.cfg)
	if r != nil {
		a, _, _ = parseContracts(r.Before, &c.cfg) // nil if there is nothing
	}
	return a
}

// contractsBefore is what stays of a list of contracts that is refused: all of it.
func contractsBefore(payload []byte) json.RawMessage {
	if !json.Valid(payload) {
		return nil
	}
	return payload
}

// listingBefore is what stays of a listing that is refused: the names of no documents.
func listingBefore(payload []byte) json.RawMessage {
	var in savedListing
	if err := json.Unmarshal(payload, &in); err != nil {
		return nil
	}
	out := savedBefore{Had: make(map[string]int), Gone: in.Gone}
	maps.Copy(out.Had, in.Had)
	for _, d := range in.Documents {
		if !billing.VolatileType(d.Type) {
			out.Had[d.Type]++
		}
	}
	text, err := json.Marshal(out)
	if err != nil || len(out.Had)+len(out.Gone) == 0 {
		return nil
	}
	return text
}

// parseListingBefore makes a listing to compare with, of no document, of what stayed of
// one; nil if nothing did.
func parseListingBefore(text json.RawMessage, contractID string) *Listing {
	var in savedBefore
	if json.Unmarshal(text, &in) != nil {
		return nil
	}
	return &Listing{ContractID: contractID, had: in.Had, Gone: parseGoneTypes(in.Gone)}
}

// savedGones is how gone contracts are saved.
func savedGones(list []GoneContract) []savedGone {
	var out []savedGone
	for _, g := range list {
		out = append(out, savedGone{savedContract(g.Contract), g.Since})
	}
	return out
}

func savedGoneTypes(list []GoneDocuments) []savedGoneType {
	var out []savedGoneType
	for _, g := range list {
		out = append(out, savedGoneType(g))
	}
	return out
}

func parseGoneTypes(list []savedGoneType) []GoneDocuments {
	var out []GoneDocuments
	for _, g := range list {
		out = append(out, GoneDocuments(g))
	}
	return out
}

func (cfg *Config) parseGones(list []savedGone) []GoneContract {
	var out []GoneContract
	for _, g := range list {
		one := apiclient.Contract(g.savedContract)
		out = append(out, GoneContract{ContractEntry{Name: cfg.directoryName(one), Contract: one}, g.Since})
	}
	return out
}
