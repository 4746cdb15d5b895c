package table

import (
	"fmt"
	"io"
	"slices"
	"strings"
	"text/tabwriter"
)

// Table are rows with the same columns.
type Table struct {
	Contenders []string // names; the first one is judged
	Peers      []string // other programs, which are shown beside and not judged
	Rows       []Row
}

// Add appends a row.
func (t *Table) Add(r Row) { t.Rows = append(t.Rows, r) }

// Line is a row in one line, for those who wait.
func (t *Table) Line(r Row) string {
	var said []string
	head := t.head()
	for i, cell := range r.cells(len(t.Contenders), len(t.Peers)) {
		switch {
		case cell == "" || cell == none:
		case i >= fixedColumns:
			said = append(said, head[i]+" "+cell)
		default:
			said = append(said, cell)
		}
	}
	return strings.Join(said, "  ")
}

// fixedColumns are the columns before the peers.
const fixedColumns = 7

func (t *Table) head() []string {
	us := t.Contenders[0]
	head := append([]string{"work", us, "bound", "ratio", "of rounds", "target", ""}, t.Peers...)
	for _, name := range t.Contenders[1:] {
		head = append(head, name, name+" / bound", us+" / "+name)
	}
	return head
}

// Write writes the table as Markdown, nothing where it has no rows. Columns of which no row has
// anything are left out.
func (t *Table) Write(w io.Writer) error {
	if len(t.Rows) == 0 {
		return nil
	}
	lines := [][]string{t.head(), slices.Repeat([]string{"---"}, len(t.head()))}
	for _, r := range t.Rows {
		lines = append(lines, r.cells(len(t.Contenders), len(t.Peers)))
	}
	empty := make([]bool, len(lines[0]))
	for i := range empty {
		empty[i] = i >= fixedColumns && !slices.ContainsFunc(lines[2:], func(cells []string) bool { return cells[i] != none })
	}
	tw := tabwriter.NewWriter(w, 0, 0, 1, ' ', 0)
	for _, cells := range lines {
		for i, cell := range cells {
			if !empty[i] {
				fmt.Fprintf(tw, "| %s\t", cell)
			}
		}
		fmt.Fprintln(tw, "|")
	}
	return tw.Flush()
}

// Met counts the targets, and those that the first contender met.
func (t *Table) Met() (met, of int) {
	for _, r := range t.Rows {
		if r.Judged() {
			of++
			if r.Met(0) {
				met++
			}
		}
	}
	return met, of
}
