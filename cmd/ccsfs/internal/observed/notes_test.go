package observed

import (
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// The notes on the API name the observation that answers each unknown, and no other.
func TestNotesNameEveryObservation(t *testing.T) {
	data, err := os.ReadFile("../../../../docs/api-notes.md")
	if err != nil {
		t.Fatal(err)
	}
	_, part, ok := strings.Cut(string(data), "## What would answer the unknowns")
	if !ok {
		t.Fatal("the notes have no such part")
	}
	var named []string
	for line := range strings.Lines(part) {
		columns := strings.Split(line, "|")
		if len(columns) < 4 {
			continue
		}
		for _, m := range regexp.MustCompile("`([a-z_.A-Z0-9]+)`").FindAllStringSubmatch(columns[2], -1) {
			named = append(named, m[1])
		}
	}
	var asked []string
	for _, q := range Questions() {
		asked = append(asked, q.Name)
		if !slices.Contains(named, q.Name) {
			t.Errorf("the notes do not name %s", q.Name)
		}
	}
	for _, n := range named {
		if !slices.Contains(asked, n) {
			t.Errorf("the notes name %s, which is not observed", n)
		}
	}
	if len(slices.Compact(slices.Sorted(slices.Values(asked)))) != len(asked) {
		t.Error("two questions have one name")
	}
}
