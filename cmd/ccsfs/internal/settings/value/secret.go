package value

import (
	"errors"
	"strings"

	"ccsfs/cmd/ccsfs/internal/redacted"
)

// Secret refuses what cannot be a credential: each becomes a header line.
func Secret(text string) (redacted.Text, error) {
	switch {
	case isPlaceholder(text):
		return redacted.Text{}, errors.New("still holds the placeholder text; put the real value in its place")
	case strings.ContainsFunc(text, isControl):
		return redacted.Text{}, errors.New("contains a line break or another control character; it must be one line")
	case strings.Contains(text, " "):
		return redacted.Text{}, errors.New("contains a space; was more than the value copied?")
	}
	return redacted.New(text), nil
}

// Lines is Secret for what stands in a file of its own, with comments around it.
func Lines(text string) (redacted.Text, error) {
	if isPlaceholder(text) {
		return redacted.Text{}, errors.New("still holds the placeholder text; put the real value in its place")
	}
	return redacted.New(text), nil
}

// isPlaceholder recognises the texts that stand in the user guide's files
// ("Your API_KEY provided to you by ECC team", "****insert here …") and the
// usual ones of examples.
func isPlaceholder(text string) bool {
	lower := strings.ToLower(strings.TrimSpace(text))
	for _, start := range []string{"your ", "your_", "your-", "<", "{{", "***", "...", "…", "xxx"} {
		if strings.HasPrefix(lower, start) {
			return true
		}
	}
	return lower == "changeme" || lower == "change-me" || lower == "todo" || strings.Contains(lower, "provided to you by")
}
