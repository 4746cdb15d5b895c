package term

import (
	"encoding/csv"
	"io"
	"strings"
)

// WriteCSV writes rows as CSV (RFC 4180, UTF-8).
func WriteCSV(w io.Writer, rows [][]string) error {
	out := csv.NewWriter(w)
	out.UseCRLF = true
	return out.WriteAll(rows)
}

// Cell makes a cell that no spreadsheet takes for a formula, nor for the start of
// a row: what begins with =, +, -, @, a tab or a line break gets an apostrophe.
func Cell(s string) string {
	if s != "" && strings.ContainsRune("=+-@\t\r\n＝＋－＠", []rune(s)[0]) {
		return "'" + s
	}
	return s
}
