package completeness

import (
	"io"
	"maps"
	"slices"
	"strconv"
	"strings"

	"ccsfs/cmd/ccsfs/internal/decimal"
	"ccsfs/cmd/ccsfs/internal/month"
	"ccsfs/cmd/ccsfs/internal/term"
)

// The states of a row of the CSV.
const (
	statePresent = "present"
	stateMissing = "missing" // no document of this month, though one is due
	stateRefused = "refused" // the API refuses this type
	stateNone    = "none"    // nothing at all of this type, where other contracts have some
	stateUndated = "undated" // documents of which no month is known
)

// WriteCSV writes the report as CSV (RFC 4180, UTF-8), a row for each contract,
// type, month and currency. Texts from outside cannot be taken for formulas by a
// spreadsheet: one that begins like a formula gets an apostrophe before it.
func WriteCSV(w io.Writer, contracts []Contract) error {
	rows := [][]string{{"contract", "name", "type", "month", "state", "documents", "amount", "currency", "note"}}
	for _, c := range contracts {
		for _, r := range c.Rows() {
			rows = append(rows, r.cells())
		}
	}
	return term.WriteCSV(w, rows)
}

// Row is what there is of a contract, type, month and currency, or what is not.
type Row struct {
	Contract, Name, Type string
	Month                *month.Month // nil: not known
	State                string       // present, missing, undated, none or refused
	Documents            int
	Sum                  *decimal.Sum // nil: not known
	Currency             string
	Note                 string // why it may not be the whole truth
}

func (r Row) cells() []string {
	of, amount := "", ""
	if r.Month != nil {
		of = r.Month.String()
	}
	if r.Sum != nil {
		amount = r.Sum.String()
	}
	return []string{term.Cell(r.Contract), term.Cell(r.Name), term.Cell(r.Type), of, r.State, strconv.Itoa(r.Documents), amount, term.Cell(r.Currency), term.Cell(r.Note)}
}

// Rows are the report as a table.
func (c *Contract) Rows() []Row {
	var rows []Row
	note := strings.Join(c.Warnings(), "; ")
	add := func(r Row) {
		r.Contract, r.Name, r.Note = c.ID, c.Name, note
		rows = append(rows, r)
	}
	for _, t := range c.Types {
		missing := t.Missing
		absent := func(n int) { // the first n of them
			for _, m := range missing[:n] {
				add(Row{Type: t.Type, Month: &m, State: stateMissing})
			}
			missing = missing[n:]
		}
		for _, m := range t.Months {
			before, _ := slices.BinarySearch(missing, m.Month)
			absent(before)
			for _, currency := range slices.Sorted(maps.Keys(m.byCurrency)) {
				add(Row{Type: t.Type, Month: &m.Month, State: statePresent, Documents: m.byCurrency[currency], Sum: m.Sums[currency], Currency: currency})
			}
		}
		absent(len(missing))
		if t.Undated > 0 {
			add(Row{Type: t.Type, State: stateUndated, Documents: t.Undated})
		}
	}
	for _, t := range c.None {
		add(Row{Type: t, State: stateNone})
	}
	for _, t := range c.Refused {
		add(Row{Type: t, State: stateRefused})
	}
	return rows
}
