package config

import (
	"io"
	"strings"
	"testing"

	"ccsfs/cmd/ccsfs/internal/exitcode"
)

// Ctrl-C at a prompt is the signal that it is elsewhere; Ctrl-D is none.
func TestPromptIsLeft(t *testing.T) {
	for typed, want := range map[string]struct {
		text string
		code int
	}{
		"key\r":     {"key", exitcode.Done},
		"key\x03":   {"", 130},
		"\x03":      {"", 130},
		"\x04":      {"", exitcode.Failed},
		"key\x7f\r": {"ke", exitcode.Done},
	} {
		text, err := ask(strings.NewReader(typed), io.Discard).line("api_key")
		code := exitcode.Done
		if err != nil {
			code = exitcode.Of(err)
		}
		if text != want.text || code != want.code {
			t.Errorf("%q: %q, status %d: %v", typed, text, code, err)
		}
	}
}
