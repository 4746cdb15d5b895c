// Package suggest finds what was probably meant by a name that is none: of a setting, a
// command, a contract, a document.
package suggest

import (
	"fmt"
	"strings"
)

// longest bounds what is compared, in bytes: the cost grows with the square.
const longest = 300

// Nearest returns the candidate that was most likely meant by name: the one with the
// fewest edits, if these are few for its length, whatever their case, else "".
func Nearest(name string, candidates []string) string {
	best, bestEdits := "", 0
	if len(name) > longest {
		return ""
	}
	for _, c := range candidates {
		if len(c) > longest {
			continue
		}
		n := edits(strings.ToLower(name), strings.ToLower(c))
		if n <= 1+len(c)/4 && (best == "" || n < bestEdits) {
			best, bestEdits = c, n
		}
	}
	return best
}

// Hint returns ` (did you mean "…"?)` if one of the candidates is near name, else "".
func Hint(name string, candidates []string) string {
	if c := Nearest(name, candidates); c != "" {
		return fmt.Sprintf(" (did you mean %q?)", c)
	}
	return ""
}

// edits is the Levenshtein distance between a and b, in bytes.
func edits(a, b string) int {
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := range len(a) {
		diagonal := row[0]
		row[0] = i + 1
		for j := range len(b) {
			cost := diagonal
			if a[i] != b[j] {
				cost++
			}
			diagonal = row[j+1]
			row[j+1] = min(cost, row[j]+1, row[j+1]+1)
		}
	}
	return row[len(b)]
}
