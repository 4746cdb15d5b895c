// Package costs adds up what documents cost, by contract, type, month and year, and writes
// it as a table, JSON, CSV and a workbook.
//
// A bill, its invoice and the reports are about the same money, told in ways of their own
// (with or without VAT): amounts of different types are never added together. Nor are
// those of different currencies, nor what the API tells with what was read in a document.
// What is not known of a document is in no sum, and counted.
package costs

import (
	"cmp"
	"encoding/json"
	"fmt"
	"slices"
	"strings"

	"ccsfs/cmd/ccsfs/internal/completeness"
	"ccsfs/cmd/ccsfs/internal/decimal"
	"ccsfs/cmd/ccsfs/internal/month"
	"ccsfs/internal/billing"
)

// Source is where an amount comes from.
type Source string

// The sources of amounts, and why a row has none.
const (
	Told    Source = "told"    // by the API
	Read    Source = "read"    // from the document itself
	Unknown Source = "unknown" // there is a document, and no amount that is known
	Missing Source = "missing" // a document is due, and there is none
)

// Document is a document, and what is known of its cost.
type Document struct {
	Doc      *billing.Document
	Contract string // its name
	Path     string
	Amount   string // a decimal; "" if it is not known
	Currency string
	Source   Source // Told, Read or Unknown
	Why      string // it is Unknown
}

// NewDocument is a document with what the API tells of its cost.
func NewDocument(contractName, path string, d *billing.Document) Document {
	out := Document{Doc: d, Contract: contractName, Path: path, Source: Unknown}
	var s decimal.Sum
	switch {
	case d.Amount == "":
		out.Why = "the API tells none"
	case !s.Add(d.Amount):
		out.Why = "the API tells what is no number"
	default:
		out.Amount, out.Currency, out.Source = s.String(), d.Currency, Told
	}
	return out
}

// Key is what sums are by.
type Key string

// The keys.
const (
	ByContract Key = "contract"
	ByType     Key = "type"
	ByYear     Key = "year"
	ByMonth    Key = "month"
)

// Keys are all of them.
func Keys() []Key { return []Key{ByContract, ByType, ByYear, ByMonth} }

// ParseKeys reads keys, in the order in which they are to sort.
func ParseKeys(names []string) ([]Key, error) {
	var keys []Key
	for _, name := range names {
		k := Key(strings.ToLower(strings.TrimSpace(name)))
		if !slices.Contains(Keys(), k) {
			return nil, fmt.Errorf("%q is none of contract, type, month and year", name)
		}
		if !slices.Contains(keys, k) {
			keys = append(keys, k)
		}
	}
	return keys, nil
}

// Lack is that documents of a type are due and not there: of some months, or any at all.
type Lack struct {
	Contract string        `json:"contract"`
	Name     string        `json:"name"`
	Type     string        `json:"type"`
	Months   []month.Month `json:"months"` // none: there is no document at all
}

// Costs are sums of what documents cost. Their JSON keys do not change.
type Costs struct {
	By        []Key      `json:"by"`
	Types     []string   `json:"types"`  // that are summed
	Sums      []Row      `json:"sums"`   // in order; what they have in common is told once a source and currency
	Totals    []Row      `json:"totals"` // by type, currency and source
	Missing   []Lack     `json:"missing"`
	Documents []Document `json:"documents"`
}

// Row is a sum of amounts of one type, currency and source; or the number of documents
// without one. What it is not by is empty.
type Row struct {
	Contract  string // id
	Name      string
	Type      string
	Year      int          // 0: not by year, or not known
	Month     *month.Month // nil: not by month, or not known
	Documents int
	Sum       *decimal.Sum // nil for Unknown and Missing
	Currency  string
	Source    Source
}

// Of adds documents up by keys. Those of other types than types are left out; types of
// which there are none are not.
func Of(documents []Document, types []string, by []Key, missing []Lack) *Costs {
	c := &Costs{By: by, Types: types, Sums: []Row{}, Totals: []Row{}, Missing: []Lack{}, Documents: []Document{}}
	if len(types) > 1 && !slices.Contains(by, ByType) {
		c.By = append(slices.Clone(by), ByType)
	}
	sums, totals := grouped{}, grouped{}
	for _, d := range documents {
		if !slices.Contains(types, d.Doc.Type) {
			continue
		}
		if d.Source != Unknown && !isDecimal(d.Amount) { // else it would be counted, and not be in the sum
			d.Source, d.Why = Unknown, "what is known of it is no number"
		}
		c.Documents = append(c.Documents, d)
		sums.add(c.head(d), d)
		totals.add(Row{Type: d.Doc.Type}, d)
	}
	for _, m := range missing {
		if slices.Contains(types, m.Type) {
			c.Missing = append(c.Missing, m)
		}
	}
	c.Sums, c.Totals = sums.rows(c.By), totals.rows([]Key{ByType})
	return c
}

