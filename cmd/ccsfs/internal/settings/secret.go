package settings

import (
	"errors"
	"fmt"
	"io"
	"log/slog"
	"strings"
)

const redacted = "***"

// Secret is a text that no print, log or encoding shows. It points to its
// text, for fmt prints what lies in unexported fields without asking methods.
type Secret struct{ text *string }

// NewSecret wraps text.
func NewSecret(text string) Secret { return Secret{&text} }

// Reveal returns the text itself.
func (s Secret) Reveal() string {
	if s.text == nil {
		return ""
	}
	return *s.text
}

// Given tells whether there is a text at all.
func (s Secret) Given() bool { return s.Reveal() != "" }

// String implements fmt.Stringer.
func (Secret) String() string { return redacted }

// GoString implements fmt.GoStringer.
func (Secret) GoString() string { return redacted }

// Format implements fmt.Formatter, for the verbs that pass String by.
func (Secret) Format(f fmt.State, _ rune) { _, _ = io.WriteString(f, redacted) }

// LogValue implements slog.LogValuer.
func (Secret) LogValue() slog.Value { return slog.StringValue(redacted) }

// MarshalText implements encoding.TextMarshaler, and so covers JSON.
func (Secret) MarshalText() ([]byte, error) { return []byte(redacted), nil }

// parseSecret refuses what cannot be a credential: each becomes a header line.
func parseSecret(text string) (Secret, error) {
	switch {
	case isPlaceholder(text):
		return Secret{}, errors.New("still holds the placeholder text; put the real value in its place")
	case strings.ContainsFunc(text, isControl):
		return Secret{}, errors.New("contains a line break or another control character; it must be one line")
	case strings.Contains(text, " "):
		return Secret{}, errors.New("contains a space; was more than the value copied?")
	}
	return NewSecret(text), nil
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
