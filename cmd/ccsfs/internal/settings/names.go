package settings

import "strings"

const envPrefix = "CCSFS_"

func snake(name string) string { return strings.ReplaceAll(name, "-", "_") }

func upperSnake(name string) string { return strings.ToUpper(snake(name)) }

// Nearest returns the candidate that was most likely meant by name: the one
// with the fewest edits, if these are few for its length, else "".
func Nearest(name string, candidates []string) string {
	best, bestEdits := "", 0
	for _, c := range candidates {
		n := edits(strings.ToLower(name), strings.ToLower(c))
		if n <= 1+len(c)/4 && (best == "" || n < bestEdits) {
			best, bestEdits = c, n
		}
	}
	return best
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
