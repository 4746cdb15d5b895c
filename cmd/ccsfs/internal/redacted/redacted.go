// Package redacted keeps secrets out of what is printed, logged or encoded.
package redacted

import (
	"fmt"
	"io"
	"log/slog"
)

// Shown is what stands for a secret wherever one would be shown.
const Shown = "***"

// Text is a text that no print, log or encoding shows. It points to its
// text, for fmt prints what lies in unexported fields without asking methods.
type Text struct{ text *string }

// New wraps text.
func New(text string) Text { return Text{&text} }

// Reveal returns the text itself.
func (s Text) Reveal() string {
	if s.text == nil {
		return ""
	}
	return *s.text
}

// Given tells whether there is a text at all.
func (s Text) Given() bool { return s.Reveal() != "" }

// String implements fmt.Stringer.
func (Text) String() string { return Shown }

// GoString implements fmt.GoStringer.
func (Text) GoString() string { return Shown }

// Format implements fmt.Formatter, for the verbs that pass String by.
func (Text) Format(f fmt.State, _ rune) { _, _ = io.WriteString(f, Shown) }

// LogValue implements slog.LogValuer.
func (Text) LogValue() slog.Value { return slog.StringValue(Shown) }

// MarshalText implements encoding.TextMarshaler, and so covers JSON.
func (Text) MarshalText() ([]byte, error) { return []byte(Shown), nil }
