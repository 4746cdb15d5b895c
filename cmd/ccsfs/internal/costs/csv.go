package costs

import (
	"io"
	"slices"
	"strconv"

	"ccsfs/cmd/ccsfs/internal/term"
)

// WriteCSV writes a row for each group, currency and source of amounts (RFC 4180, UTF-8):
// the amounts of a type, currency and source add up to its total. What is missing has a row for
// each month, if sums are by month, and one for a type of which there is nothing. Texts from outside cannot be taken for formulas.
func (c *Costs) WriteCSV(w io.Writer) error {
	rows := [][]string{{"contract", "name", "type", "year", "month", "documents", "amount", "currency", "amountSource"}}
	for _, r := range c.Rows() {
		rows = append(rows, r.cells())
	}
	return term.WriteCSV(w, rows)
}

// Rows are the sums, and, by month, what is missing from them.
func (c *Costs) Rows() []Row {
	rows := slices.Clone(c.Sums)
	for _, m := range c.Missing {
		r := Row{Type: m.Type, Source: Missing}
		if slices.Contains(c.By, ByContract) {
			r.Contract, r.Name = m.Contract, m.Name
		}
		if len(m.Months) == 0 {
			rows = append(rows, r)
		}
		for _, of := range m.Months {
			if !slices.Contains(c.By, ByMonth) {
				break
			}
			if r.Month = &of; slices.Contains(c.By, ByYear) {
				r.Year = of.Year()
			}
			rows = append(rows, r)
		}
	}
	return rows
}

func (r Row) cells() []string {
	year, of, amount := "", "", ""
	if r.Year != 0 {
		year = strconv.Itoa(r.Year)
	}
	if r.Month != nil {
		of = r.Month.String()
	}
	if r.Sum != nil {
		amount = r.Sum.String()
	}
	return []string{term.Cell(r.Contract), term.Cell(r.Name), term.Cell(r.Type), year, of,
		strconv.Itoa(r.Documents), amount, term.Cell(r.Currency), string(r.Source)}
}
