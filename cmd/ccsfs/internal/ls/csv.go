package ls

import (
	"io"
	"strconv"
	"time"

	"ccsfs/cmd/ccsfs/internal/term"
)

// printCSV writes a row for each node: the times in UTC (RFC 3339), sizes in bytes, empty
// where they are not known. Columns are added at the end, and do not change.
func printCSV(w io.Writer, sections []section) error {
	rows := [][]string{{"path", "kind", "contract", "type", "id", "period", "modified", "size", "amount", "currency"}}
	for _, s := range sections {
		for _, n := range s.nodes {
			rows = append(rows, n.cells())
		}
	}
	return term.WriteCSV(w, rows)
}

func (n listed) cells() []string {
	j := n.json()
	contract, modified, size, amount := "", "", "", ""
	if n.Contract != nil {
		contract = n.Contract.ID
	}
	if j.Modified != nil {
		modified = j.Modified.Format(time.RFC3339)
	}
	if j.Size != nil {
		size = strconv.FormatInt(*j.Size, 10)
	}
	if j.Amount != nil {
		amount = j.Amount.String()
	}
	return []string{term.Cell(j.Path), j.Kind, term.Cell(contract), term.Cell(j.Type), term.Cell(j.ID), term.Cell(j.Period),
		modified, size, amount, term.Cell(j.Currency)}
}
