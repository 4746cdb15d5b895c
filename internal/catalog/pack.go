package catalog

import (
	"cmp"
	"slices"
	"strings"
)

// pack moves the texts of docs into one allocation and sorts them by id. A
// million documents are nine million small texts otherwise: most of the
// memory would be rounding, and most of the collector's time their headers.
// Texts that repeat (types, months, currencies) are stored once.
func pack(contractID string, docs []Document) []Document {
	docs = slices.Clone(docs)
	slices.SortFunc(docs, func(a, b Document) int { return cmp.Compare(a.ID, b.ID) })
	p := packer{shared: make(map[string]string)}
	for i := range docs {
		p.size += len(docs[i].ID) + len(docs[i].Filename)
		for _, s := range docs[i].repeating() {
			p.count(*s)
		}
	}
	p.text.Grow(p.size) // exactly: what was handed out never moves
	for i := range docs {
		d := &docs[i]
		d.ContractID = contractID
		d.ID, d.Filename = p.store(d.ID), p.store(d.Filename)
		for _, s := range d.repeating() {
			*s = p.share(*s)
		}
	}
	return docs
}

// repeating returns the fields whose values are likely to be the same in
// several documents, or in one (created and updated at once).
func (d *Document) repeating() [6]*string {
	return [...]*string{&d.Type, &d.Period, &d.CreatedAt, &d.UpdatedAt, &d.Amount, &d.Currency}
}

type packer struct {
	text   strings.Builder
	size   int
	shared map[string]string // "" until stored
}

func (p *packer) count(s string) {
	if _, known := p.shared[s]; !known {
		p.shared[s] = ""
		p.size += len(s)
	}
}

func (p *packer) store(s string) string {
	start := p.text.Len()
	p.text.WriteString(s)
	return p.text.String()[start:]
}

func (p *packer) share(s string) string {
	if p.shared[s] == "" && s != "" {
		p.shared[s] = p.store(s)
	}
	return p.shared[s]
}
