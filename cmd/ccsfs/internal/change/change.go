// Package change is one piece of news of a document: what happened to it, and what the
// API tells of it; as a line for people, and as an object for programs.
package change

import (
	"encoding/json"
	"fmt"
	"io"
	"time"

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

// PrintLines prints changes for people, one a line.
func PrintLines(w io.Writer, all []Change) error {
	for _, c := range all {
		if _, err := fmt.Fprintln(w, c.Line()); err != nil {
			return err
		}
	}
	return nil
}

// Line is what a person sees of a change. It is safe on a terminal.
func (c Change) Line() string {
	date, amount := "-", ""
	if !c.Modified.IsZero() {
		date = term.Readable(c.Modified)
	}
	if c.Amount != "" {
		amount = c.Amount + " " + c.Currency
	}
	return fmt.Sprintf("%-7s  %-16s  %-14s  %14s  %s", c.Kind, date, term.Plain(c.Type), term.Plain(amount), term.Plain(c.Path))
}
