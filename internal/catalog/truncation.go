package catalog

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"ccsfs/internal/billing"
)

// Whether the API caps the limit of a listing silently is not known. If it
// does, it hides the oldest documents, and nothing in its answers says so.
// These are the signs taken for a cap; each needs more than a round number,
// since small accounts have 10 or 20 of everything after so many months:
//
//   - a page as full as asked, and a larger limit brings no more (limits.all);
//   - the query of no type, which has documents of several types but not all,
//     returned the same round number as a type did;
//   - several types returned the same round number, none returned more, and
//     either their oldest documents are months apart (types that really have
//     equally many began together) or the contract is months older than all
//     of them and the number is one that people choose for caps;
//   - a type has as many as before or fewer, a number people choose, and just
//     the oldest are gone: a window that slides, or a cap that is new;
//   - it was at a suspected cap before, and still returns that many.

// capGap is how far apart two oldest documents are when no delay of a
// month's documents explains it.
const capGap = 2

// findTruncation returns the types whose answers seem cut short, with their number
// of documents, and why; nothing if none does.
func findTruncation(answers []answer, docs []billing.Document, prev *Listing, created string) (map[string]int, string) {
	s := &truncation{answers: answers, typeOf: make(map[string]string, len(docs)), capped: make(map[string]int)}
	for _, d := range docs {
		s.typeOf[d.ID] = d.Type
	}
	s.explicit()
	s.lasting(prev)
	s.withoutType()
	s.equalCounts(created)
	s.sliding(prev)
	if len(s.capped) == 0 {
		return nil, ""
	}
	return s.capped, s.why
}

type truncation struct {
	answers []answer
	typeOf  map[string]string // by document id
	capped  map[string]int
	why     string // of the first sign
}

func (s *truncation) add(types []string, n int, format string, args ...any) {
	for _, t := range types {
		s.capped[t] = n
	}
	if s.why == "" {
		s.why = fmt.Sprintf(format, args...) + "; older ones may be hidden"
	}
}

func (s *truncation) explicit() {
	for _, a := range s.answers {
		if a.cut != "" && a.typ != "" {
			s.add([]string{a.typ}, len(a.docs), "type %s: %s", a.typ, a.cut)
		}
	}
}

func (s *truncation) lasting(prev *Listing) {
	if prev == nil || prev.Incomplete { // what the API said itself it takes back by saying no more of it
		return
	}
	for _, a := range s.answers {
		if n, was := prev.capped[a.typ]; was && a.err == nil && n == len(a.docs) {
			s.add([]string{a.typ}, n, "type %s still has exactly %d documents", a.typ, n)
		}
	}
}

// withoutType compares the query of no type with the others.
func (s *truncation) withoutType() {
	last := s.answers[len(s.answers)-1]
	n := len(last.docs)
	if last.typ != "" || last.err != nil || !round(n) {
		return
	}
	seen, types := make(map[string]bool, n), make(map[string]bool)
	for _, d := range last.docs {
		seen[d.ID] = true
		types[s.typeOf[d.ID]] = true
	}
	if len(seen) >= len(s.typeOf) || len(types) < 2 {
		return
	}
	if at := s.withCount(n); len(at) > 0 {
		s.add(at, n, "a list of all types has %d documents, exactly as many as type %s alone", n, strings.Join(at, " and type "))
	}
}

func (s *truncation) equalCounts(created string) {
	n := 0
	for _, a := range s.answers {
		if a.typ != "" {
			n = max(n, len(a.docs))
		}
	}
	at := s.withCount(n)
	if !round(n) || len(at) < 2 {
		return
	}
	var oldest []time.Time
	for _, a := range s.answers {
		if t := oldestOf(a); slices.Contains(at, a.typ) && !t.IsZero() {
			oldest = append(oldest, t)
		}
	}
	if len(oldest) < 2 {
		return
	}
	first, last := slices.MinFunc(oldest, time.Time.Compare), slices.MaxFunc(oldest, time.Time.Compare)
	made, ok := billing.ParseTime(created)
	switch {
	case !first.AddDate(0, capGap, 0).After(last):
		s.add(at, n, "types %s have exactly %d documents each, but began months apart", strings.Join(at, ", "), n)
	case ok && chosen(n) && made.AddDate(0, capGap+1, 0).Before(first):
		s.add(at, n, "types %s have exactly %d documents each, and none from the first months of the contract", strings.Join(at, ", "), n)
	}
}

func (s *truncation) sliding(prev *Listing) {
	if prev == nil {
		return
	}
	for _, a := range s.answers {
		if a.typ == "" || a.err != nil || !chosen(len(a.docs)) {
			continue
		}
		before, gone, goneOld := 0, 0, 0
		oldest := oldestOf(a)
		for i := range prev.Documents {
			d := &prev.Documents[i]
			if d.Type != a.typ {
				continue
			}
			before++
			if _, still := s.typeOf[d.ID]; still {
				continue
			}
			gone++
			if t := d.Dated(); !t.IsZero() && !t.After(oldest) {
				goneOld++
			}
		}
		if before >= len(a.docs) && gone > 0 && gone == goneOld {
			s.add([]string{a.typ}, len(a.docs), "type %s has exactly %d documents, and of those before just the oldest are gone", a.typ, len(a.docs))
		}
	}
}

// withCount returns the types that returned exactly n documents.
func (s *truncation) withCount(n int) []string {
	var types []string
	for _, a := range s.answers {
		if a.typ != "" && a.err == nil && len(a.docs) == n {
			types = append(types, a.typ)
		}
	}
	return types
}

// oldestOf returns the age of the oldest document of an answer, zero if none
// has one.
func oldestOf(a answer) time.Time {
	var oldest time.Time
	for _, raw := range a.docs {
		d := billing.Document{Period: raw.Period, CreatedAt: raw.CreatedAt}
		if t := d.Dated(); !t.IsZero() && (oldest.IsZero() || t.Before(oldest)) {
			oldest = t
		}
	}
	return oldest
}

// hidden returns the documents of prev that are absent from docs, most likely
// because the API hides them: of a type of which it says that it left some out, or
// of a capped one and not newer than the oldest of that type that is there. (Of
// that very month some may be shown and some hidden.)
func hidden(docs []billing.Document, prev *Listing, capped map[string]int, answers []answer) []billing.Document {
	part, asked := make(map[string]bool), make(map[string]bool)
	for _, a := range answers {
		part[a.typ], asked[a.typ] = a.told, true
	}
	present := make(map[string]bool, len(docs))
	oldest := make(map[string]time.Time)
	for i := range docs {
		d := &docs[i]
		present[d.ID] = true
		if t := d.Dated(); !t.IsZero() && (oldest[d.Type].IsZero() || t.Before(oldest[d.Type])) {
			oldest[d.Type] = t
		}
	}
	var kept []billing.Document
	for _, d := range prev.Documents {
		of := d.Type
		if !asked[of] { // only the query of no type finds it
			of = ""
		}
		if _, isCapped := capped[d.Type]; !isCapped && !part[of] || present[d.ID] {
			continue
		}
		if t := d.Dated(); part[of] || !t.IsZero() && !t.After(oldest[d.Type]) {
			kept = append(kept, d)
		}
	}
	return kept
}

// round reports a number that a cap could be.
func round(n int) bool { return n >= 10 && n%10 == 0 }

// chosen reports a number of the kind that people choose for a cap: 10, 20,
// 50, 100, 200, 500, …
func chosen(n int) bool {
	if !round(n) {
		return false
	}
	for n%10 == 0 {
		n /= 10
	}
	return n == 1 || n == 2 || n == 5
}
