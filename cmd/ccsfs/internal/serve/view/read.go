package view

import (
	"ccsfs/cmd/ccsfs/internal/amounts"
	"ccsfs/cmd/ccsfs/internal/costs"
	"ccsfs/cmd/ccsfs/internal/reading"
	"ccsfs/internal/billing"
	"ccsfs/internal/content"
)

// Amounts that are read because somebody asks for it, from documents that are not here.

// Readable is of how many documents of a type and year no amount is known that could be read
// in them; 0 where nobody is to be asked for them.
func (l *Look) Readable(typ string, year int) int {
	if l.offline {
		return 0
	}
	docs, _ := l.lacking(typ, year)
	return len(docs)
}

// lacking are those documents, and what they hold.
func (l *Look) lacking(typ string, year int) (docs []costs.Document, refs map[*billing.Document]content.Ref) {
	refs = map[*billing.Document]content.Ref{}
	for _, c := range l.Contracts {
		if c.Digest == nil {
			continue
		}
		for i := range c.Documents {
			d := &c.Documents[i]
			if d.Dated && d.Month.Year() == year && d.Doc.Type == typ && d.unsaid {
				docs, refs[d.Doc] = append(docs, d.Document), d.Node.Ref()
			}
		}
	}
	return docs, refs
}

// Fetch has documents of a type and year fetched of which no amount is known, a call each,
// to read it, as far as the look sees them. That goes on behind, one at a time: while it
// does, another is not begun.
func (v *View) Fetch(l *Look, typ string, year int) {
	docs, refs := l.lacking(typ, year)
	if l.offline || len(docs) == 0 {
		return
	}
	b := v.behind
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.closed || b.reading {
		return
	}
	b.reading = true
	b.wg.Go(func() {
		r := &reading.Reader{
			Content: v.Account.Content, Logger: v.Account.Logger, Connections: v.Settings.API.Connections, Fetch: true,
			Ref: func(d *billing.Document) content.Ref { return refs[d] },
		}
		for path, err := range r.All(b.ctx, docs, []string{typ}).Wrong {
			v.Account.Logger.Warn("a document cannot be had, and its amount not read", "path", path, "error", err)
		}
		for _, d := range docs {
			v.forget(d.Doc.ContractID)
		}
		b.mu.Lock()
		defer b.mu.Unlock()
		b.reading = false
	})
}

// readable reports whether an amount could be read in a document that the API tells none
// of.
func readable(d costs.Document) bool {
	return reading.Lacks(d) && amounts.Readable(d.Doc.Type, d.Doc.Filename)
}
