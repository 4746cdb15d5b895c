package root

import (
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
