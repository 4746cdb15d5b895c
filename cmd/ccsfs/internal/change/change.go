// Package change is one piece of news of a document: what happened to it, and what the
// API tells of it; as a line for people, and as an object for programs.
package change

import (
	"encoding/json"
	"fmt"
	"io"
	"time"
	"unicode/utf8"

	"ccsfs/cmd/ccsfs/internal/term"
	"ccsfs/internal/billing"
)

// The kinds of changes.
const (
	New     = "new"
	Changed = "changed"
	Gone    = "gone" // not listed any more
)

// Change is what happened to a document. All texts but Kind and Path are as the API gave
// them, hostile ones included. Of what is gone only the first five are known.
type Change struct {
	Kind     string // New, Changed or Gone
	Path     string // as the folder shows it: safe, and below the contract
	Contract string
	ID       string
	Type     string

	Period    string
	CreatedAt string
	UpdatedAt string
	Modified  time.Time // UTC; zero: not known
	Amount    string    // decimal text
	Currency  string

	File string // a copy of it on this machine, absolute; "": there is none
}

// Of is a change of a document that is shown at path.
func Of(kind, path string, d *billing.Document) Change {
	c := Change{
		Kind: kind, Path: path, Contract: d.ContractID, ID: d.ID, Type: d.Type,
		Period: d.Period, CreatedAt: d.CreatedAt, UpdatedAt: d.UpdatedAt, Amount: d.Amount, Currency: d.Currency,
	}
	if t := d.ModTime(); !t.IsZero() {
		c.Modified = t.UTC()
	}
	return c
}

// object is a change in JSON. Its keys do not change.
type object struct {
	Change    string       `json:"change"`
	Path      string       `json:"path"`
	Contract  string       `json:"contract"`
	Type      string       `json:"type"`
	ID        string       `json:"id"`
	Period    string       `json:"period,omitempty"`
	CreatedAt string       `json:"createdAt,omitempty"`
	UpdatedAt string       `json:"updatedAt,omitempty"`
	Modified  *time.Time   `json:"modified,omitempty"`
	Amount    *json.Number `json:"amount,omitempty"`
	Currency  string       `json:"currency,omitempty"`
	File      string       `json:"file,omitempty"`
}

// MarshalJSON implements json.Marshaler. An amount that is no number is left out.
func (c Change) MarshalJSON() ([]byte, error) {
	o := object{
		Change: c.Kind, Path: c.Path, Contract: c.Contract, Type: c.Type, ID: c.ID,
		Period: c.Period, CreatedAt: c.CreatedAt, UpdatedAt: c.UpdatedAt, Currency: c.Currency, File: c.File,
	}
	if !c.Modified.IsZero() {
		o.Modified = &c.Modified
	}
	if amount := json.Number(c.Amount); term.JSONNumber(c.Amount) {
		o.Amount = &amount
	}
	return json.Marshal(o)
}

// UnmarshalJSON implements json.Unmarshaler.
func (c *Change) UnmarshalJSON(data []byte) error {
	var o object
	if err := json.Unmarshal(data, &o); err != nil {
		return err
	}
	*c = Change{
		Kind: o.Change, Path: o.Path, Contract: o.Contract, Type: o.Type, ID: o.ID,
		Period: o.Period, CreatedAt: o.CreatedAt, UpdatedAt: o.UpdatedAt, Currency: o.Currency, File: o.File,
	}
	if o.Modified != nil {
		c.Modified = *o.Modified
	}
	if o.Amount != nil {
		c.Amount = o.Amount.String()
	}
	return nil
}

// PrintArray prints changes as one JSON array: an empty one, not null, if there are none.
func PrintArray(w io.Writer, all []Change) error {
	if all == nil {
		all = []Change{}
	}
	return term.EncodeJSON(w, all)
}

// PrintObjects prints changes as JSON, an object a line.
func PrintObjects(w io.Writer, all []Change) error {
	for _, c := range all {
		if err := term.EncodeJSONLine(w, c); err != nil {
			return err
		}
	}
	return nil
}

// PrintCSV prints changes as CSV, a row for each: times in UTC (RFC 3339), empty what is not
// known. Columns are added at the end, and do not change.
func PrintCSV(w io.Writer, all []Change) error {
	rows := [][]string{{"change", "path", "contract", "type", "id", "period", "modified", "amount", "currency"}}
	for _, c := range all {
		modified := ""
		if !c.Modified.IsZero() {
			modified = c.Modified.Format(time.RFC3339)
		}
		amount := c.Amount // a credit note is no formula
		if !term.JSONNumber(amount) {
			amount = term.Cell(amount)
		}
		rows = append(rows, []string{c.Kind, term.Cell(c.Path), term.Cell(c.Contract), term.Cell(c.Type), term.Cell(c.ID), term.Cell(c.Period),
			modified, amount, term.Cell(c.Currency)})
	}
	return term.WriteCSV(w, rows)
}

// leastType is how wide the column of types is at least, in columns, so that most news of
// one day looks like that of another.
const leastType = 14

// PrintLines prints changes for people, one a line, safe on a terminal. Types are all as
// wide as the widest.
func PrintLines(w io.Writer, all []Change) error {
	width := leastType
	for _, c := range all {
		width = max(width, utf8.RuneCountInString(term.Plain(c.Type)))
	}
	for _, c := range all {
		if _, err := fmt.Fprintln(w, c.line(width)); err != nil {
			return err
		}
	}
	return nil
}

func (c Change) line(typeWidth int) string {
	date, amount := "-", ""
	if !c.Modified.IsZero() {
		date = term.Readable(c.Modified)
	}
	if c.Amount != "" {
		amount = c.Amount + " " + c.Currency
	}
	return fmt.Sprintf("%-7s  %-16s  %-*s  %14s  %s", c.Kind, date, typeWidth, term.Plain(c.Type), term.Plain(amount), term.Plain(c.Path))
}
