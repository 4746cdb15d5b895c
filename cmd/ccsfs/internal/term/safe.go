package term

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"strings"
	"unicode"
)

// EncodeJSON writes JSON that is safe on a terminal too: characters that control
// it, or reorder a line, are escaped, and not only those below U+0020.
func EncodeJSON(w io.Writer, v any) error { return encodeJSON(w, v, "  ") }

// EncodeJSONLine is EncodeJSON on one line, which it ends.
func EncodeJSONLine(w io.Writer, v any) error { return encodeJSON(w, v, "") }

func encodeJSON(w io.Writer, v any, indent string) error {
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	e.SetIndent("", indent)
	if err := e.Encode(v); err != nil {
		return err
	}
	for _, r := range b.String() { // outside of texts all is ASCII
		var err error
		if r != '\n' && unsafeOnTerminal(r) {
			_, err = fmt.Fprintf(w, "\\u%04x", r)
		} else {
			_, err = io.WriteString(w, string(r))
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// Plain makes a text from outside safe on a line of a terminal: control
// characters, and those that reorder or break the line, become question marks.
func Plain(text string) string {
	return strings.Map(func(r rune) rune {
		if unsafeOnTerminal(r) {
			return '?'
		}
		return r
	}, text)
}

func unsafeOnTerminal(r rune) bool {
	return unicode.IsControl(r) || unicode.Is(unicode.Bidi_Control, r) || r == '\u2028' || r == '\u2029'
}
