package completeness

import (
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"

	"ccsfs/cmd/ccsfs/internal/month"
)

// tableWidth is how wide the table of months is with the sums beside it, in columns; what
// else is said may be wider.
const tableWidth = 80

// WriteTable writes the report for people: for each type a row a year with the number of
// documents of each month, a dash where one is missing. Longer texts are broken into lines
// of width columns; with 0, into none. plain makes texts from outside safe to show.
func WriteTable(w io.Writer, width int, contracts []Contract, plain func(string) string) error {
	b := page{width: width}
	for i, c := range contracts {
		if i > 0 {
			b.WriteByte('\n')
		}
		c.write(&b, plain)
	}
	_, err := io.WriteString(w, b.String())
	return err
}

// page is what is written, by the width of its lines, in columns; 0: as long as they are.
type page struct {
	strings.Builder
	width int
}

func (c *Contract) write(b *page, plain func(string) string) {
	title := plain(c.ID) + " " + plain(c.Name)
	if c.Offer != "" {
		title += " (" + plain(c.Offer) + ")"
	}
	b.paragraph("", title)
	for _, w := range c.Warnings() {
		b.paragraph("  ", plain("! "+w))
	}
	if len(c.Types) == 0 && len(c.have) > 0 {
		b.WriteString("  no documents of those asked for\n")
	} else if len(c.Types) == 0 {
		b.WriteString("  no documents\n")
	} else {
		b.WriteString("          Jan  Feb  Mar  Apr  May  Jun  Jul  Aug  Sep  Oct  Nov  Dec\n")
	}
	for i := range c.Types {
		c.Types[i].write(b, plain)
	}
	for _, t := range c.None {
		b.paragraph("  ", plain(t)+": none at all, where other contracts have some")
	}
}

// paragraph writes a text over as many lines as it takes, indented.
func (b *page) paragraph(indent, text string) {
	line := indent
	for i, word := range strings.Fields(text) {
		switch {
		case i == 0:
			line += word
		case b.width > 0 && len([]rune(line))+1+len([]rune(word)) > b.width:
			fmt.Fprintf(b, "%s\n", line)
			line = indent + "  " + word
		default:
			line += " " + word
		}
	}
	fmt.Fprintf(b, "%s\n", line)
}

func (t *Type) write(b *page, plain func(string) string) {
	head := fmt.Sprintf("  %s: %d", plain(t.Type), t.Documents)
	if t.First != nil {
		head += fmt.Sprintf(", %s to %s", t.First, t.Last)
	}
	sums := t.totals(plain)
	most := tableWidth
	if b.width > 0 {
		most = min(most, b.width)
	}
	if pad := most - len([]rune(head)) - len([]rune(sums)); sums != "" && pad > 0 {
		head += strings.Repeat(" ", pad) + sums
		sums = ""
	}
	fmt.Fprintf(b, "%s\n", head)
	if sums != "" {
		b.paragraph("    ", sums)
	}
	if t.First != nil || len(t.Missing) > 0 {
		t.writeMonths(b)
	}
	if len(t.Missing) > 0 {
		b.paragraph("    ", "missing: "+ranges(t.Missing))
	}
	if t.Undated > 0 {
		fmt.Fprintf(b, "    %d without a month\n", t.Undated)
	}
	if t.BadAmount > 0 {
		fmt.Fprintf(b, "    %d with an amount that is not a number, not in the sum\n", t.BadAmount)
	}
	if n := t.NoAmount; n > 0 && len(t.Sums) > 0 {
		fmt.Fprintf(b, "    %d without an amount, not in the sum\n", n)
	}
}

// totals are the sums, one behind the other.
func (t *Type) totals(plain func(string) string) string {
	var texts []string
	for _, currency := range t.Sums.Currencies() {
		texts = append(texts, strings.TrimRight(t.Sums[currency].String()+" "+plain(currency), " "))
	}
	return strings.Join(texts, " + ")
}

// writeMonths writes a row for each year. Months that are neither there nor missing
// are blank.
func (t *Type) writeMonths(b *page) {
	count := map[month.Month]int{}
	for _, m := range t.Months {
		count[m.Month] = m.Documents
	}
	all := slices.Clone(t.Missing)
	if t.First != nil {
		all = append(all, *t.First, *t.Last)
	}
	first, last := slices.Min(all), slices.Max(all)
	for year := first.Year(); year <= last.Year(); year++ {
		line := fmt.Sprintf("    %d", year)
		for of := range 12 {
			m := month.Month(year*12 + of)
			cell := ""
			switch n := count[m]; {
			case n > 0:
				cell = strconv.Itoa(n)
			case slices.Contains(t.Missing, m):
				cell = "-"
			}
			line += fmt.Sprintf("%5s", cell)
		}
		fmt.Fprintf(b, "%s\n", strings.TrimRight(line, " "))
	}
}

// ranges words months in order, those in a row together.
func ranges(months []month.Month) string {
	var texts []string
	for i := 0; i < len(months); {
		j := i
		for j+1 < len(months) && months[j+1] == months[j]+1 {
			j++
		}
		text := months[i].String()
		if j > i {
			text += " to " + months[j].String()
		}
		texts = append(texts, text)
		i = j + 1
	}
	return strings.Join(texts, ", ")
}
