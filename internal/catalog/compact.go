package catalog

import (
	"cmp"
	"slices"
	"strings"

	"ccsfs/internal/billing"
)

// How documents lie in memory.

// compact moves the texts of docs into one allocation and sorts them by id. A
// million documents are nine million small texts otherwise: most of the
// memory would be rounding, and most of the collector's time their headers.
// Texts that repeat (types, months, currencies) are stored once.
func compact(contractID string, docs []billing.Document) []billing.Document {
	docs = slices.Clone(docs)
	slices.SortFunc(docs, func(a, b billing.Document) int { return cmp.Compare(a.ID, b.ID) })
	p := compactor{shared: make(map[string]string)}
	for i := range docs {
		p.size += len(docs[i].ID) + len(docs[i].Filename)
		for _, s := range repeating(&docs[i]) {
			p.count(*s)
		}
	}
	p.text.Grow(p.size) // exactly: what was handed out never moves
	for i := range docs {
		d := &docs[i]
		d.ContractID = contractID
		d.ID, d.Filename = p.store(d.ID), p.store(d.Filename)
		for _, s := range repeating(d) {
			*s = p.share(*s)
		}
	}
	return docs
}

// repeating returns the fields whose values are likely to be the same in
// several documents, or in one (created and updated at once).
func repeating(d *billing.Document) [6]*string {
	return [...]*string{&d.Type, &d.Period, &d.CreatedAt, &d.UpdatedAt, &d.Amount, &d.Currency}
}

type compactor struct {
	text   strings.Builder
	size   int
	shared map[string]string // "" until stored
}

func (p *compactor) count(s string) {
	if _, known := p.shared[s]; !known {
		p.shared[s] = ""
		p.size += len(s)
	}
}

func (p *compactor) store(s string) string {
	start := p.text.Len()
	p.text.WriteString(s)
	return p.text.String()[start:]
}

func (p *compactor) share(s string) string {
	if p.shared[s] == "" && s != "" {
		p.shared[s] = p.store(s)
	}
	return p.shared[s]
}
