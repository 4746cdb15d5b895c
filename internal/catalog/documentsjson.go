package catalog

import (
	"bytes"
	"encoding/json"
	"strings"

	"ccsfs/internal/billing"
)

// Listings as a file, for programs.

// JSON returns the content of DocumentsFile: an array of all documents with
// their paths, in the order of those. It is a function of the documents and
// the layout alone. It is built at each call, about 300 bytes a document.
func (l *Listing) JSON() []byte {
	docs := make([]documentJSON, 0, len(l.Documents))
	l.Tree.Walk("", func(path string, d *billing.Document) {
		docs = append(docs, documentJSON{
			Path: path, ID: d.ID, Type: d.Type, Filename: d.Filename, Period: d.Period,
			CreatedAt: d.CreatedAt, UpdatedAt: d.UpdatedAt, Amount: amountJSON(d.Amount), Currency: d.Currency,
		})
	})
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	e.SetIndent("", "  ")
	if err := e.Encode(docs); err != nil {
		// Strings and one checked number: nothing that cannot be encoded.
		panic("catalog: documents as JSON: " + err.Error())
	}
	return b.Bytes()
}

type documentJSON struct {
	Path      string          `json:"path"`
	ID        string          `json:"id"`
	Type      string          `json:"type,omitempty"`
	Filename  string          `json:"filename,omitempty"`
	Period    string          `json:"period,omitempty"`
	CreatedAt string          `json:"createdAt,omitempty"`
	UpdatedAt string          `json:"updatedAt,omitempty"`
	Amount    json.RawMessage `json:"amount,omitempty"`
	Currency  string          `json:"currency,omitempty"`
}

// amountJSON gives the amount as a number, digit for digit, if it is one in
// the sense of JSON, so that jq can add amounts up; else as a text.
func amountJSON(s string) json.RawMessage {
	if s == "" {
		return nil
	}
	if c := s[0]; (c == '-' || (c >= '0' && c <= '9')) && json.Valid([]byte(s)) && !strings.ContainsAny(s, " \t\r\n") {
		return json.RawMessage(s)
	}
	b, err := json.Marshal(s)
	if err != nil {
		return nil // cannot be: a string always marshals
	}
	return b
}
