package view

import (
	"slices"
	"strings"

	"ccsfs/cmd/ccsfs/internal/costs"
)

// sums are what documents cost, until a listing differs: adding up exactly takes its time.
type sums struct {
	digests []*Digest // that they are of
	costs   *costs.Costs
}

type sumsKey struct {
	typ  string
	year int
	only string // ids of the contracts that are seen, "*" for all
}

// whose tells apart those who see different contracts.
func whose(only []string) string {
	if only == nil {
		return "*"
	}
	return strings.Join(only, "\x00")
}

// sumsMost bounds the sums that are kept.
const sumsMost = 200

// Costs is what the documents of a type cost in a year, by month, of what somebody sees.
func (v *View) Costs(l *Look, typ string, year int) *costs.Costs {
	var digests []*Digest
	for _, c := range l.Contracts {
		digests = append(digests, c.Digest)
	}
	key := sumsKey{typ, year, l.only}
	v.mu.Lock()
	made := v.sums[key]
	v.mu.Unlock()
	if made != nil && slices.Equal(made.digests, digests) {
		return made.costs
	}
	made = &sums{digests, costs.Of(l.documentsOf(typ, year), []string{typ}, []costs.Key{costs.ByMonth}, nil)}
	v.mu.Lock()
	defer v.mu.Unlock()
	if v.sums == nil || len(v.sums) >= sumsMost {
		v.sums = map[sumsKey]*sums{}
	}
	v.sums[key] = made
	return made.costs
}

// documentsOf are the documents of a type and year, for their costs.
func (l *Look) documentsOf(typ string, year int) (docs []costs.Document) {
	for _, c := range l.Contracts {
		if c.Digest == nil {
			continue
		}
		for i := range c.Documents {
			if d := &c.Documents[i]; d.Dated && d.Month.Year() == year && d.Doc.Type == typ {
				docs = append(docs, d.Document)
			}
		}
	}
	return docs
}
