package completeness

import (
	"fmt"
	"maps"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"ccsfs/cmd/ccsfs/internal/month"
	"ccsfs/internal/billing"
)

func missingOf(docs []billing.Document, created string, span Span) map[string][]string {
	e := entry("OCB1", "n")
	e.CreatedAt = created
	l := listing(docs...)
	l.FetchedAt = span.Now
	got := map[string][]string{}
	for _, t := range Build(e, l, span).Types {
		for _, m := range t.Missing {
			got[t.Type] = append(got[t.Type], m.String())
		}
	}
	return got
}

// of is a document of a type for each of these periods.
func of(typ string, periods ...string) []billing.Document {
	var docs []billing.Document
	for _, p := range periods {
		docs = append(docs, billing.Document{Type: typ, Period: p})
	}
	return docs
}

func TestMissingMonths(t *testing.T) {
	bills := of("bills", "202606", "202607", "202608", "202609", "202610")
	at := func(month time.Month, day int) Span {
		return Span{Now: time.Date(2026, month, day, 12, 0, 0, 0, time.UTC)}
	}
	since := at(11, 24)
	since.Since = month.New(2026, 9)
	for _, tt := range []struct {
		name    string
		docs    []billing.Document
		created string
		span    Span
		want    map[string][]string
	}{
		{"all there", slices.Concat(bills, of("invoices", "202606", "202607", "202608", "202609", "202610")), "", at(11, 24), nil},
		{"the newest invoices", slices.Concat(bills, of("invoices", "202606", "202607", "202608")), "", at(11, 24),
			map[string][]string{"invoices": {"2026-09", "2026-10"}}},
		{"the oldest invoices", slices.Concat(bills, of("invoices", "202608", "202609", "202610")), "", at(11, 24),
			map[string][]string{"invoices": {"2026-06", "2026-07"}}},
		{"everything newest", of("bills", "202606", "202607", "202608"), "", at(11, 24), map[string][]string{"bills": {"2026-09", "2026-10"}}},
		{"in the days of grace", bills, "", at(12, 7), nil},
		{"after them", bills, "", at(12, 8), map[string][]string{"bills": {"2026-11"}}},
		{"the running month is there already", append(of("invoices", "202608", "202609", "202610", "202611"), bills...), "", at(11, 24),
			map[string][]string{"invoices": {"2026-06", "2026-07"}}},
		{"only since", slices.Concat(bills, of("invoices", "202608")), "", since, map[string][]string{"invoices": {"2026-09", "2026-10"}}},
		{"one invoice ever", slices.Concat(bills, of("invoices", "202608")), "2026-07-09", at(11, 24),
			map[string][]string{"invoices": {"2026-07", "2026-09", "2026-10"}}},
		{"two invoices, a quarter apart", slices.Concat(bills, of("invoices", "202607", "202610")), "", at(11, 24),
			map[string][]string{"invoices": {"2026-06", "2026-08", "2026-09"}}},
		{"quarters", of("bills", "202601", "202604", "202607"), "", at(11, 24), nil},
		{"quarters of a young contract", slices.Concat(of("bills", "202604", "202607"), of("invoices", "202607")), "", at(11, 24),
			map[string][]string{"invoices": {"2026-04"}}},
		{"a quarter is missing", slices.Concat(of("bills", "202510", "202601", "202607"), of("partialBills", "202611")), "", at(11, 24),
			map[string][]string{"bills": {"2026-04"}}},
		{"the newest quarter", of("bills", "202510", "202601", "202604"), "", at(10, 8), map[string][]string{"bills": {"2026-07"}}},
		{"the newest quarter, in the days of grace", of("bills", "202510", "202601", "202604"), "", at(10, 7), nil},
		{"years", of("invoices", "202312", "202412", "202512"), "", at(11, 24), nil},
		{"others come as they come", slices.Concat(bills, of("other", "202601", "202604", "202605"), of("credits", "202001")), "", at(11, 24), nil},
		{"ended", slices.Concat(of("bills", "202401", "202402", "202403"), of("invoices", "202401", "202402")), "", at(11, 24),
			map[string][]string{"invoices": {"2024-03"}}},
		{"nothing but a running month", of("partialBills", "202609"), "", at(11, 24), nil},
		{"no months", of("bills", "", "never"), "", at(11, 24), nil},
	} {
		want := tt.want
		if want == nil {
			want = map[string][]string{}
		}
		if d := cmp.Diff(want, missingOf(tt.docs, tt.created, tt.span)); d != "" {
			t.Errorf("%s (-want +got):\n%s", tt.name, d)
		}
	}
}

