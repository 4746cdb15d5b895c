package costs

import (
	"fmt"
	"io"
	"path"
	"slices"
	"strconv"
	"strings"

	"ccsfs/cmd/ccsfs/internal/term"
)

// WriteTable writes the sums for people: amounts in a column, what was read with an
// asterisk and in rows of its own (nobody knows whether the API tells the same, with VAT or
// without), what is not known as a question mark. notes are said below. It is as wide as
// width has columns, where what stands in it lets it; with 0 nothing is cut or broken.
// plain makes texts from outside safe to show.
func (c *Costs) WriteTable(w io.Writer, width int, notes []string, plain func(string) string) error {
	var b strings.Builder
	digits := 0
	for _, l := range append(slices.Clone(c.Sums), c.Totals...) {
		if l.Sum != nil {
			digits = max(digits, l.Sum.Scale())
		}
	}
	var rows [][]string
	heads := []string{}
	for _, k := range c.By {
		heads = append(heads, string(k))
	}
	rows = append(rows, append(heads, "documents", "amount", ""))
	for _, l := range c.Sums {
		rows = append(rows, append(c.keys(l, plain), l.tail(digits, plain)...))
	}
	for _, l := range c.Totals {
		cells := make([]string, len(c.By))
		if cells[0] = "total"; len(c.Types) > 1 {
			i := slices.Index(c.By, ByType)
			if cells[i] = short(plain(l.Type), 40); i == 0 {
				cells[i] = "total " + cells[i]
			}
		}
		rows = append(rows, append(cells, l.tail(digits, plain)...))
	}
	c.align(&b, width, rows, len(c.Sums))
	for _, note := range append(c.remarks(), notes...) {
		texts := []string{plain(note)}
		if width > 0 {
			texts = term.Wrap(texts[0], width)
		}
		for _, text := range texts {
			fmt.Fprintln(&b, text)
		}
	}
	_, err := io.WriteString(w, b.String())
	return err
}

func (c *Costs) keys(l Row, plain func(string) string) (cells []string) {
	for _, k := range c.By {
		cell := "-"
		switch {
		case k == ByContract:
			cell = short(plain(l.Contract), 40)
			if l.Name != "" {
				cell += " " + plain(l.Name)
			}
		case k == ByType:
			cell = short(plain(l.Type), 40)
		case k == ByYear && l.Year != 0:
			cell = strconv.Itoa(l.Year)
		case k == ByMonth && l.Month != nil:
			cell = l.Month.String()
		}
		cells = append(cells, cell)
	}
	return cells
}

// tail is how many documents there are, and what they cost.
func (r Row) tail(digits int, plain func(string) string) []string {
	amount, unit := "?", ""
	if r.Sum != nil {
		amount, unit = r.Sum.Fixed(digits), short(plain(r.Currency), 8)
		if r.Source == Read {
			unit += "*"
		}
	}
	return []string{strconv.Itoa(r.Documents), amount, unit}
}

// align writes rows in columns: the heads, n sums, and, a line below, totals. The column of
// contracts is cut where the table would be too wide.
func (c *Costs) align(b *strings.Builder, width int, rows [][]string, n int) {
	if len(rows) == 1 {
		return
	}
	widths := make([]int, len(rows[0]))
	for _, row := range rows {
		for i, cell := range row {
			widths[i] = max(widths[i], len([]rune(cell)))
		}
	}
	if i := slices.Index(c.By, ByContract); i >= 0 && width > 0 {
		rest := 2 * (len(widths) - 1)
		for k, w := range widths {
			if k != i {
				rest += w
			}
		}
		least := 0 // of the id
		for _, row := range rows {
			id, _, _ := strings.Cut(row[i], " ")
			least = max(least, len([]rune(id)))
		}
		widths[i] = min(widths[i], max(width-rest, least))
	}
	for at, row := range rows {
		if at == n+1 && n > 0 {
			b.WriteByte('\n')
		}
		line := ""
		for i, cell := range row {
			cell = cut(cell, widths[i])
			pad := strings.Repeat(" ", widths[i]-len([]rune(cell)))
			switch right := i == len(row)-3 || i == len(row)-2; {
			case right:
				line += pad + cell
			default:
				line += cell + pad
			}
			if i == len(row)-2 {
				line += " "
			} else {
				line += "  "
			}
		}
		fmt.Fprintln(b, strings.TrimRight(line, " "))
	}
}

// short cuts a text from outside that is longer than any good one, in characters.
func short(text string, most int) string {
	if runes := []rune(text); len(runes) > most {
		return string(runes[:most-1]) + "…"
	}
	return text
}

// cut shortens a text, but not its first word, which is an id.
func cut(text string, most int) string {
	runes := []rune(text)
	if len(runes) <= most {
		return text
	}
	if id, _, _ := strings.Cut(text, " "); most < len([]rune(id))+3 {
		return id
	}
	return strings.TrimRight(string(runes[:most-1]), " ") + "…"
}

// remarks say what the sums are made of, and what is not in them.
func (c *Costs) remarks() (all []string) {
	known := c.Count(Told) + c.Count(Read)
	if n := c.Count(Read); n > 0 {
		all = append(all, fmt.Sprintf("* %d of %s read from the documents, not told by the API", n, term.Plural(known, "amount")))
	}
	if text := c.Lacking(); text != "" {
		all = append(all, "! "+text)
	}
	for _, name := range c.twins() {
		all = append(all, "! is there in several formats, and each counts: "+name)
	}
	for _, m := range c.Missing {
		text := "none at all, where other contracts have some"
		if len(m.Months) > 0 {
			text = "missing, in no sum: " + monthsText(m)
		}
		all = append(all, fmt.Sprintf("! %s: %s %s", m.Contract, m.Type, text))
	}
	return all
}

// twins are documents in a sum that differ in the extension of their names alone: most
// likely the same one in two formats, which nobody but a person can tell.
func (c *Costs) twins() (names []string) {
	formats := map[string]string{} // the first one seen of each
	told := map[string]bool{}
	for _, d := range c.Documents {
		if d.Source == Unknown {
			continue
		}
		format := path.Ext(d.Path)
		stem := strings.TrimSuffix(d.Path, format)
		key := d.Doc.ContractID + "\x00" + d.Doc.Type + "\x00" + d.Doc.Period + "\x00" + stem
		if first, seen := formats[key]; seen && first != format && !told[key] {
			told[key] = true
			names = append(names, stem)
		} else if !seen {
			formats[key] = format
		}
	}
	return names
}

func monthsText(m Lack) string {
	var months []string
	for _, of := range m.Months {
		months = append(months, of.String())
	}
	if len(months) > 6 {
		months = append(months[:5], fmt.Sprintf("… %d in all", len(m.Months)))
	}
	return strings.Join(months, ", ")
}

// Lacking says how many documents are in no sum, "" if all are in one.
func (c *Costs) Lacking() string {
	n := c.Count(Unknown)
	if n == 0 {
		return ""
	}
	return fmt.Sprintf("%d of %s in no sum, for no amount is known", n, term.Plural(len(c.Documents), "document"))
}
