// Package completeness tells how complete the documents of a contract are: what there
// is by type and month, which months are missing, and what the amounts add up to.
package completeness

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"ccsfs/cmd/ccsfs/internal/decimal"
	"ccsfs/cmd/ccsfs/internal/month"
	"ccsfs/internal/billing"
	"ccsfs/internal/catalog"
)

// Contract is the report of one contract. Its JSON keys do not change.
type Contract struct {
	ID        string       `json:"contract"`
	Name      string       `json:"name"`
	Offer     string       `json:"offer"`
	FetchedAt time.Time    `json:"fetchedAt"`
	Stale     string       `json:"stale,omitempty"`   // why the listing is an old one
	Suspect   string       `json:"suspect,omitempty"` // why it may be incomplete
	Refused   []string     `json:"refused"`           // types that the API refuses
	Gone      []string     `json:"gone,omitempty"`    // of types of which nothing is listed any more, what was and since when
	None      []string     `json:"none,omitempty"`    // types of which there is nothing at all, though other contracts have some
	Ended     *month.Month `json:"ended,omitempty"`   // the last month, if nothing came since for long
	Types     []Type       `json:"types"`

	due  bool     // some month is, of what comes every month
	have []string // types of which there is something, shown or not
}

// Type is what there is of one document type.
type Type struct {
	Type      string        `json:"type"`
	Documents int           `json:"documents"`
	First     *month.Month  `json:"first"` // null if no document has a month
	Last      *month.Month  `json:"last"`
	Missing   []month.Month `json:"missing"` // due, and not there
	Months    []Month       `json:"months"`
	Undated   int           `json:"undated"`   // documents without a month
	NoAmount  int           `json:"noAmount"`  // documents whose amount is not known
	BadAmount int           `json:"badAmount"` // documents whose amount is not a number
	Sums      decimal.Sums  `json:"sums"`
}

// Month is what there is of a type in one month.
type Month struct {
	Month     month.Month  `json:"month"`
	Documents int          `json:"documents"`
	Sums      decimal.Sums `json:"sums"`

	byCurrency map[string]int // documents by the currency of their sum, "" without amount
}

// Build makes the report of a contract from its listing.
func Build(e catalog.ContractEntry, l *catalog.Listing, span Span) Contract {
	c := Contract{ID: e.ID, Name: e.Contract.Name, Offer: e.Offer, FetchedAt: l.FetchedAt.UTC(), Suspect: l.Suspect,
		Refused: append([]string{}, l.Refused...), Types: []Type{}}
	if l.Stale != nil {
		c.Stale = l.Stale.Error()
	}
	for _, g := range l.Gone {
		c.Gone = append(c.Gone, g.String())
	}
	byType := map[string][]*billing.Document{}
	for i := range l.Documents {
		d := &l.Documents[i]
		byType[d.Type] = append(byType[d.Type], d)
	}
	for t, docs := range byType {
		c.Types, c.have = append(c.Types, build(t, docs)), append(c.have, t)
	}
	slices.SortFunc(c.Types, func(a, b Type) int {
		return cmp.Or(cmp.Compare(Rank(a.Type), Rank(b.Type)), cmp.Compare(a.Type, b.Type))
	})
	// The catalog's reading of times, which takes all forms the API may use.
	c.measure(span, (&billing.Document{CreatedAt: e.CreatedAt}).ModTime())
	c.show(byType, span.Chosen)
	return c
}

// show leaves the documents that are chosen, and what is missing.
func (c *Contract) show(byType map[string][]*billing.Document, chosen func(*billing.Document) bool) {
	if chosen == nil {
		return
	}
	for i, t := range c.Types {
		docs := slices.DeleteFunc(byType[t.Type], func(d *billing.Document) bool { return !chosen(d) })
		c.Types[i] = build(t.Type, docs)
		c.Types[i].Missing = t.Missing
	}
	c.Types = slices.DeleteFunc(c.Types, func(t Type) bool { return t.Documents == 0 && len(t.Missing) == 0 })
}

// Rank orders the types as people look for them: the known ones in the order of
// the user guide, then others.
func Rank(t string) int {
	known := []string{billing.TypeBills, billing.TypeInvoices, billing.TypeReports, billing.TypeRated,
		billing.TypePartialBills, billing.TypePartialRated}
	if i := slices.Index(known, t); i >= 0 {
		return i
	}
	return len(known)
}

func build(name string, docs []*billing.Document) Type {
	t := Type{Type: name, Documents: len(docs), Missing: []month.Month{}, Months: []Month{}, Sums: decimal.Sums{}}
	byMonth := map[month.Month]*Month{}
	for _, d := range docs {
		sums, currency := decimal.Sums{}, ""
		switch {
		case d.Amount == "":
			t.NoAmount++
		case !sums.Add(d.Currency, d.Amount):
			t.BadAmount++
		default:
			currency = d.Currency
		}
		t.Sums.Merge(sums)
		of, ok := month.OfDocument(d)
		if !ok {
			t.Undated++
			continue
		}
		m := byMonth[of]
		if m == nil {
			m = &Month{Month: of, Sums: decimal.Sums{}, byCurrency: map[string]int{}}
			byMonth[of] = m
		}
		m.Documents++
		m.byCurrency[currency]++
		m.Sums.Merge(sums)
	}
	months := slices.Sorted(maps.Keys(byMonth))
	if len(months) == 0 {
		return t
	}
	t.First, t.Last = &months[0], &months[len(months)-1]
	for _, of := range months {
		t.Months = append(t.Months, *byMonth[of])
	}
	return t
}

// Lacks says which months and types are missing, "" if none is.
func (c *Contract) Lacks() string {
	var all []string
	for _, t := range c.Types {
		if len(t.Missing) > 0 {
			all = append(all, t.Type+" "+ranges(t.Missing))
		}
	}
	for _, t := range c.None {
		all = append(all, t+" none at all")
	}
	return strings.Join(all, "; ")
}

// Compare finds the types of which a contract has nothing at all, where others of these
// contracts have some: of those that were named, since whoever names a type expects it. That the
// API refuses it is said otherwise, and documents of the running month are due never.
func Compare(contracts []Contract, named []string) {
	have := map[string]bool{}
	for _, c := range contracts {
		for _, t := range c.have {
			have[t] = true
		}
	}
	for i := range contracts {
		c := &contracts[i]
		for _, t := range named {
			if c.due && have[t] && !slices.Contains(c.have, t) && !slices.Contains(c.Refused, t) && !slices.Contains(c.None, t) && !(&billing.Document{Type: t}).Volatile() {
				c.None = append(c.None, t)
			}
		}
	}
}

// Warnings say why the report may not be the whole truth.
func (c *Contract) Warnings() []string {
	var all []string
	if c.Stale != "" {
		all = append(all, fmt.Sprintf("the listing is that of %s UTC: %s", c.FetchedAt.Format("2006-01-02 15:04"), c.Stale))
	}
	if c.Suspect != "" {
		all = append(all, "the listing may be incomplete: "+c.Suspect)
	}
	all = append(all, c.Gone...)
	if len(c.Refused) > 0 {
		all = append(all, Refusal(c.Refused))
	}
	if c.Ended != nil {
		all = append(all, fmt.Sprintf("nothing came since %s: the contract is taken for ended", c.Ended))
	}
	return all
}
