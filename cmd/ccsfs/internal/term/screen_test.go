package term

import (
	"bytes"
	"strings"
	"testing"

	"pgregory.net/rapid"
)

// Wrapping keeps every word, in order.
func TestWrapKeepsAllText(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		text, width := rapid.String().Draw(rt, "text"), rapid.IntRange(1, 50).Draw(rt, "width")
		lines := Wrap(text, width)
		squeeze := func(s string) string { return strings.Join(strings.Fields(s), "") }
		if got := squeeze(strings.Join(lines, "")); got != string([]rune(squeeze(text))) {
			rt.Fatalf("%q became %q", text, lines)
		}
	})
}

func TestScreenOfWhatIsNoTerminal(t *testing.T) {
	if s := ScreenOf(map[string]string{"TERM": "xterm"}, &bytes.Buffer{}); s.Terminal || s.Colours || s.Width != plainWidth {
		t.Errorf("%+v", s)
	}
}