func isDecimal(text string) bool {
	var s decimal.Sum
	return s.Add(text)
}

// head is a row that a document belongs to.
func (c *Costs) head(d Document) Row {
	r := Row{Type: d.Doc.Type}
	of, dated := month.OfDocument(d.Doc)
	for _, k := range c.By {
		switch {
		case k == ByContract:
			r.Contract, r.Name = d.Doc.ContractID, d.Contract
		case k == ByYear && dated:
			r.Year = of.Year()
		case k == ByMonth && dated:
			r.Month = &of
		}
	}
	return r
}

// group tells rows apart.
type group struct {
	contract, typ string
	year          int
	month         month.Month
	currency      string
	source        Source
}

type grouped map[group]*Row

// add adds a document to the row that it belongs to.
func (g grouped) add(r Row, d Document) {
	r.Currency, r.Source = d.Currency, d.Source
	if d.Source == Unknown {
		r.Currency = ""
	}
	k := group{r.Contract, r.Type, r.Year, 0, r.Currency, r.Source}
	if r.Month != nil {
		k.month = *r.Month
	}
	row := g[k]
	if row == nil {
		row = &r
		g[k] = row
	}
	row.Documents++
	if d.Source != Unknown {
		if row.Sum == nil {
			row.Sum = &decimal.Sum{}
		}
		row.Sum.Add(d.Amount)
	}
}

// rows are in the order of the keys; what is known comes before what is not.
func (g grouped) rows(by []Key) []Row {
	rows := []Row{}
	for _, r := range g {
		rows = append(rows, *r)
	}
	slices.SortFunc(rows, func(a, b Row) int {
		for _, k := range by {
			if n := compare(k, a, b); n != 0 {
				return n
			}
		}
		return cmp.Or(compare(ByType, a, b), cmp.Compare(order(a.Source), order(b.Source)), cmp.Compare(a.Currency, b.Currency))
	})
	return rows
}

func compare(k Key, a, b Row) int {
	switch k {
	case ByContract:
		return cmp.Compare(a.Contract, b.Contract)
	case ByType:
		return cmp.Or(cmp.Compare(completeness.Rank(a.Type), completeness.Rank(b.Type)), cmp.Compare(a.Type, b.Type))
	case ByYear:
		return cmp.Compare(a.Year, b.Year)
	case ByMonth:
		return cmp.Compare(monthOf(a), monthOf(b))
	}
	return 0
}

func monthOf(r Row) month.Month {
	if r.Month == nil {
		return 0
	}
	return *r.Month
}

func order(s Source) int { return slices.Index([]Source{Told, Read, Unknown, Missing}, s) }

// Count is how many documents there are from a source.
func (c *Costs) Count(s Source) int {
	n := 0
	for _, d := range c.Documents {
		if d.Source == s {
			n++
		}
	}
	return n
}

// rowJSON is a Row in JSON.
type rowJSON struct {
	Contract  string       `json:"contract,omitempty"`
	Name      string       `json:"name,omitempty"`
	Type      string       `json:"type"`
	Year      int          `json:"year,omitempty"`
	Month     *month.Month `json:"month,omitempty"`
	Documents int          `json:"documents"`
	Amount    *decimal.Sum `json:"amount"`
	Currency  string       `json:"currency"`
	Source    Source       `json:"amountSource"`
}

// MarshalJSON implements json.Marshaler. Amounts are texts: numbers would be rounded by
// whoever reads them.
func (r Row) MarshalJSON() ([]byte, error) {
	return json.Marshal(rowJSON{r.Contract, r.Name, r.Type, r.Year, r.Month, r.Documents, r.Sum, r.Currency, r.Source})
}

// documentJSON is a Document in JSON.
type documentJSON struct {
	Path     string       `json:"path"`
	Contract string       `json:"contract"`
	ID       string       `json:"id"`
	Type     string       `json:"type"`
	Month    *month.Month `json:"month"`
	Amount   *string      `json:"amount"`
	Currency string       `json:"currency"`
	Source   Source       `json:"amountSource"`
	Why      string       `json:"why,omitempty"`
}

// MarshalJSON implements json.Marshaler.
func (d Document) MarshalJSON() ([]byte, error) {
	j := documentJSON{Path: d.Path, Contract: d.Doc.ContractID, ID: d.Doc.ID, Type: d.Doc.Type, Source: d.Source}
	if of, ok := month.OfDocument(d.Doc); ok {
		j.Month = &of
	}
	if d.Source == Unknown {
		j.Why = d.Why
	} else {
		j.Amount, j.Currency = &d.Amount, d.Currency
	}
	return json.Marshal(j)
}
