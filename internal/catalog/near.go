package catalog

import (
	"fmt"
	"strings"
)

// hint returns ` (did you mean "…"?)` if one of the choices is near s, else "".
func hint(s string, choices []string) string {
	if c := nearest(s, choices); c != "" {
		return fmt.Sprintf(" (did you mean %q?)", c)
	}
	return ""
}

// nearest returns the choice that differs from s by the fewest edits, if they
// are at most a third of its length, else "".
func nearest(s string, choices []string) string {
	if len(s) > 100 {
		return ""
	}
	best, found := 1<<30, ""
	for _, c := range choices {
		if n := edits(strings.ToLower(s), strings.ToLower(c)); n < best && n <= max(1, len(c)/3) {
			best, found = n, c
		}
	}
	return found
}

// edits is the Levenshtein distance of two short texts.
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
