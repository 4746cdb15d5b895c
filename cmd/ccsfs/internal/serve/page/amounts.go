package page

import (
	"math"
	"slices"
	"strconv"
	"unicode/utf8"

	"ccsfs/cmd/ccsfs/internal/completeness"
	"ccsfs/cmd/ccsfs/internal/costs"
	"ccsfs/cmd/ccsfs/internal/month"
	"ccsfs/cmd/ccsfs/internal/serve/page/ask"
	"ccsfs/cmd/ccsfs/internal/serve/page/chart"
	"ccsfs/internal/billing"
)

// costsBody are the amounts of one type of documents in a year.
type costsBody struct {
	Year     int
	Type     string
	Others   []typeLink
	Months   []int // of the year, 1 to 12
	Rows     []costsRow
	Widest   int // characters of an amount of a month, made even: a class of the style
	Lacking  int // documents of which no amount is known
	Missing  int // due and not there
	Unlisted int // contracts whose documents are not known
	Undated  int // documents without a month, which are of no year
	Readable int // documents that could be fetched to read their amount
	Reading  bool
	Back     string // see frame
}

type typeLink struct{ Type, Href string }

// costsRow is the amounts of one currency and source.
type costsRow struct {
	Currency string
	Source   costs.Source
	Cells    []string // of each month, "" where there is none
	Total    string
	Chart    drawing
}

// drawing is a chart with its labels.
type drawing struct {
	Width, Height, Zero int
	Ticks               []label
	Bars                []chart.Bar
}

type label struct {
	Y    int
	Text string
}

// costType is the type of which amounts are shown: that asked for, else the first of which
// some are known in the year.
func (o *overview) costType() (typ string, others []string) {
	types := o.types(func(t completeness.Type) bool { return t.Documents > 0 })
	var some []string
	for _, t := range types {
		c := o.view.Costs(o.look, t, o.asked.Year)
		if slices.ContainsFunc(c.Totals, func(r costs.Row) bool { return r.Sum != nil }) {
			some = append(some, t)
		}
	}
	typ = billing.TypeBills
	switch {
	case slices.Contains(types, o.asked.Cost):
		typ = o.asked.Cost
	case len(some) > 0:
		typ = some[0]
	}
	return typ, slices.DeleteFunc(some, func(t string) bool { return t == typ })
}

// costs are nil where there is no document.
func (o *overview) costs() *costsBody {
	if len(o.years) == 0 {
		return nil
	}
	b := &costsBody{Year: o.asked.Year}
	var others []string
	b.Type, others = o.costType()
	for _, t := range others {
		b.Others = append(b.Others, typeLink{t, ask.Link(o.asked.View(), "costs", "cost", t)})
	}
	for of := range 12 {
		b.Months = append(b.Months, of+1)
	}
	c := o.view.Costs(o.look, b.Type, b.Year)
	b.Lacking = c.Count(costs.Unknown)
	b.Readable, b.Reading, b.Back = o.look.Readable(b.Type, b.Year), o.look.Reading, o.URL.RawQuery
	for _, one := range o.look.Contracts {
		if one.Listing == nil {
			b.Unlisted++
		}
		for _, t := range one.Report.Types {
			if t.Type == b.Type {
				b.Undated += t.Undated
			}
			for _, m := range t.Missing {
				if t.Type == b.Type && m.Year() == b.Year {
					b.Missing++
				}
			}
		}
	}
	for _, total := range c.Totals {
		if total.Sum != nil {
			row := o.costsRow(c, total)
			for _, cell := range row.Cells {
				b.Widest = max(b.Widest, utf8.RuneCountInString(cell))
			}
			b.Rows = append(b.Rows, row)
		}
	}
	b.Widest = min(max(b.Widest+b.Widest%2, narrowest), widest)
	return b
}

// The bounds of costsBody.Widest; there is a class for each even number from one to the other.
const narrowest, widest = 8, 18

// costsRow is the row of a total.
func (o *overview) costsRow(c *costs.Costs, total costs.Row) costsRow {
	row := costsRow{Currency: total.Currency, Source: total.Source, Cells: make([]string, 12)}
	digits := total.Sum.Scale()
	row.Total = o.lang.Decimal(total.Sum.Fixed(digits))
	values := slices.Repeat([]float64{math.NaN()}, 12)
	for _, r := range c.Sums {
		if r.Currency != total.Currency || r.Source != total.Source || r.Month == nil || r.Sum == nil {
			continue
		}
		at := r.Month.Of() - 1
		row.Cells[at] = o.lang.Decimal(r.Sum.Fixed(digits))
		values[at], _ = strconv.ParseFloat(r.Sum.String(), 64) // for its height alone
	}
	plan := chart.Of(values)
	row.Chart = drawing{Width: chart.Width, Height: chart.Height, Zero: plan.Zero, Bars: plan.Bars}
	for _, t := range plan.Ticks {
		row.Chart.Ticks = append(row.Chart.Ticks, label{t.Y, o.lang.Decimal(strconv.FormatFloat(t.Value, 'f', -1, 64))})
	}
	return row
}

// costFact is what the year cost, and its latest month that is over.
type costFact struct {
	Type   string
	Totals []costSum
	Latest month.Month
	Last   []costSum
	Href   string
}

type costSum struct {
	Amount, Currency string
	Source           costs.Source
}

func (o *overview) costFact() costFact {
	f := costFact{Href: ask.Link(o.asked.View(), "costs")}
	f.Type, _ = o.costType()
	c := o.view.Costs(o.look, f.Type, o.asked.Year)
	f.Totals = o.costSums(c.Totals, func(costs.Row) bool { return true })
	if f.Latest = o.now - 1; f.Latest.Year() != o.asked.Year {
		f.Latest = 0
		for _, r := range c.Sums {
			if r.Month != nil && r.Sum != nil {
				f.Latest = max(f.Latest, *r.Month)
			}
		}
	}
	f.Last = o.costSums(c.Sums, func(r costs.Row) bool { return r.Month != nil && *r.Month == f.Latest })
	return f
}

func (o *overview) costSums(rows []costs.Row, is func(costs.Row) bool) (sums []costSum) {
	for _, r := range rows {
		if r.Sum != nil && is(r) {
			sums = append(sums, costSum{r.Sum.String(), r.Currency, r.Source})
		}
	}
	return sums
}
