package ls

import (
	"encoding/json"
	"io"
	"time"

	"ccsfs/cmd/ccsfs/internal/term"
)

// listedJSON is a node in the output of ls --json. Its keys do not change.
type listedJSON struct {
	Path      string       `json:"path"`
	Name      string       `json:"name"`
	Kind      string       `json:"kind"`
	Size      *int64       `json:"size"`
	Modified  *time.Time   `json:"modified"`
	ID        string       `json:"id,omitempty"`
	Type      string       `json:"type,omitempty"`
	Period    string       `json:"period,omitempty"`
	CreatedAt string       `json:"createdAt,omitempty"`
	UpdatedAt string       `json:"updatedAt,omitempty"`
	Amount    *json.Number `json:"amount,omitempty"`
	Currency  string       `json:"currency,omitempty"`
	SHA256    string       `json:"sha256,omitempty"`
	Contract  string       `json:"contractName,omitempty"`
	Offer     string       `json:"offer,omitempty"`
	Error     string       `json:"error,omitempty"`
}

func (n listed) json() listedJSON {
	j := listedJSON{Path: n.Path, Name: n.Name(), Kind: "directory", SHA256: n.sha256}
	if n.size >= 0 {
		j.Size = &n.size
	}
	if !n.modified.IsZero() {
		t := n.modified.UTC()
		j.Modified = &t
	}
	if n.err != nil {
		j.Error = n.err.Error()
	}
	switch {
	case n.Doc != nil:
		d := n.Doc
		j.Kind, j.ID, j.Type, j.Period = "document", d.ID, d.Type, d.Period
		j.CreatedAt, j.UpdatedAt, j.Currency = d.CreatedAt, d.UpdatedAt, d.Currency
		if amount := json.Number(d.Amount); term.JSONNumber(d.Amount) {
			j.Amount = &amount
		}
	case n.Made != "":
		j.Kind = "file"
	case n.IsContract():
		j.Kind, j.ID, j.Contract = "contract", n.Contract.ID, n.Contract.Contract.Name
		j.Offer, j.CreatedAt = n.Contract.Offer, n.Contract.CreatedAt
	}
	return j
}

func printJSON(w io.Writer, sections []section) error {
	all := []listedJSON{} // an empty array, not null
	for _, s := range sections {
		for _, n := range s.nodes {
			all = append(all, n.json())
		}
	}
	return term.EncodeJSON(w, all)
}
