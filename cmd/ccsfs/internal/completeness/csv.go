package completeness

import (
	"encoding/csv"
	"io"
	"maps"
	"slices"
	"strconv"
	"strings"
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
	out := csv.NewWriter(w)
	out.UseCRLF = true
	rows := [][]string{{"contract", "name", "type", "month", "state", "documents", "amount", "currency", "note"}}
	for _, c := range contracts {
		rows = append(rows, c.rows()...)
	}
	if err := out.WriteAll(rows); err != nil {
		return err
	}
	return out.Error()
}

func (c *Contract) rows() [][]string {
	var rows [][]string
	note := strings.Join(c.Warnings(), "; ")
	add := func(t, month, state string, documents int, amount, currency string) {
		rows = append(rows, []string{text(c.ID), text(c.Name), text(t), month, state,
			strconv.Itoa(documents), amount, text(currency), text(note)})
	}
	for _, t := range c.Types {
		missing := t.Missing
		absent := func(n int) { // the first n of them
			for _, m := range missing[:n] {
				add(t.Type, m.String(), stateMissing, 0, "", "")
			}
			missing = missing[n:]
		}
		for _, m := range t.Months {
			before, _ := slices.BinarySearch(missing, m.Month)
			absent(before)
			for _, currency := range slices.Sorted(maps.Keys(m.byCurrency)) {
				amount := ""
				if sum := m.Sums[currency]; sum != nil {
					amount = sum.String()
				}
				add(t.Type, m.Month.String(), statePresent, m.byCurrency[currency], amount, currency)
			}
		}
		absent(len(missing))
		if t.Undated > 0 {
			add(t.Type, "", stateUndated, t.Undated, "", "")
		}
	}
	for _, t := range c.None {
		add(t, "", stateNone, 0, "", "")
	}
	for _, t := range c.Refused {
		add(t, "", stateRefused, 0, "", "")
	}
	return rows
}

// text makes a cell that no spreadsheet takes for a formula, nor for the start of
// a row: what begins with =, +, -, @, a tab or a line break gets an apostrophe.
func text(s string) string {
	if s != "" && strings.ContainsRune("=+-@\t\r\n＝＋－＠", []rune(s)[0]) {
		return "'" + s
	}
	return s
}