// A contract that ended, or whose listing is old, says so.
func TestEnded(t *testing.T) {
	l := listing(of("bills", "202409", "202410")...)
	for day, want := range map[int]bool{7: false, 8: true} {
		c := Build(entry("OCB1", "n"), l, Span{Now: time.Date(2025, 12, day, 0, 0, 0, 0, time.UTC)})
		if got := c.Ended != nil; got != want || len(c.Warnings()) > 0 != want || (c.Lacks() == "") != want {
			t.Errorf("day %d: ended %v, %q, %q", day, c.Ended, c.Warnings(), c.Lacks())
		}
	}
	// What came after an old listing cannot be missed by it.
	if c := Build(entry("OCB1", "n"), listing(of("bills", "202609", "202610")...), Span{Now: time.Date(2027, 8, 8, 0, 0, 0, 0, time.UTC)}); c.Lacks() != "" {
		t.Error(c.Lacks())
	}
}

// drawnType is a type as it should be, and what of it is there.
type drawnType struct {
	rhythm, phase int
	there         map[month.Month]bool
}

// keep draws which months of a type are there: at least three, two of them one
// rhythm apart, for else the rhythm cannot be told.
func (d *drawnType) keep(t *rapid.T, name string, first, last month.Month) {
	var all []month.Month
	for m := first; m <= last; m++ {
		if int(m)%d.rhythm == d.phase {
			all = append(all, m)
		}
	}
	pair := rapid.IntRange(0, len(all)-3).Draw(t, name+" sure")
	for i, m := range all {
		if i >= pair && i <= pair+2 || rapid.IntRange(0, 3).Draw(t, name+" there") > 0 {
			d.there[m] = true
		}
	}
}

// Month for month, a document is missing if its contract makes it due and it is
// not there, and at no other time.
func TestMissingMonthsModel(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		now := time.Date(2026, time.Month(rapid.IntRange(1, 12).Draw(t, "month")), rapid.IntRange(1, 28).Draw(t, "day"), 3, 0, 0, 0, time.UTC)
		closed := month.New(now.Year(), now.Month()) - 1
		if now.Day() <= 7 {
			closed--
		}
		begun := closed - month.Month(rapid.IntRange(40, 80).Draw(t, "months"))
		created := begun + month.Month(rapid.IntRange(-3, 3).Draw(t, "made"))
		var docs []billing.Document
		drawn := map[string]*drawnType{}
		for _, name := range []string{"bills", "invoices", "reports", "comsumptionRatedReports"} {
			if rapid.IntRange(0, 4).Draw(t, name) == 0 {
				continue // never seen
			}
			r := rapid.SampledFrom([]int{1, 1, 1, 3, 12}).Draw(t, name+" rhythm")
			d := &drawnType{r, rapid.IntRange(0, r-1).Draw(t, name+" phase"), map[month.Month]bool{}}
			d.keep(t, name, begun, closed)
			drawn[name] = d
			for m := range d.there {
				docs = append(docs, of(name, fmt.Sprintf("%04d%02d", m.Year(), m.Of()))...)
			}
		}
		for _, name := range []string{"partialBills", "partialConsumptionRatedReports", "credits", "other"} {
			for range rapid.IntRange(0, 3).Draw(t, name) {
				m := begun + month.Month(rapid.IntRange(0, int(closed-begun)+1).Draw(t, name+" month"))
				docs = append(docs, of(name, fmt.Sprintf("%04d%02d", m.Year(), m.Of()))...)
			}
		}
		if c := Build(entry("OCB1", ""), listing(docs...), Span{Now: now}); c.Ended != nil {
			t.Skip("of ended ones TestEnded tells")
		}
		want := map[string][]string{}
		for name, d := range drawn {
			for m := begun; m <= closed; m++ {
				seen := false // any type of this rhythm, then or before
				for _, o := range drawn {
					for have := range o.there {
						seen = seen || o.rhythm == d.rhythm && have <= m
					}
				}
				over := m+month.Month(d.rhythm)-1 <= closed || m < slices.Max(slices.Collect(maps.Keys(d.there)))
				if int(m)%d.rhythm == d.phase && !d.there[m] && seen && m >= created && over {
					want[name] = append(want[name], m.String())
				}
			}
		}
		docs = rapid.Permutation(docs).Draw(t, "order")
		got := missingOf(docs, fmt.Sprintf("%04d-%02d-15T00:00:00Z", created.Year(), created.Of()), Span{Now: now})
		if d := cmp.Diff(want, got); d != "" {
			t.Fatalf("at %s, made %s (-want +got):\n%s", now.Format(time.DateOnly), created, d)
		}
	})
}
