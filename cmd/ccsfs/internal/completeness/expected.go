package completeness

import (
	"slices"
	"time"

	"ccsfs/cmd/ccsfs/internal/month"
	"ccsfs/internal/billing"
)

// Which months are missing is measured by the contract, not by each type alone: a
// type of which the newest documents are late ends as if nothing more were due.
//
//   - A type has a rhythm: every month, or every third, sixth or twelfth, whichever
//     all its months fall on. A type of fewer than three months has the rhythm of
//     the contract.
//   - It is due from the first month of any type of its rhythm on, but not from
//     before the contract was made.
//   - It is due until its last month, and until the last month that is over since
//     grace. A document of a quarter may be named by its first month, and so is due
//     when the whole quarter is over.
//   - A contract of which nothing came for a year is taken for ended.
//
// Types of the running month, those that the API does not document, and those never
// seen are due never.

const (
	graceDays = 7  // after its end a month may be without documents for this long
	ended     = 12 // months without anything, after which nothing is due any more
)

// measured tells whether documents of a type come in a rhythm.
func measured(t string) bool {
	switch t {
	case billing.TypeBills, billing.TypeInvoices, billing.TypeReports, billing.TypeRated:
		return true
	}
	return false
}

// Span says what is asked about.
type Span struct {
	Now   time.Time
	Since month.Month // months before it are not missing; 0: no bound
	Until month.Month // nor are months after it; 0: no bound

	// Chosen tells which documents are shown and counted; nil: all. What is missing is
	// measured by all of them.
	Chosen func(*billing.Document) bool
}

// lastDue is the last month of which documents should be there.
func lastDue(at time.Time) month.Month {
	at = at.UTC()
	m := month.New(at.Year(), at.Month()) - 1
	if at.Day() <= graceDays {
		m--
	}
	return m
}

// measure finds the missing months of all types. The listing cannot know of what
// came after it.
func (c *Contract) measure(span Span, created time.Time) {
	due := lastDue(earlier(span.Now, c.FetchedAt))
	if last, ok := c.lastMonth(); ok && last+ended < due {
		c.Ended, due = &last, last
	}
	since := span.Since
	if !created.IsZero() {
		since = max(since, month.New(created.Year(), created.Month()))
	}
	c.due = since <= due && (span.Until == 0 || since <= span.Until)
	usual := c.usualRhythm()
	first := map[int]month.Month{} // by rhythm
	for i := range c.Types {
		if t := &c.Types[i]; t.measured() {
			r := t.rhythmOr(usual)
			if at, ok := first[r]; !ok || *t.First < at {
				first[r] = *t.First
			}
		}
	}
	for i := range c.Types {
		if t := &c.Types[i]; t.measured() {
			r := t.rhythmOr(usual)
			t.Missing = t.holes(r, max(first[r], since), due)
			if span.Until != 0 {
				t.Missing = slices.DeleteFunc(t.Missing, func(m month.Month) bool { return m > span.Until })
			}
		}
	}
}

func earlier(a, b time.Time) time.Time {
	if a.Before(b) {
		return a
	}
	return b
}

// lastMonth is the last month of any document.
func (c *Contract) lastMonth() (last month.Month, ok bool) {
	for _, t := range c.Types {
		if t.Last != nil {
			last, ok = max(last, *t.Last), true
		}
	}
	return last, ok
}

func (t *Type) measured() bool { return measured(t.Type) && t.First != nil }

// holes are the months without a document, every rhythm months in step with those
// that have one, not before from. due is the last month that is over.
func (t *Type) holes(rhythm int, from, due month.Month) []month.Month {
	missing := []month.Month{}
	have := map[month.Month]bool{}
	for _, m := range t.Months {
		have[m.Month] = true
	}
	at := *t.First
	for at > from {
		at -= month.Month(rhythm)
	}
	for ; at <= *t.Last || at+month.Month(rhythm)-1 <= due; at += month.Month(rhythm) {
		if at >= from && !have[at] {
			missing = append(missing, at)
		}
	}
	return missing
}

// rhythm is how many months there are from one document of the type to the next;
// sure tells whether there are enough of them to say so.
func (t *Type) rhythm() (r int, sure bool) {
	if len(t.Months) < 2 {
		return 0, false
	}
	gap := 0
	for i := 1; i < len(t.Months); i++ {
		gap = gcd(gap, int(t.Months[i].Month-t.Months[i-1].Month))
	}
	for _, r := range []int{12, 6, 3} {
		if gap%r == 0 {
			return r, len(t.Months) > 2
		}
	}
	return 1, len(t.Months) > 2
}

func (t *Type) rhythmOr(usual int) int {
	if r, sure := t.rhythm(); sure {
		return r
	}
	return usual
}

// usualRhythm is the shortest of those that are sure; if none is, of those that
// may be.
func (c *Contract) usualRhythm() int {
	var sure, likely []int
	for i := range c.Types {
		if t := &c.Types[i]; t.measured() {
			switch r, ok := t.rhythm(); {
			case ok:
				sure = append(sure, r)
			case r > 0:
				likely = append(likely, r)
			}
		}
	}
	switch {
	case sure != nil:
		return slices.Min(sure)
	case likely != nil:
		return slices.Min(likely)
	}
	return 1
}

func gcd(a, b int) int {
	for b != 0 {
		a, b = b, a%b
	}
	return a
}
