package observed

import (
	"maps"
	"slices"
	"strconv"
	"time"

	"ccsfs/internal/billing"
)

// What the observations come to: the answers to the questions, those included that take more
// than one list.

// Table is what was seen so far.
func (o *Observer) Table() *Table {
	o.mu.Lock()
	defer o.mu.Unlock()
	facts := map[string]*fact{}
	for name, f := range o.facts {
		facts[name] = f
	}
	whole := &Observer{facts: facts} // what is concluded is not noted twice
	whole.conclude(o.lists)
	t := &Table{Format: Format, Version: Version, Observations: []Observation{}}
	for _, q := range Questions() {
		one := Observation{Name: q.Name, Question: q.Text, Answer: NotSeen, Measured: q.Measured}
		if f := facts[q.Name]; f != nil {
			one.Answer, one.Yes, one.No, one.Values = f.answer(q.Name), f.yes, f.no, maps.Clone(f.values)
		}
		if took := o.took[q.Name]; len(took) > 0 {
			one.Answer, one.Yes, one.No, one.Values = latency(took)
		}
		t.Observations = append(t.Observations, one)
	}
	return t
}

// any are the questions of which one yes is enough; the others need no no.
func anyYes(name string) bool {
	switch name {
	case "contracts.unknown", "contract.unknown", "documents.unknown", "types.unknown", "types.refused", "lists.gzip", "list.told",
		"list.cap", "documents.createdAt", "documents.updatedAt", "documents.amount", "documents.currency", "documents.documentType",
		"rate.headers", "file.redirect":
		return true
	}
	return false
}

func (f *fact) answer(name string) string {
	if f.no == 0 || anyYes(name) && f.yes > 0 {
		return Yes
	}
	return No
}

// conclude answers what takes more than one list.
func (o *Observer) conclude(lists []list) {
	known := 0
	for _, l := range lists {
		switch {
		case l.limit > 0 && l.entries > l.limit:
			o.note("list.limit", false, "")
		case l.limit > 0 && l.entries == l.limit:
			o.note("list.limit", true, "")
		}
		if l.docType == "" && l.entries > 0 {
			o.note("list.empty_type", true, "")
		}
		if !l.probe && slices.Contains(billing.Types(), l.docType) {
			known += l.entries
			o.note("types.listed", l.entries > 0, map[bool]string{false: "no " + l.docType, true: ""}[l.entries > 0])
		}
	}
	if o.facts["types.refused"] == nil && o.facts["types.listed"] != nil {
		o.note("types.refused", false, "")
	}
	o.concludeCap(lists, known)
	o.concludeOffset(lists)
}

// concludeCap looks for signs that lists are cut: several are of the same length, and
// so is that of all types, which should be as long as all together.
func (o *Observer) concludeCap(lists []list, known int) {
	longest, same := 0, 0
	var all *list
	for i, l := range lists {
		if l.told && l.entries < l.limit && l.entries > 0 {
			o.note("list.cap", true, strconv.Itoa(l.entries))
		}
		if l.docType == "" && l.entries > 0 && l.limit > l.entries {
			all = &lists[i]
		}
		switch {
		case l.docType == "" || l.entries >= l.limit:
		case l.entries > longest:
			longest, same = l.entries, 1
		case l.entries == longest:
			same++
		}
	}
	switch {
	case o.facts["list.cap"] != nil || all == nil:
	case all.entries >= known:
		o.note("list.cap", false, "")
	case all.entries == longest && same > 1:
		o.note("list.cap", true, strconv.Itoa(longest))
	}
}

// concludeOffset compares a list with the same from the second document on.
func (o *Observer) concludeOffset(lists []list) {
	for _, from := range lists {
		for _, l := range lists {
			if from.offset == 0 || l.offset > 0 || l.entries == 0 || l.docType != from.docType || l.limit != from.limit {
				continue
			}
			whole := l.entries > l.limit
			newest := o.facts["list.newest"]
			switch {
			case from.entries < l.entries, !whole && from.first != l.first:
				o.note("list.offset", true, "")
			case from.first == l.first && (!whole || newest != nil && newest.no == 0): // else it may be so by chance
				o.note("list.offset", false, "")
			}
			return
		}
	}
}

// latency is how long answers took.
func latency(took []time.Duration) (answer string, fast, slow int, values map[string]int) {
	took = slices.Clone(took)
	slices.Sort(took)
	fast, _ = slices.BinarySearch(took, time.Second)
	median := took[len(took)/2]
	values = map[string]int{
		"median_ms": int(median.Milliseconds()), "least_ms": int(took[0].Milliseconds()), "most_ms": int(took[len(took)-1].Milliseconds()),
	}
	if median < time.Second {
		return Yes, fast, len(took) - fast, values
	}
	return No, fast, len(took) - fast, values
}
