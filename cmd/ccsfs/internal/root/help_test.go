package root

import (
	"sort"
	"strings"
	"testing"
	"unicode/utf8"
)

// Paragraphs fit the width; tables and examples stay as they are.
func TestHelpIsWrapped(t *testing.T) {
	text := "one two three four five six seven\neight nine ten\n\n  --a-table          of settings\n\nlast"
	for _, width := range []int{0, 12, 40, 200} {
		got := help{}.wrapped(text, width)
		if width == 0 && got != text {
			t.Errorf("without a terminal: %q", got)
		}
		if strings.Join(strings.Fields(got), " ") != strings.Join(strings.Fields(text), " ") {
			t.Errorf("width %d loses words: %q", width, got)
		}
		if !strings.Contains(got, "\n\n  --a-table          of settings\n\n") {
			t.Errorf("width %d: %q", width, got)
		}
		for line := range strings.Lines(got) {
			if n := utf8.RuneCountInString(strings.TrimRight(line, "\n")); width > 0 && n > width && !strings.HasPrefix(line, " ") {
				t.Errorf("width %d: a line of %d: %q", width, n, line)
			}
		}
	}
}

// The table of settings fits the width, and loses no word: a default that does not fit is
// in the line below.
func TestSettingsAreWrapped(t *testing.T) {
	words := func(text string) string {
		fields := strings.FieldsFunc(text, func(r rune) bool { return strings.ContainsRune(" \n():", r) })
		sort.Strings(fields)
		return strings.ReplaceAll(strings.Join(fields, " "), "default ", "")
	}
	settingsText(3) // narrower than the indentation
	for _, width := range []int{60, 80, 100} {
		got := settingsText(width)
		for line := range strings.Lines(got) {
			if n := utf8.RuneCountInString(strings.TrimRight(line, "\n")); n > width {
				t.Errorf("width %d: a line of %d: %q", width, n, line)
			}
		}
		if words(got) != words(settingsText(0)) {
			t.Errorf("width %d loses words: %q", width, got)
		}
	}
}
